/* One layer of torch.nn.GRU or LSTM: the state h of every step, from h = 0.
 *
 *   GRU   r = s(Wr x + br + Ur h + cr), z likewise;  n = tanh(Wn x + bn + r (Un h + cn))
 *         h' = n + z (h - n)
 *   LSTM  i, f, o = s(...), g = tanh(...);  cell' = f cell + i g;  h' = o tanh(cell')
 * with s the logistic function. This is PyTorch's GRU: the reset r acts on Un h + cn, behind
 * the matrix. The classic one, with r before the matrix, is the layer gru_classic.
 *
 * The gates are parts of two matrices: weight_ih and weight_hh have the parts r, z, n or i, f,
 * g, o one below the other. What the input gives to the gates does not depend on the state, so
 * that it is one product per gate for all steps at once; only what the state gives is a
 * product per step. Step 0 needs none, for its state is zero and the product would be the
 * bias.
 *
 * saved has pieces, each of all rows: GRU r, z, n, q (what the state gives to n) and a free
 * one; LSTM i, f, g, o, cell, tanh(cell). Backward goes down the steps, puts the gradients of
 * what goes into the activations over the first four pieces, and the state before each step
 * into the last. Then the gradient of each matrix is a plain sum over rows, of a piece times x
 * or times the last piece, which the update forms (layer.h). In a GRU the gradients of Wn x
 * and of Un h differ by the factor r: they are in pieces 2 and 3, which is what rnn_place
 * knows.
 *
 * chunk=N makes each N rows a sequence of its own, for hierarchical networks. A masked step
 * hands h (and cell) on unchanged, and its gates' gradients are zero. A sequence may begin
 * with padding: began[] says which have seen a step, and the first real one starts from the
 * zero state, with the bits that it would have without the padding. */
#include <math.h>

#include "base/min_max.h"
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"
#include "graph/product.h"

#define RNN_IH 0
#define RNN_HH 1
#define RNN_IH_BIAS 2
#define RNN_HH_BIAS 3
#define RNN_SLOTS 4
#define RNN_CELL 4  /* piece of saved */

static const char *const rnn_suffix[RNN_SLOTS] = {".weight_ih_l", ".weight_hh_l", ".bias_ih_l",
                                                  ".bias_hh_l"};

/* ---- shapes -------------------------------------------------------------- */

static void rnn_suffix_of(const lnspi_node *node, int32_t slot, char to[24]) {
  lnspi_format(to, 24, "%s%d", rnn_suffix[slot], node->args.rnn.layer);
}

static void rnn_define(lnspi_builder *b, lnspi_node *node, int32_t gates) {
  struct lnspi_rnn_args *a = &node->args.rnn;
  const lnspi_node *from = &b->graph->nodes[node->input[0]];
  char suffix[24];
  node->width = lnspi_arg_size(b, "width of the state");
  a->layer = (int32_t)lnspi_arg_integer(b, "layer", 0, 999, 0);
  a->chunk = (int32_t)lnspi_arg_integer(b, "chunk", 0, 65536, 0);
  a->bias = lnspi_arg_flag(b, "bias", 1);
  const int32_t chunk = a->chunk;
  if (gates * node->width > LNSPI_MAX_WIDTH)
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.op,
        "the state is %lld wide, but at most %d is possible: its %d gates are one matrix",
        (long long)node->width, LNSPI_MAX_WIDTH / gates, gates);
  if (chunk > 1 && from->every == 0)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, "chunk"),
                     "'%s' has one row per sequence: leave chunk= out", from->name);
  if (chunk > 1) lnspi_declare_concepts(b, 0, 0, chunk * from->every);
  lnspi_weight shape = lnspi_declare_matrix_shape(gates, node->width, 0,
                                                  (float)(1.0 / sqrt((double)node->width)));
  for (int32_t s = 0; s < (a->bias ? RNN_SLOTS : 2); s++) {
    if (s == RNN_IH_BIAS) shape.kind = LNSPI_FLAT;
    shape.rank = s < 2 ? 2 : 1;
    shape.dims[1] = s == RNN_IH ? from->width : s == RNN_HH ? node->width : 0;
    rnn_suffix_of(node, s, suffix);
    lnspi_declare_weight(b, node, s, suffix, &shape);
  }
}

typedef struct rnn_parts {
  int32_t gates, lstm;
  int64_t width, ld;     /* of the state */
  int64_t stride, piece; /* in saved: between rows; between pieces */
  int32_t last, unused;  /* the piece that gets the state before */
  int64_t steps, sequences, rows;
  float *saved;
  const float *ih_bias, *hh_bias; /* or NULL */
} rnn_parts;

static rnn_parts rnn_measure(const lnspi_node *node, int32_t gates, int64_t rows,
                             int64_t concepts, int64_t all_rows) {
  const int32_t chunk = node->args.rnn.chunk;
  rnn_parts p;
  memset(&p, 0, sizeof p);
  p.gates = gates;
  p.lstm = gates == 4;
  p.width = node->width;
  p.ld = lnspi_round16(node->width);
  p.last = p.lstm ? 5 : 4;
  p.stride = p.ld + 16; /* so that rows do not share the cache's sets */
  p.piece = all_rows * p.stride;
  p.steps = chunk ? chunk : concepts;
  p.rows = rows;
  p.sequences = rows / p.steps;
  return p;
}

static rnn_parts rnn_open(const lnspi_call *c, int32_t gates) {
  rnn_parts p = rnn_measure(c->node, gates, c->rows, c->concepts, c->all_rows);
  p.saved = c->saved + c->row0 * p.stride;
  p.ih_bias = c->weight[RNN_IH_BIAS];
  p.hh_bias = c->weight[RNN_HH_BIAS];
  return p;
}

static void rnn_need(const lnspi_extent *e, lnspi_need *need, int32_t gates) {
  const int32_t chunk = e->node->args.rnn.chunk;
  const rnn_parts p = rnn_measure(e->node, gates, e->rows, e->concepts, e->rows);
  const int64_t in = lnspi_round16(e->graph->nodes[e->node->input[0]].width);
  /* shorter calls may have as many rows in more, shorter sequences */
  const int64_t sequences = chunk ? p.sequences : e->batch;
  const int64_t forward = p.gates * p.ld + sequences * (p.gates * p.ld + 1);
  const int64_t backward = p.ld + 2 * sequences * p.ld + e->rows * lnspi_max_i64(p.ld, in);
  need->saved_floats = (p.last + 1) * p.piece;
  need->scratch_floats = lnspi_max_i64(forward, backward);
  need->uses = 2 * gates;
  need->rows_apart = 1;
}

/* ---- forward ------------------------------------------------------------- */

/* What the state of step t - 1 gives to all gates. The parts are taken in turn upwards and
 * downwards, so that those that were read last are still in the cache. */
static void rnn_from_state(const lnspi_call *c, const rnn_parts *p, int64_t t, float *to) {
  for (int32_t i = 0; i < p->gates; i++) {
    const int32_t part = t % 2 ? i : p->gates - 1 - i;
    lnspi_product(c, RNN_HH, part, p->hh_bias ? p->hh_bias + part * p->ld : NULL,
                  c->out + (t - 1) * c->out_ld, p->steps * c->out_ld, to + part * p->ld,
                  p->gates * p->ld, p->sequences);
  }
}

/* A step that the mask leaves out, as a step that leaves all as it was. */
static void rnn_skip(const lnspi_call *c, const rnn_parts *p, int64_t row, int first,
                     const float *zeros) {
  float *cell = p->saved + row * p->stride + RNN_CELL * p->piece;
  const size_t bytes = (size_t)p->ld * sizeof(float);
  memcpy(c->out + row * c->out_ld, first ? zeros : c->out + (row - 1) * c->out_ld, bytes);
  if (p->lstm) memcpy(cell, first ? zeros : cell - p->stride, bytes);
}

/* Step t of all sequences, of which began[] says, as 0 or 1, whether a step came before. */
static void rnn_step(const lnspi_call *c, const rnn_parts *p, int64_t t, const float *zeros,
                     const float *from_state, float *began) {
  for (int64_t s = 0; s < p->sequences; s++) {
    const int64_t row = s * p->steps + t;
    float *gates = p->saved + row * p->stride, *out = c->out + row * c->out_ld;
    const int first = began[s] == 0;
    const float *h = first ? zeros : out - c->out_ld;
    const float *from = from_state + s * p->gates * p->ld;
    if (first) from = p->hh_bias ? p->hh_bias : zeros; /* also if padding came before */
    if (lnspi_layer_masked(c, row)) {
      rnn_skip(c, p, row, t == 0, zeros);
      continue;
    }
    began[s] = 1;
    if (p->lstm)
      c->k->lstm(gates, p->piece, from, p->ld,
                 first ? zeros : gates - p->stride + RNN_CELL * p->piece, out, p->ld);
    else
      c->k->gru(gates, p->piece, from, p->ld, h, out, p->ld);
  }
}

static void rnn_forward(const lnspi_call *c, int32_t gates) {
  const rnn_parts p = rnn_open(c, gates);
  float *zeros = c->scratch, *from_state = zeros + gates * p.ld;
  float *began = from_state + p.sequences * gates * p.ld;
  memset(zeros, 0, (size_t)(gates * p.ld) * sizeof(float));
  memset(began, 0, (size_t)p.sequences * sizeof(float));
  for (int32_t part = 0; part < gates; part++)
    lnspi_product(c, RNN_IH, part, p.ih_bias ? p.ih_bias + part * p.ld : NULL, c->in[0],
                  c->in_ld[0], p.saved + part * p.piece, p.stride, p.rows);
  for (int64_t t = 0; t < p.steps; t++) {
    if (t) rnn_from_state(c, &p, t, from_state);
    rnn_step(c, &p, t, zeros, from_state, began);
  }
}

/* ---- backward ------------------------------------------------------------ */

/* Where the gradient of what the input, or the state, gives to a gate is in saved. */
static int64_t rnn_place(const rnn_parts *p, int slot, int32_t part) {
  return (slot == RNN_HH && part == 2 && !p->lstm ? 3 : part) * p->piece;
}

/* One step of one sequence: d, and dcell, become what goes on to the step before but for
 * what goes through the gates. */
static void rnn_step_dx(const lnspi_call *c, const rnn_parts *p, int64_t row, int first,
                        const float *zeros, float *d, float *dcell) {
  float *gates = p->saved + row * p->stride;
  const float *h = first ? zeros : c->out + (row - 1) * c->out_ld;
  const size_t bytes = (size_t)p->ld * sizeof(float);
  c->k->add(d, d, c->dout + row * c->out_ld, p->ld);
  if (lnspi_layer_masked(c, row)) {
    for (int i = 0; i < 4; i++) memset(gates + i * p->piece, 0, bytes);
  } else if (p->lstm) {
    c->k->lstm_dx(gates, p->piece, d, dcell,
                  first ? zeros : gates - p->stride + RNN_CELL * p->piece, p->ld);
    memset(d, 0, bytes);
  } else {
    c->k->gru_dx(gates, p->piece, d, h, p->ld);
  }
  memcpy(gates + p->last * p->piece, h, bytes);
}

/* d of all sequences, through the gates of step t. */
static void rnn_to_state(const lnspi_call *c, const rnn_parts *p, int64_t t, float *d,
                         float *share) {
  for (int32_t i = 0; i < p->gates; i++) {
    const int32_t part = t % 2 ? i : p->gates - 1 - i;
    lnspi_product_dx(c, RNN_HH, part, p->saved + t * p->stride + rnn_place(p, RNN_HH, part),
                     p->steps * p->stride, share, p->ld, p->sequences, 1);
    for (int64_t s = 0; s < p->sequences; s++)
      if (!lnspi_layer_masked(c, s * p->steps + t))
        c->k->add(d + s * p->ld, d + s * p->ld, share + s * p->ld, p->ld);
  }
}

static void rnn_steps_dx(const lnspi_call *c, const rnn_parts *p) {
  float *zeros = c->scratch, *d = zeros + p->ld, *dcell = d + p->sequences * p->ld;
  float *share = dcell + p->sequences * p->ld;
  memset(zeros, 0, (size_t)((1 + 2 * p->sequences) * p->ld) * sizeof(float));
  for (int64_t t = p->steps; t-- > 0;) {
    for (int64_t s = 0; s < p->sequences; s++)
      rnn_step_dx(c, p, s * p->steps + t, t == 0, zeros, d + s * p->ld, dcell + s * p->ld);
    if (t) rnn_to_state(c, p, t, d, share);
  }
}

static void rnn_input_dx(const lnspi_call *c, const rnn_parts *p) {
  float *din = c->din[0], *share = c->scratch;
  const int64_t ld = lnspi_round16(c->in_width[0]);
  for (int32_t part = 0; part < p->gates; part++) {
    const float *d = p->saved + rnn_place(p, RNN_IH, part);
    if (part == 0) {
      lnspi_product_dx(c, RNN_IH, 0, d, p->stride, din, c->in_ld[0], p->rows, 1);
      lnspi_layer_zero_pads(din, c->in_ld[0], p->rows, ld);
      continue;
    }
    lnspi_product_dx(c, RNN_IH, part, d, p->stride, share, ld, p->rows, 1);
    for (int64_t r = 0; r < p->rows; r++)
      c->k->add(din + r * c->in_ld[0], din + r * c->in_ld[0], share + r * ld, ld);
  }
}

static void rnn_bias(const lnspi_call *c, const rnn_parts *p, int slot, int bias) {
  float *to = c->dweight[bias];
  if (!to) return;
  for (int32_t part = 0; part < p->gates; part++)
    c->k->column_sum(to + part * p->ld, p->saved + rnn_place(p, slot, part), p->stride, p->rows,
                     p->width);
}

static void rnn_backward(const lnspi_call *c, int32_t gates) {
  const rnn_parts p = rnn_open(c, gates);
  if (!c->dweight_only) rnn_steps_dx(c, &p);
  rnn_bias(c, &p, RNN_IH, RNN_IH_BIAS);
  rnn_bias(c, &p, RNN_HH, RNN_HH_BIAS);
  if (c->dweight_only) return;
  if (c->din[0]) rnn_input_dx(c, &p);
  if (!c->use) return;
  for (int32_t part = 0; part < gates; part++) {
    c->use(c, RNN_IH, part, c->in[0], c->in_ld[0], p.saved + rnn_place(&p, RNN_IH, part),
           p.stride, p.rows);
    c->use(c, RNN_HH, part, p.saved + p.last * p.piece, p.stride,
           p.saved + rnn_place(&p, RNN_HH, part), p.stride, p.rows);
  }
}

/* ---- the two layers ------------------------------------------------------ */

static int64_t rnn_flops(const lnspi_extent *e, int32_t gates) {
  const int64_t in = e->graph->nodes[e->node->input[0]].width;
  return 2 * gates * e->node->width * (in + e->node->width) * e->concepts;
}

static void rnn_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  const struct lnspi_rnn_args *a = &node->args.rnn;
  char suffix[24];
  lnspi_text_add(text, " %lld", (long long)node->width);
  rnn_suffix_of(node, RNN_IH, suffix);
  lnspi_graph_text_weight(graph, node, RNN_IH, suffix, text);
  if (a->layer) lnspi_text_add(text, " layer=%d", a->layer);
  if (a->chunk) lnspi_text_add(text, " chunk=%d", a->chunk);
  if (!a->bias) lnspi_text_add(text, " bias=0");
}

#define RNN_FUNCTIONS(name, gates)                                                   \
  static void rnn_##name##_define(lnspi_builder *b, lnspi_node *n) {                 \
    rnn_define(b, n, gates);                                                         \
  }                                                                                  \
  static void rnn_##name##_need(const lnspi_extent *e, lnspi_need *n) {              \
    rnn_need(e, n, gates);                                                           \
  }                                                                                  \
  static void rnn_##name##_forward(const lnspi_call *c) { rnn_forward(c, gates); }   \
  static void rnn_##name##_backward(const lnspi_call *c) { rnn_backward(c, gates); } \
  static int64_t rnn_##name##_flops(const lnspi_extent *e) { return rnn_flops(e, gates); }

RNN_FUNCTIONS(gru, 3)
RNN_FUNCTIONS(lstm, 4)

#define RNN_TABLE(title, what)                                                              \
  .name = #title, .inputs_low = 1, .inputs_high = 1, .weights_high = RNN_SLOTS,             \
  .help = "y = " #title " x WIDTH w=NAME [layer=0] [chunk=N] [bias=1]: the states of " what \
          "; chunk: the state is zero again every N rows",                                  \
  .define = rnn_##title##_define, .need = rnn_##title##_need,                               \
  .forward = rnn_##title##_forward, .backward = rnn_##title##_backward,                     \
  .flops = rnn_##title##_flops, .write = rnn_write, .masks = LNSPI_MASKS

const lnspi_layer lnspi_layer_gru = {RNN_TABLE(gru, "a GRU")};
const lnspi_layer lnspi_layer_lstm = {RNN_TABLE(lstm, "an LSTM")};

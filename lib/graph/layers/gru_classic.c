/* The gated recurrent unit as it was first published (Cho and others, 2014): the reset acts on
 * the state before the matrix. ONNX calls that linear_before_reset=0.
 *
 *   r = s(reset_gate [x|h]),  z = s(update_gate [x|h]),  n = tanh(new_gate [x | r h])
 *   h' = h + z (n - h)
 * with s the logistic function and [a|b] the two side by side, from h = 0 or a second input.
 * torch.nn.GRU (layer gru) applies r behind the matrix and has one pair of matrices for all
 * gates, so that its weights mean something else; hence two layers. z has the opposite sense,
 * too: here z = 1 takes the new state. The value is the state of every step; a masked step
 * hands the state on.
 *
 * Each gate is one matrix over [x|h], so that, unlike in rnn.c, the share of the input is not
 * computed ahead: a step is two products, the reset, and one product more.
 *
 * A row of saved has [x|h] and [x|r h], `wide` floats each, then six pieces of ld floats: what
 * the three matrices give (0, 1, 2), and r, z, n. Backward goes down the steps and puts the
 * gradients over pieces 0, 1, 2, so that in the end each matrix's gradient is a sum over rows
 * of a piece times [x|h] or [x|r h], which the update forms. Within a step the order is
 * forced: d h' gives the gradients of z and n; that of n, through new_gate, gives the gradient
 * of r h and by it of r; and only then can r and z go through their matrices. */
#include <math.h>

#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"
#include "graph/product.h"

#define GRU_CLASSIC_RESET 0 /* slots: the bias is the next */
#define GRU_CLASSIC_UPDATE 2
#define GRU_CLASSIC_NEW 4
#define GRU_CLASSIC_SLOTS 6

static const char *const gru_classic_suffix[GRU_CLASSIC_SLOTS] = {".reset_gate.weight",
                                                                  ".reset_gate.bias",
                                                                  ".update_gate.weight",
                                                                  ".update_gate.bias",
                                                                  ".new_gate.weight",
                                                                  ".new_gate.bias"};

static void gru_classic_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *nodes = b->graph->nodes, *x = &nodes[node->input[0]];
  node->width = lnspi_arg_size(b, "width of the state");
  if (node->input_count > 1 &&
      (nodes[node->input[1]].width != node->width || nodes[node->input[1]].every != 0))
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.input[1],
        "the first state of gru_classic needs one row per sequence, %lld wide, but '%s' is "
        "not like that: use last and linear",
        (long long)node->width, nodes[node->input[1]].name);
  if (x->width + node->width > LNSPI_MAX_WIDTH)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.op,
                     "input and state together may be at most %d wide", LNSPI_MAX_WIDTH);
  const int64_t in = x->width + node->width;
  for (int32_t s = 0; s < GRU_CLASSIC_SLOTS; s += 2)
    lnspi_declare_linear(b, node, s, &gru_classic_suffix[s], node->width, in);
}

typedef struct gru_classic_parts {
  const lnspi_call *c;
  const lnspi_kernels *k;
  int64_t in, width, ld, wide, stride;
  float *saved;
} gru_classic_parts;

/* Pieces of a row of saved. */
static float *gru_classic_with(const gru_classic_parts *p, int64_t row, int reset) {
  return p->saved + row * p->stride + (reset ? p->wide : 0);
}
static float *gru_classic_piece(const gru_classic_parts *p, int64_t row, int piece) {
  return p->saved + row * p->stride + 2 * p->wide + piece * p->ld;
}
#define GRU_CLASSIC_R 3 /* pieces; 0, 1, 2: what the matrices give */
#define GRU_CLASSIC_Z 4
#define GRU_CLASSIC_N 5

static gru_classic_parts gru_classic_measure(const lnspi_node *node, int64_t in) {
  gru_classic_parts p;
  memset(&p, 0, sizeof p);
  p.in = in;
  p.width = node->width;
  p.ld = lnspi_round16(p.width);
  p.wide = lnspi_round16(in + p.width);
  p.stride = 2 * p.wide + 6 * p.ld;
  return p;
}

static void gru_classic_need(const lnspi_extent *e, lnspi_need *need) {
  const gru_classic_parts p =
      gru_classic_measure(e->node, e->graph->nodes[e->node->input[0]].width);
  need->saved_floats = e->rows * p.stride;
  need->scratch_floats = p.ld + e->batch * (p.ld + p.wide);
  need->uses = 3;
  need->rows_apart = 1;
}

static gru_classic_parts gru_classic_open(const lnspi_call *c) {
  gru_classic_parts p = gru_classic_measure(c->node, c->in_width[0]);
  p.c = c;
  p.k = c->k;
  p.saved = c->saved + c->row0 * p.stride;
  return p;
}

/* The state before a row. */
static const float *gru_classic_before(const gru_classic_parts *p, int64_t row,
                                       const float *zeros) {
  const lnspi_call *c = p->c;
  if (row % c->concepts) return c->out + (row - 1) * c->out_ld;
  return c->node->input_count > 1 ? c->in[1] + row / c->concepts * c->in_ld[1] : zeros;
}

/* ---- forward ------------------------------------------------------------- */

/* One of the matrices at step t of all sequences. */
static void gru_classic_product(const gru_classic_parts *p, int64_t t, int32_t slot) {
  const lnspi_call *c = p->c;
  lnspi_product(c, slot, 0, c->weight[slot + 1],
                gru_classic_with(p, t, slot == GRU_CLASSIC_NEW), c->concepts * p->stride,
                gru_classic_piece(p, t, slot / 2), c->concepts * p->stride, c->batch);
}

static void gru_classic_step(const gru_classic_parts *p, int64_t t, const float *zeros) {
  const lnspi_call *c = p->c;
  const size_t bytes = (size_t)p->width * sizeof(float);
  for (int64_t row = t; row < c->rows; row += c->concepts)
    memcpy(gru_classic_with(p, row, 0) + p->in, gru_classic_before(p, row, zeros), bytes);
  gru_classic_product(p, t, GRU_CLASSIC_RESET);
  gru_classic_product(p, t, GRU_CLASSIC_UPDATE);
  for (int64_t row = t; row < c->rows; row += c->concepts) {
    float *r = gru_classic_piece(p, row, GRU_CLASSIC_R),
          *z = gru_classic_piece(p, row, GRU_CLASSIC_Z);
    p->k->act(LNSPI_ACT_SIGMOID, r, gru_classic_piece(p, row, 0), p->width);
    p->k->act(LNSPI_ACT_SIGMOID, z, gru_classic_piece(p, row, 1), p->width);
    p->k->mul(gru_classic_with(p, row, 1) + p->in, r, gru_classic_before(p, row, zeros),
              p->width);
  }
  gru_classic_product(p, t, GRU_CLASSIC_NEW);
  for (int64_t row = t; row < c->rows; row += c->concepts) {
    const float *h = gru_classic_before(p, row, zeros);
    float *n = gru_classic_piece(p, row, GRU_CLASSIC_N), *out = c->out + row * c->out_ld;
    p->k->act(LNSPI_ACT_TANH, n, gru_classic_piece(p, row, 2), p->width);
    memcpy(out, n, bytes);
    p->k->axpy(out, -1.0f, h, p->width);
    p->k->mul(out, out, gru_classic_piece(p, row, GRU_CLASSIC_Z), p->width);
    p->k->add(out, out, h, p->width);
    if (lnspi_layer_masked(c, row)) memcpy(out, h, bytes);
  }
}

static void gru_classic_forward(const lnspi_call *c) {
  const gru_classic_parts p = gru_classic_open(c);
  const size_t pads = (size_t)(p.wide - p.in) * sizeof(float);
  memset(c->scratch, 0, (size_t)p.ld * sizeof(float));
  for (int64_t row = 0; row < c->rows; row++)
    for (int reset = 0; reset < 2; reset++) {
      float *with = gru_classic_with(&p, row, reset);
      memcpy(with, c->in[0] + row * c->in_ld[0], (size_t)p.in * sizeof(float));
      memset(with + p.in, 0, pads);
    }
  for (int64_t t = 0; t < c->concepts; t++) gru_classic_step(&p, t, c->scratch);
}

/* ---- backward ------------------------------------------------------------ */

/* The gradient of what the matrices of z and n give; d becomes what goes on directly. */
static void gru_classic_row_dx(const gru_classic_parts *p, int64_t row, const float *zeros,
                               float *d) {
  const lnspi_call *c = p->c;
  const float *h = gru_classic_before(p, row, zeros),
              *z = gru_classic_piece(p, row, GRU_CLASSIC_Z);
  float *n = gru_classic_piece(p, row, GRU_CLASSIC_N), *az = gru_classic_piece(p, row, 1);
  float *an = gru_classic_piece(p, row, 2);
  p->k->add(d, d, c->dout + row * c->out_ld, p->width);
  if (lnspi_layer_masked(c, row)) {
    memset(gru_classic_piece(p, row, 0), 0, (size_t)(3 * p->ld) * sizeof(float));
    return;
  }
  p->k->axpy(n, -1.0f, h, p->width);
  p->k->mul(n, n, d, p->width);
  p->k->act_dx(LNSPI_ACT_SIGMOID, n, n, az, p->width);
  memcpy(az, n, (size_t)p->width * sizeof(float));
  p->k->mul(n, d, z, p->width); /* n itself is no longer read */
  p->k->axpy(d, -1.0f, n, p->width);
  p->k->act_dx(LNSPI_ACT_TANH, n, n, an, p->width);
  memcpy(an, n, (size_t)p->width * sizeof(float));
}

/* What comes back through one of the matrices at step t: share, of all sequences. */
static void gru_classic_back(const gru_classic_parts *p, int64_t t, int32_t slot,
                             float *share) {
  const lnspi_call *c = p->c;
  float *din = c->din[0];
  lnspi_product_dx(c, slot, 0, gru_classic_piece(p, t, slot / 2), c->concepts * p->stride,
                   share, p->wide, c->batch, 1);
  if (!din) return;
  for (int64_t s = 0; s < c->batch; s++) {
    float *to = din + (s * c->concepts + t) * c->in_ld[0];
    if (slot == GRU_CLASSIC_NEW) /* the first */
      memcpy(to, share + s * p->wide, (size_t)p->in * sizeof(float));
    else
      p->k->add(to, to, share + s * p->wide, p->in);
  }
}

/* Step t; share[0..] of the matrix of n is [dx | d(r h)]. */
static void gru_classic_step_dx(const gru_classic_parts *p, int64_t t, const float *zeros,
                                float *d, float *share) {
  const lnspi_call *c = p->c;
  for (int64_t s = 0; s < c->batch; s++)
    gru_classic_row_dx(p, s * c->concepts + t, zeros, d + s * p->ld);
  gru_classic_back(p, t, GRU_CLASSIC_NEW, share);
  for (int64_t s = 0; s < c->batch; s++) {
    const int64_t row = s * c->concepts + t;
    float *ar = gru_classic_piece(p, row, 0), *r = gru_classic_piece(p, row, GRU_CLASSIC_R);
    float *back = share + s * p->wide + p->in;
    if (lnspi_layer_masked(c, row)) continue;
    p->k->mul(r, r, back, p->width);
    p->k->add(d + s * p->ld, d + s * p->ld, r, p->width);
    p->k->mul(back, back, gru_classic_before(p, row, zeros), p->width);
    p->k->act_dx(LNSPI_ACT_SIGMOID, back, back, ar, p->width);
    memcpy(ar, back, (size_t)p->width * sizeof(float));
  }
  for (int32_t slot = GRU_CLASSIC_RESET; slot <= GRU_CLASSIC_UPDATE; slot += 2) {
    gru_classic_back(p, t, slot, share);
    for (int64_t s = 0; s < c->batch; s++) {
      float *to = d + s * p->ld;
      if (lnspi_layer_masked(c, s * c->concepts + t)) continue;
      p->k->add(to, to, share + s * p->wide + p->in, p->width);
      p->k->flush(to, to, p->width);
    }
  }
}

static void gru_classic_steps_dx(const gru_classic_parts *p) {
  const lnspi_call *c = p->c;
  float *zeros = c->scratch, *d = zeros + p->ld, *share = d + c->batch * p->ld;
  memset(zeros, 0, (size_t)((1 + c->batch) * p->ld) * sizeof(float));
  for (int64_t t = c->concepts; t-- > 0;) gru_classic_step_dx(p, t, zeros, d, share);
  if (c->din[0]) lnspi_layer_zero_pads(c->din[0], c->in_ld[0], c->rows, p->in);
  if (c->node->input_count < 2 || !c->din[1]) return;
  memset(c->din[1], 0, (size_t)(c->in_rows[1] * c->in_ld[1]) * sizeof(float));
  for (int64_t s = 0; s < c->batch; s++)
    memcpy(c->din[1] + s * c->in_ld[1], d + s * p->ld, (size_t)p->width * sizeof(float));
}

static void gru_classic_backward(const lnspi_call *c) {
  const gru_classic_parts p = gru_classic_open(c);
  if (!c->dweight_only) gru_classic_steps_dx(&p);
  for (int32_t slot = 0; slot < GRU_CLASSIC_SLOTS; slot += 2) {
    const float *d = gru_classic_piece(&p, 0, slot / 2);
    if (c->dweight[slot + 1])
      c->k->column_sum(c->dweight[slot + 1], d, p.stride, c->rows, p.width);
    if (c->use && !c->dweight_only)
      c->use(c, slot, 0, gru_classic_with(&p, 0, slot == GRU_CLASSIC_NEW), p.stride, d,
             p.stride, c->rows);
  }
}

static int64_t gru_classic_flops(const lnspi_extent *e) {
  const int64_t in = e->graph->nodes[e->node->input[0]].width;
  return 6 * e->node->width * (in + e->node->width) * e->concepts;
}

static void gru_classic_write(const lnsp_graph *graph, const lnspi_node *node,
                              lnspi_text *text) {
  lnspi_text_add(text, " %lld", (long long)node->width);
  lnspi_graph_text_weight(graph, node, GRU_CLASSIC_RESET, gru_classic_suffix[GRU_CLASSIC_RESET],
                          text);
}

const lnspi_layer lnspi_layer_gru_classic = {
    .name = "gru_classic",
    .old_name = "gate",
    .help = "y = gru_classic x [h] WIDTH w=NAME: a GRU whose reset acts "
            "before the matrix: its states over the concepts of x, from h or zero",
    .inputs_low = 1,
    .inputs_high = 2,
    .weights_high = GRU_CLASSIC_SLOTS,
    .define = gru_classic_define,
    .need = gru_classic_need,
    .forward = gru_classic_forward,
    .backward = gru_classic_backward,
    .flops = gru_classic_flops,
    .write = gru_classic_write,
    .masks = LNSPI_MASKS,
};

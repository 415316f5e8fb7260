/* A network beside its plain double-precision reference: the driver that runs the
 * library's layers forward and backward, for the tests of layers. */
#ifndef TESTS_LAYER_NET_H
#define TESTS_LAYER_NET_H

#include "check.h"

#include "base/bytes.h"
#include "graph/graph.h"
#include "graph/layer.h"
#include "kernels/kernels.h"
#include "kernels/packed.h"
#include "kernels/random.h"

#define MAX_WEIGHTS 80
#define MAX_NODES 80
#define MAX_PARTS 4
#define GUARD 24

/* ---- a small driver ------------------------------------------------------ */

typedef struct net {
  void *memory;
  lnsp_graph *graph;
  int64_t batch, concepts, rows; /* of the input */
  uint8_t *mask;                  /* [batch, concepts], or NULL */
  int calm;                       /* 1: as in a session, no draws by chance */
  /* the reference's side, row-major */
  double *weight[MAX_WEIGHTS], *input;
  double *value[MAX_NODES];
  /* the library's side */
  const lnspi_kernels *k;
  float *state, *gradient;                /* packed */
  double *matrix_gradient[MAX_WEIGHTS];   /* from use(), row-major */
  int part_used[MAX_WEIGHTS][MAX_PARTS];
  float *out[MAX_NODES], *dout[MAX_NODES], *saved[MAX_NODES];
  int dout_count[MAX_NODES];              /* gradients that went into dout */
  int64_t uses;
  int64_t ld_extra; /* rows further apart than need be */
  double *cotangent[LNSPI_MAX_OUTPUTS];
} net;

static uint32_t random_bits;

static double random_real(void) { /* in [-1, 1), a float */
  random_bits = random_bits * 1664525u + 1013904223u;
  return (double)(int32_t)(random_bits & 0xffffff00u) / 2147483648.0;
}

static void *zeros(int64_t count, size_t each) {
  void *p = calloc((size_t)count + 1, each);
  if (!p) abort();
  return p;
}

static float *floats_with_guard(int64_t count) {
  float *p = zeros(count + GUARD, sizeof *p);
  for (int64_t i = 0; i < count; i++) p[i] = NAN;
  for (int64_t i = 0; i < GUARD; i++) p[count + i] = 12345.0f;
  return p;
}

static int guard_intact(const float *p, int64_t count) {
  for (int64_t i = 0; i < GUARD; i++)
    if (p[count + i] != 12345.0f) return 0;
  return 1;
}

static lnsp_graph *build(const char *text, void **memory) {
  lnsp_error error;
  lnsp_graph *graph = NULL;
  uint64_t bytes = 0;
  int32_t status = lnspi_graph_measure(text, NULL, &bytes, &error);
  *memory = NULL;
  if (status == LNSP_OK) {
    *memory = aligned_alloc(64, bytes);
    status = lnspi_graph_build(text, NULL, *memory, bytes, &graph, &error);
  }
  CHECK_SAY(status == LNSP_OK, "%s: %s", text, error.message);
  return graph;
}

static int64_t node_ld(const net *n, int32_t i) {
  return lnspi_round16(n->graph->nodes[i].width) + n->ld_extra;
}

static int64_t length_of(const net *n, int32_t i) {
  return lnspi_graph_rows(n->graph, i, n->concepts);
}
static int64_t rows_of(const net *n, int32_t i) { return n->batch * length_of(n, i); }

/* The number of concepts nearest to the wanted one that the text's network takes. */
static int64_t fitting(const char *text, int64_t concepts) {
  void *memory;
  const lnsp_graph *g = build(text, &memory);
  if (!g) exit(1);
  if (concepts < g->concepts_low) concepts = g->concepts_low;
  concepts = (concepts + g->concepts_step - 1) / g->concepts_step * g->concepts_step;
  if (g->concepts_high && concepts > g->concepts_high)
    concepts = g->concepts_high / g->concepts_step * g->concepts_step;
  free(memory);
  return concepts;
}

/* Row-major weights into the packed state. */
static void pack_state(net *n) {
  for (int32_t i = 0; i < n->graph->weight_count; i++) {
    const lnspi_weight *w = &n->graph->weights[i];
    const int64_t each = w->count / w->parts;
    float *rows = zeros(w->count, sizeof *rows);
    for (int64_t e = 0; e < w->count; e++) rows[e] = (float)n->weight[i][e];
    for (int32_t part = 0; part < w->parts; part++) {
      float *to = n->state + w->offset + part * (w->floats / w->parts);
      if (w->kind == LNSPI_MATRIX)
        lnspi_packed_from_rows(to, w->dims[1], w->dims[0] / w->parts, 0, w->dims[0] / w->parts,
                               rows + part * each, w->dims[1]);
      else
        memcpy(to, rows + part * each, (size_t)each * sizeof *to);
    }
    free(rows);
  }
}

static int net_has_ids(const net *n) { return n->graph->id_count > 0; }

static void open_net(net *n, const char *text, int64_t batch, int64_t concepts) {
  memset(n, 0, sizeof *n);
  n->graph = build(text, &n->memory);
  if (!n->graph) exit(1);
  if (n->graph->node_count > MAX_NODES || n->graph->weight_count > MAX_WEIGHTS) exit(1);
  n->batch = batch;
  n->concepts = concepts;
  n->rows = batch * concepts;
  random_bits = 12345;
  for (int32_t i = 0; i < n->graph->weight_count; i++) {
    const lnspi_weight *w = &n->graph->weights[i];
    const double scale = w->kind == LNSPI_MATRIX ? 1.5 / sqrt((double)w->dims[1]) : 0.5;
    n->weight[i] = zeros(w->count, sizeof(double));
    n->matrix_gradient[i] = zeros(w->count, sizeof(double));
    for (int64_t e = 0; e < w->count; e++)
      n->weight[i][e] =
          (float)(scale * random_real() + (w->init == LNSPI_INIT_ONE) + w->centre);
  }
  n->input = zeros(n->rows * n->graph->nodes[0].width, sizeof(double));
  for (int64_t e = 0; e < n->rows * n->graph->nodes[0].width; e++)
    n->input[e] =
        net_has_ids(n)
            ? (double)(lnspi_random(7, 0, 0, (uint32_t)e) % (uint32_t)n->graph->id_count)
            : (double)(float)(1.5 * random_real());
  for (int32_t i = 0; i < n->graph->node_count; i++)
    n->value[i] = zeros(rows_of(n, i) * n->graph->nodes[i].width, sizeof(double));
  for (int32_t o = 0; o < n->graph->output_count; o++) {
    const int32_t node = n->graph->outputs[o].node;
    const int64_t count = rows_of(n, node) * n->graph->nodes[node].width;
    n->cotangent[o] = zeros(count, sizeof(double));
    for (int64_t e = 0; e < count; e++) n->cotangent[o][e] = (float)random_real();
  }
  n->state = zeros(n->graph->state_floats, sizeof(float));
  n->gradient = zeros(n->graph->state_floats, sizeof(float));
  pack_state(n);
}

static void close_run(net *n) {
  for (int32_t i = 0; i < MAX_NODES; i++) {
    free(n->out[i]);
    free(n->dout[i]);
    free(n->saved[i]);
    n->out[i] = n->dout[i] = n->saved[i] = NULL;
  }
}

static void close_net(net *n) {
  close_run(n);
  for (int32_t i = 0; i < MAX_WEIGHTS; i++) {
    free(n->weight[i]);
    free(n->matrix_gradient[i]);
  }
  for (int32_t i = 0; i < MAX_NODES; i++) free(n->value[i]);
  for (int32_t o = 0; o < LNSPI_MAX_OUTPUTS; o++) free(n->cotangent[o]);
  free(n->input);
  free(n->mask);
  free(n->state);
  free(n->gradient);
  free(n->memory);
}

/* ---- the reference: double, nothing shared with the library -------------- */

static const double *slot_weight(const net *n, const lnspi_node *node, int slot) {
  return node->slot[slot] < 0 ? NULL : n->weight[node->slot[slot]];
}

static void ref_linear(double *y, const double *x, const double *w, const double *b,
                       int64_t rows, int64_t in, int64_t out) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t o = 0; o < out; o++) {
      double sum = b ? b[o] : 0;
      for (int64_t k = 0; k < in; k++) sum += w[o * in + k] * x[r * in + k];
      y[r * out + o] = sum;
    }
}

static void ref_layernorm(double *y, const double *x, const double *w, const double *b,
                          int64_t rows, int64_t n, double eps) {
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (int64_t i = 0; i < n; i++)
      y[i] = (x[i] - mean) / sqrt(variance + eps) * (w ? w[i] : 1) + (b ? b[i] : 0);
  }
}

static double ref_act(const char *name, double x) {
  if (!strcmp(name, "relu")) return x > 0 ? x : 0;
  if (!strcmp(name, "gelu")) return x * 0.5 * (1 + erf(x / sqrt(2.0)));
  if (!strcmp(name, "silu")) return x / (1 + exp(-x));
  if (!strcmp(name, "tanh")) return tanh(x);
  if (!strcmp(name, "sigmoid")) return 1 / (1 + exp(-x));
  return NAN;
}

/* What a layer's reference gets; number and real are the layer's own arguments. */
typedef struct ref_call {
  const net *n;
  const lnspi_node *node;
  const char *name;
  double *y;
  const double *in[LNSPI_MAX_INPUTS];
  int64_t in_width[LNSPI_MAX_INPUTS], in_concepts[LNSPI_MAX_INPUTS], in_rows[LNSPI_MAX_INPUTS];
  int64_t batch, concepts, rows, width; /* of the value */
  const uint8_t *mask;                  /* [batch, concepts of the network's input] or NULL */
} ref_call;

static const double *ref_weight(const ref_call *c, int slot) {
  return slot_weight(c->n, c->node, slot);
}

static void ref_layer_linear(const ref_call *c) {
  const double *w = ref_weight(c, 0), *b = ref_weight(c, 1);
  const int64_t first = c->node->args.linear.part * c->width; /* of its part */
  ref_linear(c->y, c->in[0], w + first * c->in_width[0], b ? b + first : NULL, c->rows,
             c->in_width[0], c->width);
}

static void ref_layer_layernorm(const ref_call *c) {
  ref_layernorm(c->y, c->in[0], ref_weight(c, 0), ref_weight(c, 1), c->rows, c->width,
                (double)c->node->args.layernorm.eps);
}

static void ref_layer_add(const ref_call *c) {
  for (int64_t e = 0; e < c->rows * c->width; e++) c->y[e] = c->in[0][e] + c->in[1][e];
}

static void ref_layer_l2norm(const ref_call *c) {
  for (int64_t r = 0; r < c->rows; r++) {
    const double *x = c->in[0] + r * c->width;
    double s = 0;
    for (int64_t e = 0; e < c->width; e++) s += x[e] * x[e];
    s = sqrt(s);
    s = c->node->args.l2norm.add ? s + (double)c->node->args.l2norm.eps
                                 : fmax(s, (double)c->node->args.l2norm.eps);
    for (int64_t e = 0; e < c->width; e++) c->y[r * c->width + e] = x[e] / s;
  }
}

static void ref_layer_activation(const ref_call *c) {
  for (int64_t e = 0; e < c->rows * c->width; e++) c->y[e] = ref_act(c->name, c->in[0][e]);
}

/* References of other layers, and their lists X(name, function). */
#include "layer_attention.h"
#include "layer_mamba.h"
#include "layer_recurrent.h"
#include "layer_sequence.h"

static const struct {
  const char *name;
  void (*run)(const ref_call *call);
} ref_layers[] = {
#define REF_ENTRY(name, function) {#name, function},
    REF_ENTRY(linear, ref_layer_linear) REF_ENTRY(layernorm, ref_layer_layernorm)
        REF_ENTRY(add, ref_layer_add) REF_ENTRY(l2norm, ref_layer_l2norm)
            REF_ENTRY(relu, ref_layer_activation) REF_ENTRY(gelu, ref_layer_activation)
                REF_ENTRY(silu, ref_layer_activation) REF_ENTRY(tanh, ref_layer_activation)
                    REF_ENTRY(sigmoid, ref_layer_activation) REF_ATTENTION(REF_ENTRY)
                        REF_MAMBA(REF_ENTRY) REF_RECURRENT(REF_ENTRY) REF_SEQUENCE(REF_ENTRY)
#undef REF_ENTRY
                            {NULL, NULL},
};

static void ref_node(net *n, int32_t i) {
  const lnspi_node *node = &n->graph->nodes[i];
  ref_call c;
  memset(&c, 0, sizeof c);
  c.n = n;
  c.node = node;
  c.name = lnspi_layer_at(node->layer)->name;
  c.y = n->value[i];
  c.batch = n->batch;
  c.concepts = length_of(n, i);
  c.rows = rows_of(n, i);
  c.width = node->width;
  c.mask = n->mask;
  for (int32_t j = 0; j < node->input_count; j++) {
    c.in[j] = n->value[node->input[j]];
    c.in_width[j] = n->graph->nodes[node->input[j]].width;
    c.in_concepts[j] = length_of(n, node->input[j]);
    c.in_rows[j] = rows_of(n, node->input[j]);
  }
  if (i == 0) {
    memcpy(c.y, n->input, (size_t)(c.rows * c.width) * sizeof *c.y);
    return;
  }
  for (int32_t r = 0; ref_layers[r].name; r++)
    if (!strcmp(ref_layers[r].name, c.name)) {
      ref_layers[r].run(&c);
      return;
    }
  CHECK_SAY(0, "layer %s has no reference in the tests", c.name);
}

static double ref_loss(net *n) {
  double sum = 0;
  for (int32_t i = 0; i < n->graph->node_count; i++) ref_node(n, i);
  for (int32_t o = 0; o < n->graph->output_count; o++) {
    const int32_t node = n->graph->outputs[o].node;
    for (int64_t e = 0; e < rows_of(n, node) * n->graph->nodes[node].width; e++)
      sum += n->cotangent[o][e] * n->value[node][e];
  }
  return sum;
}

/* ---- the library's run --------------------------------------------------- */

static net *use_net;

static void use(const lnspi_call *call, int32_t slot, int32_t part, const float *x, int64_t ldx,
                const float *d, int64_t ldd, int64_t rows) {
  net *n = call->use_data;
  const int32_t index = call->node->slot[slot];
  const lnspi_weight *w = &n->graph->weights[index];
  const int64_t out = w->dims[0] / w->parts, in = w->dims[1];
  CHECK(n == use_net && w->kind == LNSPI_MATRIX && part >= 0 && part < w->parts);
  n->uses++;
  n->part_used[index][part]++;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t o = out; o < lnspi_round16(out); o++) CHECK(d[r * ldd + o] == 0);
    for (int64_t o = 0; o < out; o++)
      for (int64_t k = 0; k < in; k++)
        n->matrix_gradient[index][(part * out + o) * in + k] +=
            (double)d[r * ldd + o] * (double)x[r * ldx + k];
  }
}

static void fill_call(net *n, int32_t i, lnspi_call *call, lnspi_need *need) {
  const lnspi_node *node = &n->graph->nodes[i];
  const lnspi_extent extent = lnspi_layer_extent(n->graph, node, n->batch, n->concepts);
  memset(call, 0, sizeof *call);
  *need = lnspi_layer_need(&extent);
  call->k = n->k;
  call->graph = n->graph;
  call->node = node;
  call->batch = call->all_batch = n->batch;
  call->concepts = length_of(n, i);
  call->rows = call->all_rows = rows_of(n, i);
  call->mask = n->mask;
  call->mask_ld = n->concepts;
  call->number = i;
  call->seed = 99;
  call->training = !n->calm;
  for (int32_t j = 0; j < node->input_count; j++) {
    call->in[j] = n->out[node->input[j]];
    call->in_ld[j] = node_ld(n, node->input[j]);
    call->in_concepts[j] = length_of(n, node->input[j]);
    call->in_rows[j] = rows_of(n, node->input[j]);
    call->in_width[j] = n->graph->nodes[node->input[j]].width;
  }
  call->out = n->out[i];
  call->out_ld = node_ld(n, i);
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    if (node->slot[s] >= 0)
      call->weight[s] = n->state + n->graph->weights[node->slot[s]].offset;
  call->saved = n->saved[i];
}

static int pads_are_zero(const float *x, int64_t rows, int64_t ld, int64_t width) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t e = width; e < ld; e++)
      if (lnspi_float_bits(x[r * ld + e]) != 0) return 0;
  return 1;
}

static void run_forward(net *n) {
  close_run(n);
  for (int32_t i = 0; i < n->graph->node_count; i++) {
    const int64_t ld = node_ld(n, i), width = n->graph->nodes[i].width;
    lnspi_call call;
    lnspi_need need;
    const int64_t rows = rows_of(n, i);
    n->out[i] = floats_with_guard(rows * ld);
    for (int64_t r = 0; r < rows; r++)
      memset(n->out[i] + r * ld + width, 0, (size_t)(ld - width) * sizeof(float));
    for (int64_t r = 0; r < rows && i == 0; r++)
      for (int64_t e = 0; e < width; e++)
        n->out[0][r * ld + e] = (float)n->input[r * width + e];
    fill_call(n, i, &call, &need);
    n->saved[i] = floats_with_guard(need.saved_floats);
    call.saved = n->saved[i];
    call.scratch = floats_with_guard(need.scratch_floats);
    lnspi_layer_at(n->graph->nodes[i].layer)->forward(&call);
    CHECK(guard_intact(call.scratch, need.scratch_floats));
    CHECK(guard_intact(n->saved[i], need.saved_floats));
    CHECK(guard_intact(n->out[i], rows * ld));
    CHECK(pads_are_zero(n->out[i], rows, ld, width));
    free(call.scratch);
  }
}

/* Adds a layer's gradient of its input to what is there. */
static void collect(net *n, int32_t node, const float *din) {
  const int64_t count = rows_of(n, node) * node_ld(n, node);
  for (int64_t e = 0; e < count; e++)
    n->dout[node][e] = n->dout_count[node] ? n->dout[node][e] + din[e] : din[e];
  n->dout_count[node]++;
}

static void backward_node(net *n, int32_t i, int32_t wanted_inputs) {
  const lnspi_node *node = &n->graph->nodes[i];
  lnspi_call call;
  lnspi_need need;
  const int64_t uses_before = n->uses;
  fill_call(n, i, &call, &need);
  call.scratch = floats_with_guard(need.scratch_floats);
  call.dout = n->dout[i];
  call.use = use;
  call.use_data = n;
  use_net = n;
  for (int32_t j = 0; j < node->input_count && wanted_inputs; j++)
    call.din[j] = floats_with_guard(call.in_rows[j] * call.in_ld[j]);
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    if (node->slot[s] >= 0 && n->graph->weights[node->slot[s]].kind == LNSPI_FLAT)
      call.dweight[s] = n->gradient + n->graph->weights[node->slot[s]].offset;
  lnspi_layer_at(node->layer)->backward(&call);
  CHECK(guard_intact(call.scratch, need.scratch_floats));
  CHECK(guard_intact(n->saved[i], need.saved_floats));
  CHECK(n->uses - uses_before <= need.uses);
  for (int32_t j = 0; j < node->input_count && wanted_inputs; j++) {
    CHECK(guard_intact(call.din[j], call.in_rows[j] * call.in_ld[j]));
    CHECK(pads_are_zero(call.din[j], call.in_rows[j], call.in_ld[j], call.in_width[j]));
    collect(n, node->input[j], call.din[j]);
    free(call.din[j]);
  }
  free(call.scratch);
}

static void run_backward(net *n, int32_t wanted_inputs) {
  memset(n->gradient, 0, (size_t)n->graph->state_floats * sizeof(float));
  memset(n->part_used, 0, sizeof n->part_used);
  n->uses = 0;
  for (int32_t i = 0; i < n->graph->weight_count; i++)
    memset(n->matrix_gradient[i], 0, (size_t)n->graph->weights[i].count * sizeof(double));
  for (int32_t i = 0; i < n->graph->node_count; i++) {
    free(n->dout[i]);
    n->dout[i] = zeros(rows_of(n, i) * node_ld(n, i), sizeof(float));
    n->dout_count[i] = 0;
  }
  for (int32_t o = 0; o < n->graph->output_count; o++) {
    const int32_t node = n->graph->outputs[o].node;
    const int64_t width = n->graph->nodes[node].width;
    n->dout_count[node]++;
    for (int64_t r = 0; r < rows_of(n, node); r++)
      for (int64_t e = 0; e < width; e++)
        n->dout[node][r * node_ld(n, node) + e] += (float)n->cotangent[o][r * width + e];
  }
  for (int32_t i = n->graph->node_count - 1; i > 0; i--) backward_node(n, i, wanted_inputs);
}

/* The library's gradient of element e of weight i. */
static double weight_gradient(const net *n, int32_t i, int64_t e) {
  const lnspi_weight *w = &n->graph->weights[i];
  const int64_t each = w->count / w->parts;
  if (w->kind == LNSPI_MATRIX) return n->matrix_gradient[i][e];
  return (double)n->gradient[w->offset + e / each * (w->floats / w->parts) + e % each];
}

#endif

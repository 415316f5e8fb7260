/* The selective scan of Mamba (Gu and Dao, 2023), of e channels with N states each:
 *
 *   h_t = exp(-exp(A_log) delta_t) h_(t-1) + u_t b_t;   y_t = sum of h_t over N + D u_t
 *
 * h and A_log are [e, N], u_t, delta_t and D [e], b_t [N]. "Selective" means that delta and b
 * are computed from the input, so that the network decides at each concept how fast it forgets
 * and what it takes in. There is no C here: the states are summed with weight 1. Concepts that
 * the mask leaves out are passed over: they leave h as it is, and their rows of y are 0.
 *
 * h is not kept for backward. It would be e N floats per concept, most of a trainer's memory,
 * and to write and read them takes longer than to compute them again. So saved is empty:
 * backward runs the recurrence forward once more, for one block and one state at a time.
 *
 * Channels are independent of each other, and so they are the lanes: the kernels scan and
 * scan_dx take 16 channels of one sequence, all steps, all states. u, delta and dy are
 * therefore gathered into blocks of [steps][16], which also drops masked concepts, and results
 * are scattered back. rate = -exp(A_log) / ln 2 is computed once per call (scan_rates); the
 * decay is then 2^(rate delta). Sums are taken in two places only: over the states, within a
 * lane; and for the gradient of b over the channels, where lanes of all blocks are summed at
 * the end by one tree (scan_input_backward). The gradient of A_log is collected as that of
 * rate, and multiplied by d rate / d A_log once at the end. */
#include "base/min_max.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"

#define SCAN_A 0
#define SCAN_D 1
#define SCAN_LN2 0x1.62e430p-1f

static void scan_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *nodes = b->graph->nodes;
  const int64_t e = nodes[node->input[0]].width, delta = nodes[node->input[1]].width;
  node->width = e;
  lnspi_declare_same_length(b, node);
  if (delta != e)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.input[1],
                     "scan needs u and delta of equal widths: '%s' has %lld, '%s' has %lld",
                     nodes[node->input[0]].name, (long long)e, nodes[node->input[1]].name,
                     (long long)delta);
  lnspi_weight a =
      lnspi_declare_flat_shape(e, nodes[node->input[2]].width, LNSPI_INIT_NORMAL, 1);
  const lnspi_weight d = lnspi_declare_flat_shape(e, 0, LNSPI_INIT_ONE, 0);
  a.centre = -4;
  lnspi_declare_weight(b, node, SCAN_A, ".A_log", &a);
  lnspi_declare_weight(b, node, SCAN_D, ".D", &d);
}

/* What is in scratch. Rows of 16 are of a block of channels, in the steps of a sequence. */
typedef struct scan_work {
  int64_t width, states, ld, blocks; /* ld: of the states */
  float *rate;                       /* [blocks][states][16] */
  float *b;                          /* [steps][ld], where a mask leaves rows out */
  float *y, *u, *delta;              /* [steps][16] */
  /* backward */
  float *du, *ddelta, *work;         /* [steps][16], work twice as much */
  float *db;                         /* [states][steps][16] */
  float *drate;                      /* as rate */
  int64_t floats;
} scan_work;

static int64_t scan_take(scan_work *w, int64_t floats) {
  const int64_t at = w->floats;
  w->floats += lnspi_round16(floats);
  return at;
}

static scan_work scan_open(const lnsp_graph *graph, const lnspi_node *node, int64_t concepts,
                           float *scratch) {
  scan_work w;
  memset(&w, 0, sizeof w);
  w.width = node->width;
  w.states = graph->nodes[node->input[2]].width;
  w.ld = lnspi_round16(w.states);
  w.blocks = (w.width + 15) / 16;
  const int64_t rates = w.blocks * w.states * 16, block = concepts * 16;
  float **const part[] = {&w.rate, &w.b,      &w.y,    &w.u,  &w.delta,
                          &w.du,   &w.ddelta, &w.work, &w.db, &w.drate};
  const int64_t floats[] = {rates,     concepts * w.ld,  block, block, block, block, block,
                            2 * block, w.states * block, rates};
  for (int i = 0; i < 10; i++) {
    const int64_t at = scan_take(&w, floats[i]);
    if (scratch) *part[i] = scratch + at;
  }
  return w;
}

static void scan_need(const lnspi_extent *e, lnspi_need *need) {
  need->scratch_floats = scan_open(e->graph, e->node, e->concepts, NULL).floats;
  need->rows_apart = 1;
}

static int scan_keeps(const lnspi_call *c, int64_t s, int64_t t) {
  return !lnspi_layer_masked(c, s * c->concepts + t);
}

/* Columns from .. from+count-1 of the rows of sequence s that are not masked; how many. */
static int64_t scan_gather(const lnspi_call *c, int64_t s, const float *x, int64_t ldx,
                           int64_t from, int64_t count, float *to, int64_t ld) {
  int64_t steps = 0;
  for (int64_t t = 0; t < c->concepts; t++)
    if (scan_keeps(c, s, t))
      memcpy(to + steps++ * ld, x + (s * c->concepts + t) * ldx + from,
             (size_t)count * sizeof *to);
  return steps;
}

/* The way back; zeros in the rows that are masked. */
static void scan_scatter(const lnspi_call *c, int64_t s, const float *x, int64_t from,
                         float *to, int64_t ld) {
  for (int64_t t = 0; t < c->concepts; t++) {
    float *row = to + (s * c->concepts + t) * ld + from;
    if (scan_keeps(c, s, t)) {
      memcpy(row, x, 16 * sizeof *x);
      x += 16;
    } else {
      memset(row, 0, 16 * sizeof *row);
    }
  }
}

static void scan_rates(const lnspi_call *c, const scan_work *w) {
  const float *a = c->weight[SCAN_A];
  for (int64_t k = 0; k < w->blocks; k++)
    c->k->scan_rates(w->rate + k * w->states * 16, a + 16 * k * w->states, w->states,
                     lnspi_min_i64(w->width - 16 * k, 16));
}

/* b of a sequence: its rows in place, or those not masked. */
static const float *scan_input(const lnspi_call *c, const scan_work *w, int64_t s,
                               int64_t *ld) {
  *ld = c->in_ld[2];
  if (!c->mask) return c->in[2] + s * c->concepts * c->in_ld[2];
  *ld = w->ld;
  scan_gather(c, s, c->in[2], c->in_ld[2], 0, w->states, w->b, w->ld);
  return w->b;
}

static void scan_forward(const lnspi_call *c) {
  const scan_work w = scan_open(c->graph, c->node, c->concepts, c->scratch);
  const float *d = c->weight[SCAN_D];
  scan_rates(c, &w);
  for (int64_t s = 0; s < c->batch; s++) {
    int64_t ldb;
    const float *b = scan_input(c, &w, s, &ldb);
    for (int64_t k = 0; k < w.blocks; k++) {
      const int64_t steps = scan_gather(c, s, c->in[0], c->in_ld[0], 16 * k, 16, w.u, 16);
      scan_gather(c, s, c->in[1], c->in_ld[1], 16 * k, 16, w.delta, 16);
      c->k->scan(w.y, w.u, w.delta, w.rate + k * w.states * 16, b, ldb, steps, w.states);
      for (int64_t t = 0; t < steps; t++) /* the state pads D with zeros */
        c->k->mul_add(w.y + 16 * t, d + 16 * k, w.u + 16 * t, 16);
      scan_scatter(c, s, w.y, 16 * k, c->out, c->out_ld);
    }
  }
}

/* One block of channels of a sequence. */
static void scan_block_backward(const lnspi_call *c, const scan_work *w, int64_t s, int64_t k,
                                const float *b, int64_t ldb) {
  const float *d = (const float *)c->weight[SCAN_D] + 16 * k;
  const int64_t at = k * w->states * 16;
  const int64_t steps = scan_gather(c, s, c->in[0], c->in_ld[0], 16 * k, 16, w->u, 16);
  scan_gather(c, s, c->in[1], c->in_ld[1], 16 * k, 16, w->delta, 16);
  scan_gather(c, s, c->dout, c->out_ld, 16 * k, 16, w->y, 16);
  c->k->scan_dx(w->du, w->ddelta, w->db, w->drate + at, w->y, w->u, w->delta, w->rate + at, b,
                ldb, steps, w->states, w->work);
  for (int64_t t = 0; t < steps; t++) {
    c->k->mul_add(w->du + 16 * t, d, w->y + 16 * t, 16);
    if (c->dweight[SCAN_D])
      c->k->mul_add(c->dweight[SCAN_D] + 16 * k, w->u + 16 * t, w->y + 16 * t, 16);
  }
  if (c->din[0]) scan_scatter(c, s, w->du, 16 * k, c->din[0], c->in_ld[0]);
  if (c->din[1]) scan_scatter(c, s, w->ddelta, 16 * k, c->din[1], c->in_ld[1]);
}

/* The gradient of b: what the lanes of all blocks gave. */
static void scan_input_backward(const lnspi_call *c, const scan_work *w, int64_t s,
                                int64_t steps) {
  int64_t step = 0;
  for (int64_t t = 0; t < c->concepts; t++) {
    float *row = c->din[2] + (s * c->concepts + t) * c->in_ld[2];
    if (scan_keeps(c, s, t)) {
      for (int64_t n = 0; n < w->states; n++)
        row[n] = c->k->sum(w->db + 16 * (n * steps + step), 16);
      step++;
    } else {
      memset(row, 0, (size_t)w->states * sizeof *row);
    }
  }
}

/* d exp(-exp(A_log) delta) / d A_log = rate ln 2 delta times the same. */
static void scan_rates_backward(const lnspi_call *c, const scan_work *w) {
  float *g = c->dweight[SCAN_A];
  c->k->mul(w->drate, w->drate, w->rate, w->blocks * w->states * 16);
  c->k->scale(w->drate, SCAN_LN2, w->drate, w->blocks * w->states * 16);
  for (int64_t i = 0; i < w->width; i++)
    for (int64_t n = 0; n < w->states; n++)
      g[i * w->states + n] += w->drate[(i / 16 * w->states + n) * 16 + i % 16];
}

static void scan_backward(const lnspi_call *c) {
  const scan_work w = scan_open(c->graph, c->node, c->concepts, c->scratch);
  scan_rates(c, &w);
  memset(w.drate, 0, (size_t)(w.blocks * w.states * 16) * sizeof *w.drate);
  for (int64_t s = 0; s < c->batch; s++) {
    int64_t ldb, steps = 0;
    const float *b = scan_input(c, &w, s, &ldb);
    for (int64_t t = 0; t < c->concepts; t++) steps += scan_keeps(c, s, t);
    memset(w.db, 0, (size_t)(w.states * steps * 16) * sizeof *w.db);
    for (int64_t k = 0; k < w.blocks; k++) scan_block_backward(c, &w, s, k, b, ldb);
    if (c->din[2]) scan_input_backward(c, &w, s, steps);
  }
  if (c->dweight[SCAN_A]) scan_rates_backward(c, &w);
  for (int i = 0; i < 3; i++)
    if (c->din[i]) lnspi_layer_zero_pads(c->din[i], c->in_ld[i], c->rows, c->in_width[i]);
}

/* A product and an exponential for the decay, then h and its sum. */
static int64_t scan_flops(const lnspi_extent *e) {
  return 5 * e->node->width * e->graph->nodes[e->node->input[2]].width * e->concepts;
}

static void scan_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  lnspi_graph_text_weight(graph, node, SCAN_A, ".A_log", text);
}

const lnspi_layer lnspi_layer_scan = {
    .name = "scan",
    .help =
        "y = scan u delta b w=NAME: over the concepts, h = exp(-exp(A_log) delta) h + u b, y "
        "= sum of h + D u; A_log [width of u, width of b]",
    .inputs_low = 3,
    .inputs_high = 3,
    .weights_high = 2,
    .define = scan_define,
    .need = scan_need,
    .forward = scan_forward,
    .backward = scan_backward,
    .flops = scan_flops,
    .write = scan_write,
    .masks = LNSPI_MASKS,
};

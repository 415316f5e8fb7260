/* Clipping by example, from the norms of gradients that are never formed, and noise.
 *
 * Differentially private SGD (Abadi and others, 2016) needs the norm of the gradient of each
 * example, a row of the batch in all groups of a loss. Forming one gradient an example would
 * cost as much memory as the model, times the batch. Instead: an example's gradient of a
 * matrix is a sum of outer products d x^T over its rows and uses, and the squared norm of such
 * a sum is the sum over pairs of (d.d')(x.x') (Goodfellow, "Efficient per-example gradient
 * computations", 2015; "ghost norms" in Li and others, "Large language models can be strong
 * differentially private learners", 2021). For one vector an example that is one product of
 * two norms.
 *
 * Gradients of small tensors are formed for real: backward is called again for the rows of one
 * example with the flag again, which only adds to dweight. Layers that cannot do this set
 * no_again, and the trainer refuses clip_each for them.
 *
 * Then the recorded output gradients d of each example are scaled by its factor min(1, C /
 * norm), and by rows / lot, which turns the mean over rows into a sum divided by the lot.
 * Since gradients of weights are linear in d, everything that follows is the sum of clipped
 * gradients, and the update does not know of it. Norms are computed from above: what rounding
 * may have lost is added, and factors are reduced by 2^-22, because privacy must not depend on
 * rounding.
 *
 * Noise is normal with deviation noise * C / lot, from ChaCha with a secret key, and a counter
 * made of weight, step, row and column. It does not depend on the layout in memory, so all
 * kernel sets and storage types get the same. docs/privacy.md says what this guarantees, and
 * what it does not. */
#include "train/privacy.h"

#include <math.h>

#include "base/error.h"
#include "base/min_max.h"
#include "kernels/noise.h"
#include "run/weight.h"

/* ---- norms ---- */

/* Rows that are one example's, of what has each of them for a sequence. */
typedef struct privacy_example {
  const lnsp_trainer *t;
  int64_t number, each;
} privacy_example;

static int64_t privacy_groups(const lnsp_trainer *t) {
  return t->engine.batch == t->pass.rows ? 1 : t->loss.objective->needs.group_count;
}

static int64_t privacy_row(const privacy_example *e, int64_t k) {
  return (k / e->each * e->t->pass.rows + e->number) * e->each + k % e->each;
}

/* One of the vectors d x^T whose sum is the example's gradient of a part of a matrix. */
typedef struct privacy_term {
  int32_t use;
  int64_t k; /* of the example's rows */
} privacy_term;

/* The rows of a use that are one example's. */
static privacy_example privacy_of_use(const privacy_example *e, int32_t use) {
  const privacy_example of = {e->t, e->number, e->t->grad.uses[use].rows / e->t->engine.batch};
  return of;
}

static int privacy_next(const privacy_example *e, privacy_term *term) {
  const lnspi_use *uses = e->t->grad.uses, *first = &uses[term->use];
  if (++term->k < uses[term->use].rows / e->t->engine.batch * privacy_groups(e->t)) return 1;
  term->k = 0;
  while (++term->use < e->t->grad.use_count)
    if (uses[term->use].weight == first->weight && uses[term->use].part == first->part)
      return 1;
  return 0;
}

static double privacy_product(const privacy_example *e, const privacy_term *a,
                              const privacy_term *b, int64_t out, int64_t in) {
  const lnspi_kernels *k = e->t->engine.k;
  const lnspi_use *u = &e->t->grad.uses[a->use], *v = &e->t->grad.uses[b->use];
  const privacy_example ea = privacy_of_use(e, a->use), eb = privacy_of_use(e, b->use);
  const int64_t i = privacy_row(&ea, a->k), j = privacy_row(&eb, b->k);
  double d = (double)k->dot(u->d + i * u->ldd, v->d + j * v->ldd, out);
  return d * (double)k->dot(u->x + i * u->ldx, v->x + j * v->ldx, in);
}

/* At least the square of the norm: sum over pairs of (d.d')(x.x'), and what their
 * rounding may have lost, which is relative to (sum of |d||x|)^2. */
static double privacy_matrix(const privacy_example *e, int32_t use) {
  const lnspi_weight *weight = &e->t->graph->weights[e->t->grad.uses[use].weight];
  const int64_t out = weight->dims[0] / weight->parts, in = weight->dims[1];
  const double lost = ((double)((out + in) / 16) + 16) * 0x1p-24;
  double total = 0, sizes = 0;
  privacy_term a = {use, 0};
  do {
    privacy_term b = a;
    double own = privacy_product(e, &a, &a, out, in);
    total += own;
    sizes += sqrt(own);
    while (privacy_next(e, &b)) total += 2 * privacy_product(e, &a, &b, out, in);
  } while (privacy_next(e, &a));
  return total + lost * sizes * sizes;
}

static int privacy_is_first(const lnsp_trainer *t, int32_t use) {
  for (int32_t u = 0; u < use; u++)
    if (t->grad.uses[u].weight == t->grad.uses[use].weight &&
        t->grad.uses[u].part == t->grad.uses[use].part)
      return 0;
  return 1;
}

/* ---- small tensors ---- */

static int privacy_has_small(const lnsp_trainer *t, const lnspi_node *node) {
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    if (node->slot[s] >= 0 && t->grad.touched[node->slot[s]] &&
        t->graph->weights[node->slot[s]].kind == LNSPI_FLAT)
      return 1;
  return 0;
}

/* The part of a node's backward that gives the gradients of small tensors, again, for
 * count rows of the batch. */
static void privacy_node(lnsp_trainer *t, int32_t index, int64_t from, int64_t count) {
  lnspi_call call;
  lnspi_engine_fill_call(&t->engine, t->state, index, &call);
  call.dout = t->grad.values + t->engine.plan.value_offset[index];
  call.dweight_only = 1;
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++) {
    int32_t weight = call.node->slot[s];
    if (weight >= 0 && t->grad.touched[weight] && t->graph->weights[weight].kind == LNSPI_FLAT)
      call.dweight[s] = t->grad.flat + t->grad.flat_offset[weight];
  }
  lnspi_engine_select_rows(&call, from, count);
  lnspi_layer_at(call.node->layer)->backward(&call);
}

static void privacy_clear_small(lnsp_trainer *t) {
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    if (t->grad.touched[i] && t->graph->weights[i].kind == LNSPI_FLAT)
      memset(t->grad.flat + t->grad.flat_offset[i], 0,
             (size_t)t->graph->weights[i].floats * sizeof(float));
}

static void privacy_add_small(lnsp_trainer *t, int64_t from, int64_t count) {
  for (int32_t n = t->graph->node_count - 1; n > 0; n--)
    if (t->grad.reached[n] && t->grad.wanted[n] && privacy_has_small(t, &t->graph->nodes[n]))
      privacy_node(t, n, from, count);
}

static double privacy_small(lnsp_trainer *t, int64_t number) {
  double total = 0;
  privacy_clear_small(t);
  for (int64_t g = 0; g < privacy_groups(t); g++)
    privacy_add_small(t, g * t->pass.rows + number, 1);
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    const float *g = t->grad.flat + t->grad.flat_offset[i];
    if (!t->grad.touched[i] || weight->kind != LNSPI_FLAT) continue;
    double lost = ((double)(weight->floats / 16) + 16) * 0x1p-24;
    total += (1 + lost) * (double)t->engine.k->dot(g, g, weight->floats);
  }
  return total;
}

/* ---- clipping ---- */

/* The factor of an example's recorded gradients, which are those of the mean over the
 * batch: that of its own gradient, times what turns the mean into a sum over the lot. */
static double privacy_factor(lnsp_trainer *t, int64_t number) {
  const privacy_example e = {t, number, 1};
  const double rows = (double)t->pass.rows,
               lot = t->optim.rule.lot ? (double)t->optim.rule.lot : rows;
  double square = privacy_small(t, number);
  for (int32_t u = 0; u < t->grad.use_count; u++)
    if (privacy_is_first(t, u)) square += privacy_matrix(&e, u);
  double norm = rows * sqrt(square), clipped = t->optim.rule.clip_each / norm;
  if (!(clipped < 1)) return rows / lot; /* also of a norm that is no number: the gate */
  return clipped * (1 - 0x1p-22) * (rows / lot);
}

/* each: rows for a sequence. */
static void privacy_scale(const lnsp_trainer *t, float *d, int64_t ld, int64_t each,
                          int64_t width) {
  const lnspi_kernels *k = t->engine.k;
  for (int64_t number = 0; number < t->pass.rows; number++) {
    const privacy_example e = {t, number, each};
    const float factor = (float)t->dp.factor[number];
    if (factor == 1.f) continue;
    for (int64_t i = 0; i < each * privacy_groups(t); i++) {
      float *row = d + privacy_row(&e, i) * ld;
      k->scale(row, factor, row, width);
      k->flush(row, row, width);
    }
  }
}

static int privacy_has_weights(const lnsp_trainer *t, const lnspi_node *node) {
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    if (node->slot[s] >= 0 && t->grad.touched[node->slot[s]]) return 1;
  return 0;
}

/* All output gradients of uses are in grad.values or in what the layer saved. */
static void privacy_scale_all(lnsp_trainer *t) {
  for (int32_t n = 1; n < t->graph->node_count; n++)
    if (t->grad.reached[n] && t->grad.wanted[n] && privacy_has_weights(t, &t->graph->nodes[n]))
      privacy_scale(t, t->grad.values + t->engine.plan.value_offset[n],
                    lnspi_node_ld(t->graph, n), lnspi_graph_rows(t->graph, n, t->pass.concepts),
                    t->graph->nodes[n].width);
  for (int32_t u = 0; u < t->grad.use_count; u++) {
    const lnspi_use *use = &t->grad.uses[u];
    const lnspi_weight *weight = &t->graph->weights[use->weight];
    int done =
        use->d >= t->grad.values && use->d < t->grad.values + t->engine.plan.value_floats;
    for (int32_t v = 0; v < u && !done; v++) done = t->grad.uses[v].d == use->d;
    if (!done)
      privacy_scale(t, t->engine.saved + (use->d - t->engine.saved), use->ldd,
                    use->rows / t->engine.batch, weight->dims[0] / weight->parts);
  }
}

void lnspi_privacy_clip(lnsp_trainer *t) {
  for (int64_t number = 0; number < t->pass.rows; number++)
    t->dp.factor[number] = privacy_factor(t, number);
  privacy_scale_all(t);
  privacy_clear_small(t);
  privacy_add_small(t, 0, t->engine.batch);
}

/* ---- noise ---- */

int32_t lnspi_privacy_check_key(const lnsp_trainer *t, lnsp_error *error) {
  if (!(t->optim.rule.noise > 0) || t->dp.has_noise_key) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_STATE, NULL,
      "noise needs a secret key: call lnsp_trainer_set_noise_key with random bytes");
}

double lnspi_privacy_noise_deviation(const lnsp_trainer *t) {
  const uint64_t lot = t->optim.rule.lot ? t->optim.rule.lot : (uint64_t)t->pass.rows;
  return t->optim.rule.noise > 0 ? t->optim.rule.noise * t->optim.rule.clip_each / (double)lot
                                 : 0;
}

/* Blocks of noise that wait to be made together, and where their numbers go. Element
 * (row, column) of a tensor takes number column % 8 of block row * ceil(columns / 8) +
 * column / 8, so that the layout in memory does not enter. */
typedef struct privacy_noise {
  const lnsp_trainer *t;
  float deviation;
  int32_t filled;
  uint32_t nonce[3], blocks; /* of a row */
  uint32_t counter[LNSPI_NOISE_LANES];
  float *to[LNSPI_NOISE_LANES];
  int64_t skip[LNSPI_NOISE_LANES], count[LNSPI_NOISE_LANES], step;
} privacy_noise;

static privacy_noise privacy_noise_open(const lnsp_trainer *t, int32_t weight, int64_t columns,
                                        int64_t step) {
  privacy_noise n;
  memset(&n, 0, sizeof n);
  n.t = t;
  n.deviation = (float)lnspi_privacy_noise_deviation(t);
  n.nonce[0] = (uint32_t)weight;
  n.nonce[1] = (uint32_t)t->step;
  n.nonce[2] = (uint32_t)(t->step >> 32);
  n.blocks = (uint32_t)((columns + LNSPI_NOISE_BLOCK - 1) / LNSPI_NOISE_BLOCK);
  n.step = step;
  return n;
}

static void privacy_noise_flush(privacy_noise *n) {
  float z[LNSPI_NOISE_LANES * LNSPI_NOISE_BLOCK];
  if (!n->filled) return;
  n->t->engine.k->noise(z, n->t->dp.noise_key, n->nonce, n->counter);
  for (int32_t l = 0; l < n->filled; l++)
    for (int64_t i = 0; i < n->count[l]; i++) {
      float *to = n->to[l] + i * n->step,
            noise = n->deviation * z[LNSPI_NOISE_BLOCK * l + n->skip[l] + i];
      *to = *to + noise;
    }
  n->filled = 0;
}

/* Noise of count columns of a row from one on, which is at to. */
static void privacy_noise_row(privacy_noise *n, int64_t row, int64_t column, int64_t count,
                              float *to) {
  const int64_t end = column + count;
  while (column < end) {
    const int32_t l = n->filled++;
    const int64_t rest = LNSPI_NOISE_BLOCK - column % LNSPI_NOISE_BLOCK;
    n->counter[l] = (uint32_t)row * n->blocks + (uint32_t)(column / LNSPI_NOISE_BLOCK);
    n->to[l] = to;
    n->skip[l] = column % LNSPI_NOISE_BLOCK;
    n->count[l] = lnspi_min_i64(end - column, rest);
    column += n->count[l];
    to += n->count[l] * n->step;
    if (n->filled == LNSPI_NOISE_LANES) privacy_noise_flush(n);
  }
}

void lnspi_privacy_noise_tile(const lnsp_trainer *t, const lnspi_grad_tile *tile) {
  const lnspi_weight *weight = &t->graph->weights[tile->weight];
  const int64_t row = tile->part * (weight->dims[0] / weight->parts) + tile->lane0;
  privacy_noise n = privacy_noise_open(t, tile->weight, weight->dims[1], tile->lanes);
  for (int64_t l = 0; l < tile->real; l++)
    privacy_noise_row(&n, row + l, tile->k0, tile->kn, tile->g + l);
  privacy_noise_flush(&n);
}

void lnspi_privacy_noise_flat(lnsp_trainer *t, int32_t index) {
  const lnspi_weight *weight = &t->graph->weights[index];
  const int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
  const int64_t ld = weight->rank <= 1 ? lnspi_round16(columns) : columns;
  privacy_noise n = privacy_noise_open(t, index, columns, 1);
  for (int64_t r = 0; r < rows; r++)
    privacy_noise_row(&n, r, 0, columns, t->grad.flat + t->grad.flat_offset[index] + r * ld);
  privacy_noise_flush(&n);
}

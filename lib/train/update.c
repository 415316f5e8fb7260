/* Phases two and three of a step: the gate, which proves that the update stays
 * finite before any weight changes, and the update itself. A matrix gradient is
 * formed strip by strip, a few kilobytes at a time, and never lies in memory as a
 * whole. */
#include <float.h>
#include <math.h>

#include "base/problem.h"
#include "kernels/compact.h"
#include "kernels/noise.h"
#include "train/privacy.h"
#include "train/strips.h"

#define UPDATE_MOST_GRADIENT 1e18 /* its square fits a float, a hundred times over */
#define UPDATE_MOST_WEIGHT 1e37

/* ---- weights ---- */

/* Where a float32 weight is, and a strip of a bfloat16 one. */
static float *update_floats(const lnsp_trainer *t, const lnspi_weight *weight) {
  return t->state + weight->at / (int64_t)sizeof(float);
}

static void *update_compact(const lnsp_trainer *t, const lnspi_strip *strip) {
  const lnspi_weight *weight = &t->graph->weights[strip->weight];
  uint8_t *part = (uint8_t *)(void *)update_floats(t, weight) +
                  strip->part * (weight->bytes / weight->parts);
  return part + 2 * (strip->lane0 * weight->dims[1] + strip->k0 * lnspi_round32(strip->lanes));
}

/* ---- the gate ---- */

/* At least the norm of rows of floats, pads between them included (they are zero).
 * FLT_MIN covers what the squares lose to underflow, the factor the rounding of a sum
 * whose 16 lanes take n / 16 terms each. */
static double update_norm(const lnspi_kernels *k, const float *x, int64_t ld, int64_t rows,
                          int64_t width) {
  /* rows that are further apart have something else between them */
  const int64_t times = ld == lnspi_round16(width) ? 1 : rows;
  const int64_t n = times == 1 ? (rows - 1) * ld + width : width;
  const double lost = 1 + (double)(n / 16 + 32) * 0x1p-23;
  double sum = (double)rows * (double)FLT_MIN;
  for (int64_t r = 0; r < times; r++) sum += (double)k->dot(x + r * ld, x + r * ld, n);
  return sqrt(lost * sum);
}

/* Upper bound of what the uses of matrices give any element of a gradient: the sum
 * over rows of |d||x| is at most the product of the norms over all rows (Cauchy and
 * Schwarz). The second factor covers the rounding of the gradient's own sum. */
static double update_use_bound(const lnsp_trainer *t) {
  const lnspi_kernels *k = t->engine.k;
  double total = 0, rows = 0;
  for (int32_t u = 0; u < t->use_count; u++) {
    const lnspi_use *use = &t->uses[u];
    const lnspi_weight *weight = &t->graph->weights[use->weight];
    total += update_norm(k, use->d, use->ldd, use->rows, weight->dims[0] / weight->parts) *
             update_norm(k, use->x, use->ldx, use->rows, weight->dims[1]);
    rows += (double)use->rows;
  }
  return total * (1.001 + rows * 0x1p-23);
}

static double update_given_bound(const lnsp_trainer *t) {
  double most = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    if (!t->touched[i]) continue;
    double largest = (double)t->engine.k->max_abs(t->given[i], t->graph->weights[i].count);
    if (!(largest <= UPDATE_MOST_GRADIENT)) return INFINITY;
    if (largest > most) most = largest;
  }
  return most;
}

/* Upper bound of every element of the gradient, not finite if any term is not. One
 * bound for all tensors together is loose but enough. */
static double update_gradient_bound(const lnsp_trainer *t) {
  double most = t->given ? update_given_bound(t) : update_use_bound(t);
  if (!(most <= UPDATE_MOST_GRADIENT)) return INFINITY;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    if (!t->touched[i] || weight->kind != LNSPI_FLAT) continue;
    double largest = (double)t->engine.k->max_abs(t->small + t->small_offset[i],
                                                  weight->floats);
    if (!(largest <= UPDATE_MOST_GRADIENT)) return INFINITY;
    if (largest > most) most = largest;
  }
  return most;
}

static double update_larger(double a, double b) { return a > b ? a : b; }

static void update_add_largest(lnsp_trainer *t, const lnspi_strip *strip, void *data) {
  const lnspi_kernels *k = t->engine.k;
  double *most = data;
  k->widen_bf16(strip->w, update_compact(t, strip), strip->lanes, strip->kn);
  *most = update_larger(*most, (double)k->max_abs(strip->w, strip->kn * strip->lanes));
}

static double update_largest_weight(lnsp_trainer *t) {
  double most = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    if (weight->type == LNSP_BF16)
      lnspi_strips_each(t, i, LNSPI_STRIPS_ALONE, update_add_largest, &most);
    else
      most = update_larger(most, (double)t->engine.k->max_abs(update_floats(t, weight),
                                                              weight->floats));
  }
  return most;
}

static void update_know_bounds(lnsp_trainer *t) {
  const lnspi_kernels *k = t->engine.k;
  int64_t n = t->graph->state_floats;
  t->bounds.weight = update_largest_weight(t);
  t->bounds.average = t->average ? (double)k->max_abs(t->average, n) : 0;
  t->bounds.moment = 0;
  for (int32_t m = 0; m < t->moment_count; m++) {
    double most;
    if (t->narrow)
      most = lnspi_moments_most(t, m);
    else if (m == t->rule.optimizer->squares)
      most = sqrt((double)k->max_abs(t->moment[m], n));
    else
      most = (double)k->max_abs(t->moment[m], n);
    if (most > t->bounds.moment) t->bounds.moment = most;
  }
  t->bounds_known = 1;
}

/* Bounds after the step, kept from step to step; the arrays themselves are looked at
 * only when those no longer suffice. */
static int32_t update_gate(lnsp_trainer *t, double gradient, const lnspi_update *update,
                           lnspi_bounds *after, lnsp_problem *problem) {
  for (int fresh = 0; fresh < 2; fresh++) {
    if (fresh || !t->bounds_known) update_know_bounds(t);
    *after = t->bounds;
    t->rule.optimizer->bound(t->rule.real, update, gradient, after);
    if (t->rule.weights == LNSP_BF16) after->weight *= 1.0079; /* rounded up, at most */
    int sound = after->weight <= UPDATE_MOST_WEIGHT && after->moment <= UPDATE_MOST_GRADIENT;
    /* tensors that the step does not touch stay as large as they are */
    after->weight = update_larger(after->weight, t->bounds.weight);
    after->moment = update_larger(after->moment, t->bounds.moment);
    if (t->average) /* it lies between what it was and the weights */
      after->average = update_larger(t->bounds.average, after->weight);
    if (sound && after->average <= UPDATE_MOST_WEIGHT) return LNSP_OK;
  }
  return lnspi_fail(problem, LNSP_E_NOT_FINITE, NULL,
                    "the step could make weights infinite, so nothing was changed: lower the "
                    "learning rate or clip the gradient");
}

/* ---- clipping ---- */

static void update_square(lnsp_trainer *t, const lnspi_strip *strip, void *data) {
  const float *g = lnspi_strip_gradient(t, strip);
  (void)data;
  t->squares[strip->number] = t->engine.k->dot(g, g, strip->kn * strip->lanes);
}

/* Strip by strip in their order, whoever forms them. */
static double update_matrix_squares(lnsp_trainer *t, int32_t index, double total) {
  const int64_t strips = lnspi_strips_count(&t->graph->weights[index]);
  lnspi_strips_each(t, index, 0, update_square, NULL);
  for (int64_t i = 0; i < strips; i++) total += (double)t->squares[i];
  return total;
}

/* 1 if each part of a matrix has one use of one row: its gradient is then an outer
 * product, whose norm is the product of the norms. */
static int update_is_outer(const lnsp_trainer *t, int32_t weight) {
  uint64_t parts = 0;
  if (t->graph->weights[weight].parts > 64 || t->whole) return 0;
  for (int32_t u = 0; u < t->use_count; u++) {
    uint64_t part = UINT64_C(1) << t->uses[u].part;
    if (t->uses[u].weight != weight) continue;
    if (t->uses[u].rows > 1 || parts & part) return 0;
    parts |= part;
  }
  return 1;
}

/* The squared global norm; it overflows only where small tensors have gradients
 * near the most that is allowed. */
static double update_square_norm(lnsp_trainer *t) {
  const lnspi_kernels *k = t->engine.k;
  double total = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    if (!t->touched[i]) continue;
    if (weight->kind == LNSPI_FLAT) {
      const float *g = t->small + t->small_offset[i];
      total += lnspi_accumulate_has(t, i) ? lnspi_accumulate_square(t, i)
                                          : (double)k->dot(g, g, weight->floats);
    } else if (t->given || !update_is_outer(t, i)) {
      total = update_matrix_squares(t, i, total);
    } else {
      for (int32_t u = 0; u < t->use_count; u++)
        if (t->uses[u].weight == i)
          total += (double)k->dot(t->uses[u].d, t->uses[u].d, weight->dims[0] / weight->parts) *
                   (double)k->dot(t->uses[u].x, t->uses[u].x, weight->dims[1]);
    }
  }
  return total;
}

/* The factor of the gradient: of a sum, what makes it a mean; and, as that of
 * torch.nn.utils.clip_grad_norm_, what bounds its norm. */
static int32_t update_clip(lnsp_trainer *t, double *scale, double *mean_norm,
                           lnsp_problem *problem) {
  *scale = t->sum ? 1.0 / (double)t->rule.accumulate : 1;
  if (!(t->rule.clip > 0)) return LNSP_OK;
  double norm = *mean_norm = *scale * sqrt(update_square_norm(t));
  if (!(norm <= DBL_MAX))
    return lnspi_fail(problem, LNSP_E_NOT_FINITE, NULL,
                      "the gradient is too large to be clipped, so nothing was changed: check "
                      "the data");
  double factor = t->rule.clip / (norm + 1e-6);
  if (factor < 1) *scale *= factor;
  return LNSP_OK;
}

/* ---- the update ---- */

/* What the average takes of the new weights: 1 - decay, where the decay grows to
 * its full value, min(ema, (1 + n) / (10 + n)) at update n, so that the first
 * steps are not outweighed by the start (the rule of TensorFlow's
 * ExponentialMovingAverage with num_updates). */
static float update_average_share(const lnsp_trainer *t) {
  double n = (double)t->step + 1, grown = (1 + n) / (10 + n);
  return (float)(1.0 - (grown < t->rule.average ? grown : t->rule.average));
}

static void update_moments(const lnsp_trainer *t, int64_t offset,
                           float *moment[LNSPI_MOMENTS]) {
  for (int32_t m = 0; m < LNSPI_MOMENTS; m++)
    moment[m] = m < t->moment_count ? t->moment[m] + offset : NULL;
}

static void update_follow(lnsp_trainer *t, int64_t offset, int64_t n) {
  if (t->average) /* then all weights are float32 */
    t->engine.k->ema(t->average + offset, t->state + offset, n, update_average_share(t));
}

/* n elements of a weight, the elements of the moments from offset on: those at w, whose
 * gradient is g. */
static void update_apply(lnsp_trainer *t, int32_t weight, const lnspi_update *update,
                         int64_t offset, float *w, const float *g, int64_t n) {
  const lnspi_optimizer *optimizer = t->rule.optimizer;
  if (t->narrow) {
    const lnspi_moments8 narrow =
        lnspi_moments_at(t, weight, offset - t->graph->weights[weight].offset, update->key);
    optimizer->apply_narrow(t->engine.k, update, w, &narrow, g, n);
  } else {
    float *moment[LNSPI_MOMENTS];
    update_moments(t, offset, moment);
    optimizer->apply(t->engine.k, update, w, moment, g, n);
  }
}

/* A strip whose float32 weights are at w. */
static void update_strip_at(lnsp_trainer *t, const lnspi_strip *strip,
                            const lnspi_update *update, float *w) {
  const lnspi_optimizer *optimizer = t->rule.optimizer;
  const lnspi_use *use = strip->use;
  float *moment[LNSPI_MOMENTS];
  if (!lnspi_strip_fused(t, use)) {
    const float *g = lnspi_strip_gradient(t, strip);
    if (t->rule.noise > 0) lnspi_privacy_strip(t, strip);
    update_apply(t, strip->weight, update, strip->offset, w, g, strip->kn * strip->lanes);
    return;
  }
  update_moments(t, strip->offset, moment);
  optimizer->apply_strip(t->engine.k, update, w, moment, strip->lanes, use->d + strip->lane0,
                         use->ldd, use->x + strip->k0, use->ldx, use->rows, strip->kn);
}

/* Weights in bfloat16 are widened a strip at a time, and rounded by chance: a step is
 * mostly smaller than half their last place. */
static void update_visit_strip(lnsp_trainer *t, const lnspi_strip *strip, void *data) {
  const lnspi_weight *weight = &t->graph->weights[strip->weight];
  const lnspi_update *update = data;
  const int64_t element = strip->offset - weight->offset;
  if (weight->type == LNSP_BF16) {
    void *compact = update_compact(t, strip);
    t->engine.k->widen_bf16(strip->w, compact, strip->lanes, strip->kn);
    update_strip_at(t, strip, update, strip->w);
    t->engine.k->dither_bf16(compact, strip->w, strip->lanes, strip->kn, update->key + 2,
                             (uint32_t)element);
  } else {
    update_strip_at(t, strip, update, update_floats(t, weight) + element);
    update_follow(t, strip->offset, strip->kn * strip->lanes);
  }
}

static void update_all(lnsp_trainer *t, double rate, double scale) {
  /* every other step goes backwards: what the step before used last is still in the
   * cache then, and each element is updated by itself */
  const int32_t count = t->graph->weight_count, back = (int32_t)(t->step & 1);
  for (int32_t n = 0; n < count; n++) {
    const int32_t i = back ? count - 1 - n : n;
    const lnspi_weight *weight = &t->graph->weights[i];
    lnspi_update update;
    if (!t->touched[i]) { /* the average goes on towards the unchanged weights */
      update_follow(t, weight->offset, weight->floats);
      continue;
    }
    t->age[i]++;
    t->rule.optimizer->prepare(t->rule.real, rate, scale, t->age[i], &update);
    if (t->narrow || t->rule.weights != LNSP_F32)
      lnspi_rule_key(&t->rule, i, t->age[i], update.key);
    if (weight->kind == LNSPI_FLAT) {
      if (t->rule.noise > 0) lnspi_privacy_small(t, i);
      if (lnspi_accumulate_has(t, i)) lnspi_accumulate_take(t, i);
      update_apply(t, i, &update, weight->offset, update_floats(t, weight),
                   t->small + t->small_offset[i], weight->floats);
      update_follow(t, weight->offset, weight->floats);
    } else {
      lnspi_strips_each(t, i, LNSPI_STRIPS_UPDATE | (back ? LNSPI_STRIPS_BACK : 0),
                        update_visit_strip, &update);
    }
  }
}

/* The update from the whole gradient, no element of which is beyond gradient. */
static int32_t update_make(lnsp_trainer *t, double gradient, lnsp_problem *problem) {
  lnspi_update update;
  lnspi_bounds after;
  double scale, norm = 0;
  double rate = lnspi_rule_rate(&t->rule, t->step);
  int32_t status = update_clip(t, &scale, &norm, problem);
  if (status != LNSP_OK) return status;
  /* bias corrections are largest for the youngest tensor */
  uint64_t youngest = UINT64_MAX;
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    if (t->touched[i] && t->age[i] < youngest) youngest = t->age[i];
  if (youngest == UINT64_MAX) youngest = t->step;
  t->rule.optimizer->prepare(t->rule.real, rate, scale, youngest + 1, &update);
  status = update_gate(t, gradient, &update, &after, problem);
  if (status != LNSP_OK) return status;
  const double written = lnspi_writes_most(t);
  if (!(written <= UPDATE_MOST_WEIGHT))
    return lnspi_fail(problem, LNSP_E_NOT_FINITE, NULL,
                      "what would be written into a memory is not finite or beyond 1e37, so "
                      "nothing was changed: check the data");
  lnspi_trainer_settle(t);
  lnspi_writes_make(t);
  update_all(t, rate, scale);
  t->bounds = after;
  t->bounds.weight = update_larger(after.weight, written);
  t->norm = (float)norm;
  t->step++;
  return LNSP_OK;
}

int32_t lnspi_trainer_apply(lnsp_trainer *t, lnsp_problem *problem) {
  double gradient = update_gradient_bound(t);
  int32_t status = lnspi_privacy_check(t, problem);
  if (status != LNSP_OK) return status;
  gradient += LNSPI_NOISE_MOST * lnspi_privacy_deviation(t);
  if (gradient <= UPDATE_MOST_GRADIENT)
    gradient = lnspi_accumulate_bound(t, gradient, UPDATE_MOST_GRADIENT);
  if (!(gradient <= UPDATE_MOST_GRADIENT))
    return lnspi_fail(problem, LNSP_E_NOT_FINITE, NULL,
                      "a gradient is not finite or could exceed 1e18, so nothing was changed: "
                      "lower the learning rate, or check the data");
  if (lnspi_accumulate_waits(t)) {
    lnspi_accumulate_add(t, gradient);
  } else {
    lnspi_accumulate_open(t);
    status = update_make(t, gradient, problem);
    lnspi_accumulate_close(t);
    if (status != LNSP_OK) return status;
    lnspi_accumulate_void(t);
  }
  t->phase = LNSPI_PHASE_IDLE;
  return LNSP_OK;
}

uint64_t lnspi_trainer_pass(const lnsp_trainer *t) {
  return t->step * (uint64_t)t->rule.accumulate + (uint64_t)t->held;
}

int32_t lnspi_trainer_apply_given(lnsp_trainer *t, const float *const *gradients,
                                  lnsp_problem *problem) {
  if (t->rule.clip_each > 0)
    return lnspi_fail(problem, LNSP_E_STATE, NULL,
                      "gradients that were made elsewhere cannot be clipped by example: make "
                      "the trainer without clip_each");
  t->phase = LNSPI_PHASE_IDLE;
  lnspi_backward_start(t);
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    lnspi_weight weight = t->graph->weights[i];
    if (!gradients[i] || t->frozen[i]) continue;
    t->touched[i] = 1;
    if (weight.kind != LNSPI_FLAT) continue;
    weight.offset = t->small_offset[i];
    lnspi_array_write(&weight, t->small, 0, lnspi_weight_rows(&weight), gradients[i]);
  }
  t->given = gradients;
  int32_t status = lnspi_trainer_apply(t, problem);
  t->given = NULL;
  return status;
}

/* The update: from the gradients of a pass to new weights, or to a refusal.
 *
 * First everything that can fail: a key for noise, the bound of the gradient, the norm for
 * clipping, the proof that all stays finite (finite_check.c), and what memory layers would
 * store. Then everything that changes: a mark that still shares the live state gets its copy,
 * memory layers store, every touched weight is updated, and the counters advance. Nothing in
 * the second half can fail; that is how a refused step changes nothing without keeping a copy.
 *
 * A weight that no loss term reached (touched is 0) gets neither decay nor moments and its age
 * stands still, as a parameter without a gradient does in PyTorch. Its average still moves.
 * Each weight has its own age because bias corrections depend on it.
 *
 * Matrices are updated tile by tile (grad_tiles.c); noise is added to a tile's gradient there.
 * bfloat16 weights are widened a tile at a time, updated in float32, and rounded
 * stochastically: a step is mostly smaller than half of their last place, and rounding to
 * nearest would lose it. The random bits depend on seed, weight, age and element, and are the
 * same on every host.
 *
 * With accumulate=N, the first N - 1 calls only add their gradients to a sum (accumulate.c).
 * The average follows with a decay that grows to its full value, so that the first weights do
 * not outweigh the rest. */
#include "train/update.h"

#include <float.h>
#include <math.h>

#include "base/error.h"
#include "kernels/noise.h"
#include "run/weight.h"
#include "train/accumulate.h"
#include "train/backward.h"
#include "train/clip.h"
#include "train/finite_check.h"
#include "train/history.h"
#include "train/memory_writes.h"
#include "train/moments8.h"
#include "train/privacy.h"
#include "train/schedule.h"

/* ---- the update ---- */

/* What the average takes of the new weights: 1 - decay, where the decay grows to
 * its full value, min(ema, (1 + n) / (10 + n)) at update n, so that the first
 * steps are not outweighed by the start (the rule of TensorFlow's
 * ExponentialMovingAverage with num_updates). */
static float update_average_share(const lnsp_trainer *t) {
  double n = (double)t->step + 1, grown = (1 + n) / (10 + n);
  return (float)(1.0 - (grown < t->optim.rule.average ? grown : t->optim.rule.average));
}

static void update_moments(const lnsp_trainer *t, int64_t offset,
                           float *moment[LNSPI_MOMENTS]) {
  for (int32_t m = 0; m < LNSPI_MOMENTS; m++)
    moment[m] = m < t->optim.moment_count ? t->optim.moment[m] + offset : NULL;
}

static void update_follow(lnsp_trainer *t, int64_t offset, int64_t n) {
  if (t->average) /* then all weights are float32 */
    t->engine.k->ema(t->average + offset, t->state + offset, n, update_average_share(t));
}

/* n elements of a weight, the elements of the moments from offset on: those at w, whose
 * gradient is g. */
static void update_elements(lnsp_trainer *t, int32_t weight, const lnspi_update *update,
                            int64_t offset, float *w, const float *g, int64_t n) {
  const lnspi_optimizer *optimizer = t->optim.rule.optimizer;
  if (t->optim.has_moments8) {
    const lnspi_moments8 moments =
        lnspi_moments8_at(t, weight, offset - t->graph->weights[weight].offset, update->key);
    optimizer->apply_moments8(t->engine.k, update, w, &moments, g, n);
  } else {
    float *moment[LNSPI_MOMENTS];
    update_moments(t, offset, moment);
    optimizer->apply(t->engine.k, update, w, moment, g, n);
  }
}

/* A tile whose float32 weights are at w. */
static void update_tile_at(lnsp_trainer *t, const lnspi_grad_tile *tile,
                           const lnspi_update *update, float *w) {
  const lnspi_optimizer *optimizer = t->optim.rule.optimizer;
  const lnspi_use *use = tile->use;
  float *moment[LNSPI_MOMENTS];
  if (!lnspi_grad_tiles_fused(t, use)) {
    const float *g = lnspi_grad_tiles_gradient(t, tile);
    if (t->optim.rule.noise > 0) lnspi_privacy_noise_tile(t, tile);
    update_elements(t, tile->weight, update, tile->offset, w, g, tile->kn * tile->lanes);
    return;
  }
  update_moments(t, tile->offset, moment);
  optimizer->apply_strip(t->engine.k, update, w, moment, tile->lanes, use->d + tile->lane0,
                         use->ldd, use->x + tile->k0, use->ldx, use->rows, tile->kn);
}

/* Weights in bfloat16 are widened a tile at a time, and rounded stochastically: a step is
 * mostly smaller than half their last place. */
static void update_tile(lnsp_trainer *t, const lnspi_grad_tile *tile, void *data) {
  const lnspi_weight *weight = &t->graph->weights[tile->weight];
  const lnspi_update *update = data;
  const int64_t element = tile->offset - weight->offset;
  if (weight->type == LNSP_BF16) {
    void *compact = lnspi_grad_tiles_bf16_weights(t, tile);
    t->engine.k->widen_bf16(tile->w, compact, tile->lanes, tile->kn);
    update_tile_at(t, tile, update, tile->w);
    t->engine.k->dither_bf16(compact, tile->w, tile->lanes, tile->kn, update->key + 2,
                             (uint32_t)element);
  } else {
    update_tile_at(t, tile, update, lnspi_trainer_weight(t, weight) + element);
    update_follow(t, tile->offset, tile->kn * tile->lanes);
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
    if (!t->grad.touched[i]) { /* the average goes on towards the unchanged weights */
      update_follow(t, weight->offset, weight->floats);
      continue;
    }
    t->optim.age[i]++;
    t->optim.rule.optimizer->prepare(t->optim.rule.real, rate, scale, t->optim.age[i], &update);
    if (t->optim.has_moments8 || t->optim.rule.weights != LNSP_F32)
      lnspi_optimizer_rounding_key(&t->optim.rule, i, t->optim.age[i], update.key);
    if (weight->kind == LNSPI_FLAT) {
      if (t->optim.rule.noise > 0) lnspi_privacy_noise_flat(t, i);
      if (lnspi_accumulate_has(t, i)) lnspi_accumulate_merge(t, i);
      update_elements(t, i, &update, weight->offset, lnspi_trainer_weight(t, weight),
                      t->grad.flat + t->grad.flat_offset[i], weight->floats);
      update_follow(t, weight->offset, weight->floats);
    } else {
      lnspi_grad_tiles_each(t, i, LNSPI_GRAD_TILES_UPDATE | (back ? LNSPI_GRAD_TILES_BACK : 0),
                            update_tile, &update);
    }
  }
}

/* The update from the whole gradient, no element of which is beyond gradient. */
static int32_t update_make(lnsp_trainer *t, double gradient, lnsp_error *error) {
  lnspi_update update;
  lnspi_bounds after;
  double scale, norm = 0;
  double rate = lnspi_schedule_rate(&t->optim.rule, t->step);
  int32_t status = lnspi_clip(t, &scale, &norm, error);
  if (status) return status;
  /* bias corrections are largest for the youngest tensor */
  uint64_t youngest = UINT64_MAX;
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    if (t->grad.touched[i] && t->optim.age[i] < youngest) youngest = t->optim.age[i];
  if (youngest == UINT64_MAX) youngest = t->step;
  t->optim.rule.optimizer->prepare(t->optim.rule.real, rate, scale, youngest + 1, &update);
  status = lnspi_finite_check(t, gradient, &update, &after, error);
  if (status) return status;
  const double written = lnspi_memory_writes_bound(t);
  if (!(written <= LNSPI_MOST_WEIGHT))
    return lnspi_error_set(
        error, LNSP_E_NOT_FINITE, NULL,
        "a memory layer would store values that are not finite or beyond 1e37, so nothing was "
        "changed: check the data");
  lnspi_history_copy_pending(t);
  lnspi_memory_writes_apply(t);
  update_all(t, rate, scale);
  t->optim.bounds = after;
  t->optim.bounds.weight = after.weight > written ? after.weight : written;
  t->optim.clipped_norm = (float)norm;
  t->step++;
  return LNSP_OK;
}

int32_t lnspi_update_apply(lnsp_trainer *t, lnsp_error *error) {
  double gradient = lnspi_finite_check_gradient(t);
  int32_t status = lnspi_privacy_check_key(t, error);
  if (status) return status;
  gradient += LNSPI_NOISE_MOST * lnspi_privacy_noise_deviation(t);
  if (gradient <= LNSPI_MOST_GRADIENT)
    gradient = lnspi_accumulate_bound(t, gradient, LNSPI_MOST_GRADIENT);
  if (!(gradient <= LNSPI_MOST_GRADIENT))
    return lnspi_error_set(
        error, LNSP_E_NOT_FINITE, NULL,
        "a gradient is not finite or could exceed 1e18, so nothing was changed: lower the "
        "learning rate, or check the data");
  if (lnspi_accumulate_is_partial(t)) {
    lnspi_accumulate_add(t, gradient);
  } else {
    lnspi_accumulate_begin(t);
    status = update_make(t, gradient, error);
    lnspi_accumulate_end(t);
    if (status) return status;
    lnspi_accumulate_reset(t);
  }
  t->pass.phase = LNSPI_PHASE_IDLE;
  return LNSP_OK;
}

int32_t lnspi_update_apply_given(lnsp_trainer *t, const float *const *gradients,
                                 lnsp_error *error) {
  if (t->optim.rule.clip_each > 0)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "gradients that were made elsewhere cannot be clipped by example: create the trainer "
        "without clip_each");
  t->pass.phase = LNSPI_PHASE_IDLE;
  lnspi_backward_start(t);
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    lnspi_weight weight = t->graph->weights[i];
    if (!gradients[i] || t->frozen[i]) continue;
    t->grad.touched[i] = 1;
    if (weight.kind != LNSPI_FLAT) continue;
    weight.offset = t->grad.flat_offset[i];
    lnspi_state_write_array(&weight, t->grad.flat, 0, lnspi_weight_rows(&weight), gradients[i]);
  }
  t->grad.given = gradients;
  int32_t status = lnspi_update_apply(t, error);
  t->grad.given = NULL;
  return status;
}

/* Gradient accumulation: the mean over N calls makes one update.
 *
 * accum.sum is laid out like a moment. A call adds its gradient tile by tile: a tile begins as
 * a copy of the sum, the uses are added to it, and it is copied back. The update itself needs
 * no second pass over the sum: while accum.included is set, tiles simply begin with it, so the
 * last call's gradient is never added to memory.
 *
 * A weight that only earlier calls reached must be updated too. For the duration of the update
 * it counts as touched, with a value of its own, so that it can be told apart and reset
 * afterwards. If the update is refused, the sum is as before, and the last call can be
 * repeated or dropped.
 *
 * accum.bound grows by the bound of each call's gradient and by a factor for rounding. If it
 * grows too large, the sum is read to get its true maximum. */
#include "train/accumulate.h"

#include <math.h>

#include "base/min_max.h"
#include "train/grad_tiles.h"

enum { ACCUMULATE_EARLIER = 2 }; /* of grad.touched: by earlier calls alone, during an update */

int lnspi_accumulate_is_partial(const lnsp_trainer *t) {
  return t->accum.sum && t->accum.calls + 1 < t->optim.rule.accumulate;
}

void lnspi_accumulate_reset(lnsp_trainer *t) {
  if (!t->accum.sum) return;
  memset(t->accum.holds, 0, (size_t)t->graph->weight_count);
  t->accum.calls = 0;
  t->accum.bound = 0;
}

/* ---- bounds ---- */

/* At most what an addition's rounding makes of a sum, for each row that is added. */
static double accumulate_slack(const lnsp_trainer *t) {
  double rows = 1;
  for (int32_t u = 0; u < t->grad.use_count; u++) rows += (double)t->grad.uses[u].rows;
  return 1 + (rows + 8) * 0x1p-23;
}

static double accumulate_most(const lnsp_trainer *t) {
  double most = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    if (!t->accum.holds[i]) continue;
    double largest =
        (double)t->engine.k->max_abs(t->accum.sum + weight->offset, weight->floats);
    if (largest > most) most = largest;
  }
  return most;
}

double lnspi_accumulate_bound(lnsp_trainer *t, double gradient, double most) {
  if (!t->accum.sum) return gradient;
  double bound = (t->accum.bound + gradient) * accumulate_slack(t);
  if (bound <= most) return bound;
  t->accum.bound = accumulate_most(t); /* the running bound grows faster than the sum */
  return (t->accum.bound + gradient) * accumulate_slack(t);
}

/* ---- the sum ---- */

static void accumulate_visit(lnsp_trainer *t, const lnspi_grad_tile *tile, void *data) {
  (void)data;
  memcpy(t->accum.sum + tile->offset, lnspi_grad_tiles_gradient(t, tile),
         (size_t)(tile->kn * tile->lanes) * sizeof(float));
}

void lnspi_accumulate_add(lnsp_trainer *t, double bound) {
  t->accum.included = 1;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    float *sum = t->accum.sum + weight->offset;
    const float *small = t->grad.flat + t->grad.flat_offset[i];
    if (!t->grad.touched[i]) continue;
    if (weight->kind != LNSPI_FLAT)
      lnspi_grad_tiles_each(t, i, 0, accumulate_visit, NULL);
    else if (t->accum.holds[i])
      t->engine.k->add(sum, sum, small, weight->floats);
    else
      memcpy(sum, small, (size_t)weight->floats * sizeof(float));
    t->accum.holds[i] = 1;
  }
  t->accum.included = 0;
  t->accum.calls++;
  t->accum.bound = bound;
}

void lnspi_accumulate_begin(lnsp_trainer *t) {
  if (!t->accum.sum) return;
  t->accum.included = 1;
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    if (t->accum.holds[i] && !t->grad.touched[i]) t->grad.touched[i] = ACCUMULATE_EARLIER;
}

void lnspi_accumulate_end(lnsp_trainer *t) {
  if (!t->accum.sum) return;
  t->accum.included = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    if (t->grad.touched[i] == ACCUMULATE_EARLIER) t->grad.touched[i] = 0;
}

int lnspi_accumulate_has(const lnsp_trainer *t, int32_t weight) {
  return t->accum.included && t->accum.holds[weight];
}

/* The squares of a small tensor's whole gradient, which is nowhere yet. */
double lnspi_accumulate_square_norm(const lnsp_trainer *t, int32_t weight) {
  const float *g = t->grad.flat + t->grad.flat_offset[weight];
  const float *sum = t->accum.sum + t->graph->weights[weight].offset;
  const int64_t floats = t->graph->weights[weight].floats;
  float both[LNSPI_GRAD_TILE_FLOATS];
  double total = 0;
  for (int64_t at = 0; at < floats; at += LNSPI_GRAD_TILE_FLOATS) {
    const int64_t n = lnspi_min_i64(floats - at, LNSPI_GRAD_TILE_FLOATS);
    t->engine.k->add(both, g + at, sum + at, n);
    total += (double)t->engine.k->dot(both, both, n);
  }
  return total;
}

/* It goes into the small gradients, after which there must be no way back. */
void lnspi_accumulate_merge(lnsp_trainer *t, int32_t weight) {
  float *g = t->grad.flat + t->grad.flat_offset[weight];
  t->engine.k->add(g, g, t->accum.sum + t->graph->weights[weight].offset,
                   t->graph->weights[weight].floats);
}

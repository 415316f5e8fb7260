/* The gradient's global norm, and the factor that clips it.
 *
 * Clipping needs the norm over all weights before the first one changes, so gradients of
 * matrices are formed twice: here for their squares, later for the update. One case is
 * cheaper. If every part of a matrix was used once with one row, its gradient is an outer
 * product, and its norm is the product of two norms: online learning with one row pays
 * nothing.
 *
 * Square sums of tiles are stored by their number and added in that order, so that the norm
 * does not depend on how many tasks there are. The norm is that of the mean gradient with
 * accumulate=, and of the gradient before clipping; the rule and its 1e-6 are those of
 * torch.nn.utils.clip_grad_norm_. */
#include "train/clip.h"

#include <float.h>
#include <math.h>

#include "base/error.h"
#include "train/accumulate.h"
#include "train/grad_tiles.h"

static void clip_square(lnsp_trainer *t, const lnspi_grad_tile *tile, void *data) {
  const float *g = lnspi_grad_tiles_gradient(t, tile);
  (void)data;
  t->grad.tile_squares[tile->number] = t->engine.k->dot(g, g, tile->kn * tile->lanes);
}

/* Strip by tile in their order, whoever forms them. */
static double clip_matrix_squares(lnsp_trainer *t, int32_t index, double total) {
  const int64_t tiles = lnspi_grad_tiles_count(&t->graph->weights[index]);
  lnspi_grad_tiles_each(t, index, 0, clip_square, NULL);
  for (int64_t i = 0; i < tiles; i++) total += (double)t->grad.tile_squares[i];
  return total;
}

/* 1 if each part of a matrix has one use of one row: its gradient is then an outer
 * product, whose norm is the product of the norms. */
static int clip_is_outer(const lnsp_trainer *t, int32_t weight) {
  uint64_t parts = 0;
  if (t->graph->weights[weight].parts > 64 || t->accum.included) return 0;
  for (int32_t u = 0; u < t->grad.use_count; u++) {
    uint64_t part = UINT64_C(1) << t->grad.uses[u].part;
    if (t->grad.uses[u].weight != weight) continue;
    if (t->grad.uses[u].rows > 1 || parts & part) return 0;
    parts |= part;
  }
  return 1;
}

/* The squared global norm; it overflows only where small tensors have gradients
 * near the most that is allowed. */
static double clip_square_norm(lnsp_trainer *t) {
  const lnspi_kernels *k = t->engine.k;
  double total = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    if (!t->grad.touched[i]) continue;
    if (weight->kind == LNSPI_FLAT) {
      const float *g = t->grad.flat + t->grad.flat_offset[i];
      total += lnspi_accumulate_has(t, i) ? lnspi_accumulate_square_norm(t, i)
                                          : (double)k->dot(g, g, weight->floats);
    } else if (t->grad.given || !clip_is_outer(t, i)) {
      total = clip_matrix_squares(t, i, total);
    } else {
      for (int32_t u = 0; u < t->grad.use_count; u++)
        if (t->grad.uses[u].weight == i)
          total += (double)k->dot(t->grad.uses[u].d, t->grad.uses[u].d,
                                  weight->dims[0] / weight->parts) *
                   (double)k->dot(t->grad.uses[u].x, t->grad.uses[u].x, weight->dims[1]);
    }
  }
  return total;
}

int32_t lnspi_clip(lnsp_trainer *t, double *scale, double *mean_norm, lnsp_error *error) {
  *scale = t->accum.sum ? 1.0 / (double)t->optim.rule.accumulate : 1;
  if (!(t->optim.rule.clip > 0)) return LNSP_OK;
  double norm = *mean_norm = *scale * sqrt(clip_square_norm(t));
  if (!(norm <= DBL_MAX))
    return lnspi_error_set(
        error, LNSP_E_NOT_FINITE, NULL,
        "the gradient is too large to clip, so nothing was changed: check the data");
  double factor = t->optim.rule.clip / (norm + 1e-6);
  if (factor < 1) *scale *= factor;
  return LNSP_OK;
}

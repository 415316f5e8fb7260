/* Gradients handed out to the caller, as rows of the tensor.
 *
 * For tests, for other optimizers, and for training on many devices. The gradient is that of
 * the last call, without accumulated ones and before clip=; a matrix's is formed tile by tile
 * and unpacked. */
#include "train/gradient.h"

#include "base/error.h"
#include "run/state.h"
#include "run/weight.h"
#include "train/grad_tiles.h"

static void gradient_write_out(lnsp_trainer *t, const lnspi_grad_tile *tile, void *data) {
  const lnspi_weight *weight = &t->graph->weights[tile->weight];
  const int64_t row0 = tile->part * (weight->dims[0] / weight->parts) + tile->lane0;
  const float *g = lnspi_grad_tiles_gradient(t, tile);
  float *out = data;
  for (int64_t l = 0; l < tile->real; l++)
    for (int64_t k = 0; k < tile->kn; k++)
      out[(row0 + l) * weight->dims[1] + tile->k0 + k] = g[k * tile->lanes + l];
}

int32_t lnspi_gradient_read(lnsp_trainer *t, int32_t index, float *out, lnsp_error *error) {
  const lnspi_weight *weight = &t->graph->weights[index];
  if (t->pass.phase != LNSPI_PHASE_GRADIENT)
    return lnspi_error_set(
        error, LNSP_E_STATE, weight->name,
        "there is no gradient: call lnsp_trainer_compute_gradients or lnsp_trainer_backward "
        "first");
  if (!t->grad.touched[index])
    return lnspi_error_set(
        error, LNSP_E_STATE, weight->name,
        "'%s' has no gradient: the loss does not depend on it, or it is frozen", weight->name);
  if (weight->kind == LNSPI_FLAT) {
    lnspi_weight alone = *weight;
    alone.offset = t->grad.flat_offset[index];
    lnspi_state_read_array(&alone, t->grad.flat, 0, lnspi_weight_rows(weight), out);
  } else {
    lnspi_grad_tiles_each(t, index, 0, gradient_write_out, out);
  }
  return LNSP_OK;
}

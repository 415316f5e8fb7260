/* Binary cross-entropy of logits: whether an order is right, a gate open. */
#include "train/losses/loss_list.h"
#include "kernels/scalar.h"
#include "train/losses/pair.h"

/* -y log sigmoid(x) - (1 - y) log(1 - sigmoid(x)), so written that nothing cancels */
static double bce_element(float x, float y, float *slope) {
  const float small = lnspi_scalar_exp(x > 0 ? -x : x), rest = 1 - y;
  const double lost = (double)lnspi_pair_log1p(small);
  const float share = small / (1 + small); /* sigmoid(-|x|) */
  if (x > 0) {
    *slope = rest - share;
    return (double)rest * (double)x + lost;
  }
  *slope = share - y;
  return lost - (double)y * (double)x;
}

static double bce_evaluate(const lnspi_loss_call *call) {
  const double count = (double)call->rows * (double)call->width;
  const float factor = lnspi_pair_factor(call, 1, count);
  double total = 0;
  for (int64_t r = 0; r < call->rows; r++) {
    const float *x = lnspi_pair_row(call, 0, r), *y = lnspi_pair_row(call, 1, r);
    for (int64_t i = 0; i < call->width; i++) {
      float slope;
      total += bce_element(x[i], y[i], &slope);
      if (call->d[0]) {
        float *d = call->d[0] + r * call->ld[0] + i;
        *d = *d + factor * slope;
      }
      if (call->d[1]) {
        float *d = call->d[1] + r * call->ld[1] + i;
        *d = *d - factor * x[i];
      }
    }
  }
  return total / count;
}

const lnspi_loss lnspi_loss_bce = {
    .name = "bce",
    .help = "bce: mean over elements of the binary cross-entropy of logits and `label`, 0 to 1",
    .operand = {LNSPI_LOSS_OUTPUT, {"label", "t", LNSPI_OPERAND_DATA, 0}},
    .scratch_floats = lnspi_pair_mse_floats, /* takes none */
    .evaluate = bce_evaluate,
};

/* Huber: square near the target, straight far away, where outliers weigh less. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

static double huber_evaluate(const lnspi_loss_call *call) {
  const double count = (double)call->rows * (double)call->width;
  const double delta = (double)call->real[0];
  const float factor = lnspi_pair_factor(call, 1, count);
  float *slope = lnspi_pair_scratch(call, 0);
  double total = 0;
  for (int64_t r = 0; r < call->rows; r++) {
    lnspi_pair_difference(call, 0, 1, r, slope);
    for (int64_t i = 0; i < call->width; i++) {
      const double x = (double)slope[i], size = x < 0 ? -x : x;
      if (size <= delta) {
        const double square = x * x;
        total += .5 * square;
      } else {
        const double excess = size - .5 * delta;
        total += delta * excess;
        slope[i] = x < 0 ? -call->real[0] : call->real[0];
      }
    }
    lnspi_pair_add(call, 0, r, factor, slope);
    lnspi_pair_add(call, 1, r, -factor, slope);
  }
  return total / count;
}

const lnspi_loss lnspi_loss_huber = {
    .name = "huber",
    .help = "huber delta=1: mean over elements of x^2 / 2, x = output - target, and beyond "
            "delta of delta (|x| - delta / 2)",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .keys = "delta=1:1e-6:1e6",
    .scratch_floats = lnspi_pair_mse_floats,
    .evaluate = huber_evaluate,
};

/* Norm: outputs of length one. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

static double norm_evaluate(const lnspi_loss_call *call) {
  float factor = lnspi_pair_factor(call, 2, (double)call->rows);
  float *u = lnspi_pair_scratch(call, 0);
  double total = 0;
  for (int64_t r = 0; r < call->rows; r++) {
    float over = lnspi_pair_unit(call, 0, r, u) - 1;
    total += (double)over * (double)over; /* exact in double */
    lnspi_pair_add(call, 0, r, factor * over, u);
  }
  return total / (double)call->rows;
}

const lnspi_loss lnspi_loss_norm = {
    .name = "norm",
    .help = "norm: mean (|output| - 1)^2",
    .operand = {LNSPI_LOSS_OUTPUT},
    .scratch_floats = lnspi_pair_mse_floats,
    .evaluate = norm_evaluate,
};

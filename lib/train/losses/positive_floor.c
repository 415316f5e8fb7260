/* Positive floor: outputs that point away from their target. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

static double positive_floor_row(const lnspi_loss_call *call, const float *c, float *slope,
                                 int64_t count) {
  (void)count;
  float hinge = call->real[0] - c[0];
  if (!(hinge > 0)) return 0;
  slope[0] = -2 * hinge;
  return (double)hinge * (double)hinge; /* exact in double */
}

static double positive_floor_evaluate(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, positive_floor_row);
}

const lnspi_loss lnspi_loss_positive_floor = {
    .name = "positive_floor",
    .help = "positive_floor floor=0.1: mean relu(floor - cos(output, target))^2",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .keys = "floor=.1:-1:1",
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = positive_floor_evaluate,
};

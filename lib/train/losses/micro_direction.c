/* Micro direction: a gentle pull from the context's last vector to the target. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

/* c[0] = cos(p, target), c[count - 1] = cos(p, the context's last vector) */
static double micro_direction_row(const lnspi_loss_call *call, const float *c, float *slope,
                                  int64_t count) {
  float gap = c[count - 1] - c[0], by;
  float value = lnspi_pair_softplus(call->real[0] * (gap + call->real[1]), &by);
  slope[0] = -call->real[0] * by;
  slope[count - 1] = call->real[0] * by;
  return (double)value;
}

static double micro_direction_evaluate(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, micro_direction_row);
}

const lnspi_loss lnspi_loss_micro_direction = {
    .name = "micro_direction",
    .help = "micro_direction gamma=5 margin=0.02: mean softplus(gamma (cos(output, last of the "
            "context) - cos(output, target) + margin))",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET, LNSPI_LOSS_SEQUENCE},
    .keys = "gamma=5:1e-3:1e4 margin=.02:-2:2",
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = micro_direction_evaluate,
};

/* Orthogonality: nothing of the vector before. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

static double orthogonality_row(const lnspi_loss_call *call, const float *c, float *slope,
                                int64_t count) {
  (void)call;
  (void)count;
  slope[0] = 2 * c[0];
  return (double)c[0] * (double)c[0]; /* exact in double */
}

static double orthogonality_evaluate(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, orthogonality_row);
}

const lnspi_loss lnspi_loss_orthogonality = {
    .name = "orthogonality",
    .help = "orthogonality: mean cos(output, prev)^2",
    .operand = {LNSPI_LOSS_OUTPUT, {"prev", "prev", LNSPI_OPERAND_DATA, 0}},
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = orthogonality_evaluate,
};

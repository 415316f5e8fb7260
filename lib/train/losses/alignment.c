/* Teacher alignment: a head of the network meets a teacher's vector. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

static double alignment_evaluate(const lnspi_loss_call *call) {
  return call->real[0] > 0 ? lnspi_pair_mse(call) : lnspi_pair_cosine(call);
}

const lnspi_loss lnspi_loss_alignment = {
    .name = "alignment",
    .help = "alignment kind=cosine|mse: 1 - mean cos(teacher output, teacher), or the mean "
            "square error",
    .on = "teacher",
    .operand = {LNSPI_LOSS_OUTPUT, {"teacher", "t", LNSPI_OPERAND_DATA, 0}},
    .keys = "kind=cosine,mse",
    .scratch_floats = lnspi_pair_cosine_floats, /* the larger of the two */
    .evaluate = alignment_evaluate,
};

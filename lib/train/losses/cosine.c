/* One minus the mean cosine. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

const lnspi_loss lnspi_loss_cosine = {
    .name = "cosine",
    .help = "cosine: 1 - mean over rows of cos(output, target)",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .scratch_floats = lnspi_pair_cosine_floats,
    .evaluate = lnspi_pair_cosine,
};

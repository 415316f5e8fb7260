/* One minus the mean cosine. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

const lnspi_loss lnspi_loss_cosine = {
    .name = "cosine",
    .help = "cosine: 1 - mean over rows of cos(output, target)",
    .on = "output",
    .operand = {{NULL, "p", LNSPI_OPERAND_MODEL, 0}, {"target", "t", LNSPI_OPERAND_DATA, 0}},
    .operand_count = 2,
    .minimum_rows = 1,
    .scratch_floats = lnspi_pair_cosine_floats,
    .evaluate = lnspi_pair_cosine,
};

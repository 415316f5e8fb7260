/* Mean square error over all elements. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

const lnspi_loss lnspi_loss_mse = {
    .name = "mse",
    .help = "mse: mean over all elements of (output - target)^2",
    .on = "output",
    .operand = {{NULL, "p", LNSPI_OPERAND_MODEL, 0}, {"target", "t", LNSPI_OPERAND_DATA, 0}},
    .operand_count = 2,
    .minimum_rows = 1,
    .scratch_floats = lnspi_pair_mse_floats,
    .evaluate = lnspi_pair_mse,
};

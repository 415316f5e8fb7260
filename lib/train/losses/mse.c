/* Mean square error over all elements. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

const lnspi_loss lnspi_loss_mse = {
    .name = "mse",
    .help = "mse: mean over all elements of (output - target)^2",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .scratch_floats = lnspi_pair_mse_floats,
    .evaluate = lnspi_pair_mse,
};

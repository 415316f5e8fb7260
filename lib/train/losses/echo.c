/* Echo: what is left of the output after text. The caller decodes it and encodes the
 * text; the echo is constant. */
#include "train/losses/list.h"
#include "train/losses/pair.h"

const lnspi_loss lnspi_loss_echo = {
    .name = "echo",
    .help = "echo: 1 - mean cos(output, echo), echo = encode(decode(output)), a constant",
    .on = "output",
    .operand = {{NULL, "p", LNSPI_OPERAND_MODEL, 0}, {"echo", "t", LNSPI_OPERAND_DATA, 0}},
    .operand_count = 2,
    .minimum_rows = 1,
    .scratch_floats = lnspi_pair_cosine_floats,
    .evaluate = lnspi_pair_cosine,
};

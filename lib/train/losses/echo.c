/* Echo: what is left of the output after text. The caller decodes it and encodes the
 * text, in a tensor or in a function of the trainer's; the echo is constant. */
#include "train/losses/echo.h"

#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

int lnspi_echo_is(const lnspi_loss *loss) { return loss == &lnspi_loss_echo; }

int64_t lnspi_echo_rows(const lnspi_loss_call *call) {
  const int64_t most = (int64_t)call->real[0];
  return most > 0 && most < call->rows ? most : call->rows;
}

static double echo_evaluate(const lnspi_loss_call *call) {
  lnspi_loss_call first = *call;
  first.rows = lnspi_echo_rows(call);
  return lnspi_pair_cosine(&first);
}

const lnspi_loss lnspi_loss_echo = {
    .name = "echo",
    .help =
        "echo rows=0: 1 - mean cos(output, echo) over the first rows of the batch (0: all), "
        "echo = encode(decode(output)), a constant: the caller's tensor or function",
    .operand = {LNSPI_LOSS_OUTPUT, {"echo", "t", LNSPI_OPERAND_DATA, 0}},
    .keys = "#rows=0:0:1e6",
    .scratch_floats = lnspi_pair_cosine_floats,
    .evaluate = echo_evaluate,
};

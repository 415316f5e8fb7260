/* Two measures of the same pair in one loss. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

/* a * (1 - mean cos) + b * (mean square error) */
static double cosine_mse_of(const lnspi_loss_call *call, double a, double b) {
  lnspi_loss_call part = *call;
  double by_cosine = a * (double)call->weight, by_mse = b * (double)call->weight;
  part.weight = (float)by_cosine;
  double first = a * lnspi_pair_cosine(&part);
  part.weight = (float)by_mse;
  double second = b * lnspi_pair_mse(&part);
  return first + second;
}

static double cosine_mse_evaluate(const lnspi_loss_call *call) {
  return cosine_mse_of(call, (double)call->real[0], (double)call->real[1]);
}

/* The squared distance is a sum over the width. */
static double cosine_mse_rehearsal(const lnspi_loss_call *call) {
  return cosine_mse_of(call, 1, (double)call->real[0] * (double)call->width);
}

const lnspi_loss lnspi_loss_cosine_mse = {
    .name = "cosine_mse",
    .help = "cosine_mse cosine=0.7 mse=0.3: cosine * (1 - mean cos(output, target)) + mse * "
            "mean (output - target)^2",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .keys = "cosine=.7:0:1e6 mse=.3:0:1e6",
    .scratch_floats = lnspi_pair_cosine_floats, /* the larger of the two */
    .evaluate = cosine_mse_evaluate,
};

const lnspi_loss lnspi_loss_rehearsal = {
    .name = "rehearsal",
    .help = "rehearsal lambda=0.1: mean (1 - cos(output, target) + lambda |output - target|^2)",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .keys = "lambda=.1:0:1e6",
    .scratch_floats = lnspi_pair_cosine_floats,
    .evaluate = cosine_mse_rehearsal,
};

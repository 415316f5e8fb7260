/* Statistics of a batch: its columns' means and deviations. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

/* dL/dx for columns first .. +count-1 of an operand, where the loss is the sum over
 * columns of (mean - mean')^2 + (sigma - sigma')^2. */
static void moment_gradient(const lnspi_loss_call *call, int operand, int64_t first,
                            int64_t count, const double *mean, const double *sigma,
                            const double *other_mean, const double *other_sigma) {
  double n = (double)call->rows, factor = (double)call->weight * 2 / (double)call->width;
  if (!call->d[operand]) return;
  for (int64_t r = 0; r < call->rows; r++) {
    const float *x = lnspi_pair_row(call, operand, r) + first;
    float *d = call->d[operand] + r * call->ld[operand] + first;
    for (int64_t i = 0; i < count; i++) {
      double by_mean = (mean[i] - other_mean[i]) / n, by_sigma = 0;
      if (sigma[i] > 0) {
        double t = ((double)x[i] - mean[i]) / ((n - 1) * sigma[i]);
        by_sigma = (sigma[i] - other_sigma[i]) * t;
      }
      d[i] = d[i] + (float)(factor * (by_mean + by_sigma));
    }
  }
}

static double moment_evaluate(const lnspi_loss_call *call) {
  double mean[2][LNSPI_PAIR_COLUMNS], sigma[2][LNSPI_PAIR_COLUMNS], total = 0;
  for (int64_t first = 0; first < call->width; first += LNSPI_PAIR_COLUMNS) {
    int64_t count = call->width - first;
    if (count > LNSPI_PAIR_COLUMNS) count = LNSPI_PAIR_COLUMNS;
    for (int o = 0; o < 2; o++)
      lnspi_pair_columns(call->x[o] + first, call->ld[o], call->rows, count, mean[o], sigma[o]);
    for (int64_t i = 0; i < count; i++) {
      double a = mean[0][i] - mean[1][i], b = sigma[0][i] - sigma[1][i];
      a = a * a;
      b = b * b;
      total += a + b;
    }
    for (int o = 0; o < 2; o++)
      moment_gradient(call, o, first, count, mean[o], sigma[o], mean[1 - o], sigma[1 - o]);
  }
  return total / (double)call->width;
}

const lnspi_loss lnspi_loss_moment = {
    .name = "moment",
    .help = "moment: mean over elements of (mean output - mean target)^2, and of the same for "
            "the standard deviations over the batch",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .minimum_rows = 2,
    .scratch_floats = lnspi_pair_mse_floats, /* takes none */
    .evaluate = moment_evaluate,
};

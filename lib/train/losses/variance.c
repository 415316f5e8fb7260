/* Variance: every element must vary over the batch. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

#define VARIANCE_RAW 1

/* -(u - mean) / sigma in place, where sigma < 1; else 0. Returns the sum of 1 - sigma. */
static double variance_columns(float *u, int64_t ld, int64_t rows, int64_t count) {
  double mean[LNSPI_PAIR_COLUMNS], sigma[LNSPI_PAIR_COLUMNS], total = 0;
  lnspi_pair_columns(u, ld, rows, count, mean, sigma);
  for (int64_t i = 0; i < count; i++)
    if (sigma[i] < 1) total += 1 - sigma[i];
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < count; i++) {
      double t = mean[i] - (double)u[r * ld + i];
      u[r * ld + i] = sigma[i] < 1 && sigma[i] > 0 ? (float)(t / sigma[i]) : 0.0f;
    }
  return total;
}

static double variance_evaluate(const lnspi_loss_call *call) {
  int64_t n = call->rows, ld = lnspi_round16(call->width);
  int raw = call->real[0] >= VARIANCE_RAW;
  float factor = lnspi_pair_factor(call, 1, (double)call->width * (double)(n - 1));
  float *u = lnspi_pair_scratch(call, n), *work = lnspi_pair_scratch(call, n + 1);
  double total = 0;
  for (int64_t r = 0; r < n; r++)
    if (raw)
      call->k->scale(lnspi_pair_scratch(call, r), 1.0f, lnspi_pair_row(call, 0, r),
                     call->width);
    else
      lnspi_pair_unit(call, 0, r, lnspi_pair_scratch(call, r));
  for (int64_t first = 0; first < call->width; first += LNSPI_PAIR_COLUMNS) {
    int64_t count = call->width - first;
    if (count > LNSPI_PAIR_COLUMNS) count = LNSPI_PAIR_COLUMNS;
    total += variance_columns(call->scratch + first, ld, n, count);
  }
  for (int64_t r = 0; r < n; r++) {
    const float *toward = lnspi_pair_scratch(call, r);
    if (raw) {
      lnspi_pair_add(call, 0, r, factor, toward);
    } else {
      float norm = lnspi_pair_unit(call, 0, r, u);
      lnspi_pair_push(call, 0, r, factor, toward, u, norm, work);
    }
  }
  return total / (double)call->width;
}

static int64_t variance_floats(const lnspi_loss_call *shape) {
  return lnspi_pair_floats(shape->rows + 2, shape->width);
}

const lnspi_loss lnspi_loss_variance = {
    .name = "variance",
    .help = "variance of=unit|raw: mean over elements of relu(1 - their standard deviation "
            "over the batch), of unit vectors or of the output as it is",
    .operand = {LNSPI_LOSS_OUTPUT},
    .minimum_rows = 2,
    .keys = "of=unit,raw",
    .scratch_floats = variance_floats,
    .evaluate = variance_evaluate,
};

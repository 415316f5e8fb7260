/* Maximum mean discrepancy: outputs spread as the targets do.
 *
 * The squared distance of two distributions in the space of a Gaussian kernel (Gretton and
 * others, "A kernel two-sample test", 2012): the mean of k(x, x') over pairs of outputs, plus
 * that of pairs of targets, minus twice that of mixed pairs. This is the biased estimate, with
 * each row's pair with itself, so it is never negative and 0 for equal sets. It compares sets,
 * not rows: a network that returns the mean for everything has a high loss even if each row is
 * near its target.
 *
 * sigma=0 takes the median distance of the targets as the width of the kernel, the usual
 * choice; it is a constant of the step. Distances are selected in place in O(n^2) memory,
 * which is why rows are limited.
 *
 * The gradient of k(x, y) by x is -2 k (x - y) / (2 sigma^2). For a row, sums of k y and of k
 * are enough: two vectors of scratch, no matrix of kernels. */
#include "train/losses/loss_list.h"
#include "base/select.h"
#include "kernels/scalar.h"
#include "train/losses/pair.h"

#define MMD_MOST_ROWS ((int64_t)1 << 24)

/* 2 sigma^2: as given, or of the median distance of the targets (the lower one of two). */
static double mmd_width(const lnspi_loss_call *call, float *distances) {
  const double sigma = (double)call->real[0];
  int64_t count = 0;
  if (sigma > 0) return 2 * sigma * sigma;
  for (int64_t i = 0; i < call->rows; i++)
    for (int64_t j = 0; j < i; j++)
      distances[count++] =
          call->k->diff2(lnspi_pair_row(call, 1, i), lnspi_pair_row(call, 1, j), call->width);
  const float median = count ? lnspi_select_f32(distances, count, (count - 1) / 2) : 0;
  return median > 0 ? 2 * (double)median : 2;
}

/* Sum over the rows j of an operand of k(x, x_j), x being row i of another; toward becomes
 * that of k x_j, *share that of k, without the pair of a row with itself. */
static double mmd_side(const lnspi_loss_call *call, int a, int64_t i, int b, float by,
                       float *toward, float *share) {
  double total = 0, others = 0;
  memset(toward, 0, (size_t)lnspi_round16(call->width) * sizeof(float));
  for (int64_t j = 0; j < call->rows; j++) {
    const float *y = lnspi_pair_row(call, b, j);
    if (a == b && j == i) {
      total += 1;
      continue;
    }
    const float k =
        lnspi_scalar_exp(-by * call->k->diff2(lnspi_pair_row(call, a, i), y, call->width));
    total += (double)k;
    others += (double)k;
    if (call->d[a]) call->k->axpy(toward, k, y, call->width);
  }
  *share = (float)others;
  return total;
}

/* Adds factor * sum over j of k (x_i - y_j). */
static void mmd_push(const lnspi_loss_call *call, int a, int64_t i, float factor, float share,
                     float *toward) {
  if (!call->d[a]) return;
  call->k->axpy(toward, -share, lnspi_pair_row(call, a, i), call->width);
  lnspi_pair_add(call, a, i, -factor, toward);
}

/* dk/dx = -2 by k (x - y); in a sum over all pairs of one side each counts twice. */
static double mmd_evaluate(const lnspi_loss_call *call) {
  float *toward = lnspi_pair_scratch(call, 0), *distances = lnspi_pair_scratch(call, 1), share;
  const double n = (double)call->rows, width = mmd_width(call, distances), pairs = n * n;
  const float by = (float)(1 / width), factor = lnspi_pair_factor(call, -4 / width, pairs);
  double total = 0, crossed = 0;
  for (int a = 0; a < 2; a++)
    for (int64_t i = 0; i < call->rows; i++) {
      total += mmd_side(call, a, i, a, by, toward, &share);
      mmd_push(call, a, i, factor, share, toward);
      if (a == 1 && !call->d[1]) continue;
      const double sum = mmd_side(call, a, i, 1 - a, by, toward, &share);
      mmd_push(call, a, i, -factor, share, toward);
      if (a == 0) crossed += sum;
    }
  return (total - 2 * crossed) / pairs;
}

static int64_t mmd_floats(const lnspi_loss_call *shape) {
  const int64_t n = shape->rows;
  if (n > MMD_MOST_ROWS) return INT64_MAX / 4 * 3; /* that lnspi_arena_alloc refuses */
  return lnspi_pair_floats(1, shape->width) +
         (shape->real[0] > 0 ? 0 : lnspi_round16(n * (n - 1) / 2));
}

const lnspi_loss lnspi_loss_mmd = {
    .name = "mmd",
    .help = "mmd sigma=0: maximum mean discrepancy of outputs and targets, kernel exp(-d^2 / 2 "
            "sigma^2); 0: sigma is the median distance of the targets",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .across = 1,
    .keys = "sigma=0:0:1e6",
    .scratch_floats = mmd_floats,
    .evaluate = mmd_evaluate,
};

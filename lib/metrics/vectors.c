/* Lengths, cosines and medians in double precision.
 *
 * Metrics are read by people and compared with numbers that PyTorch and NumPy printed, so
 * sums are formed in double, in the order of the elements, by one multiplication and one
 * addition each. That order makes the bits the same on every CPU without the kernels, whose
 * float32 sums are faster and less exact. */
#include "metrics/vectors.h"

#include <math.h>

#include "base/select.h"

double lnspi_vectors_dot(const float *a, const float *b, int64_t width) {
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

double lnspi_vectors_cosine(const float *a, const float *b, int64_t width, double epsilon) {
  const double aa = lnspi_vectors_dot(a, a, width), bb = lnspi_vectors_dot(b, b, width);
  if (!(aa > 0) || !(bb > 0)) return 0;
  return lnspi_vectors_dot(a, b, width) / ((sqrt(aa) + epsilon) * (sqrt(bb) + epsilon));
}

void lnspi_vectors_normalize(float *x, int64_t rows, int64_t width, double epsilon) {
  for (int64_t r = 0; r < rows; r++, x += width) {
    const double length = sqrt(lnspi_vectors_dot(x, x, width));
    if (!(length > 0)) continue;
    for (int64_t i = 0; i < width; i++) x[i] = (float)((double)x[i] / (length + epsilon));
  }
}

double lnspi_vectors_median(float *x, int64_t count) {
  if (count <= 0) return 0;
  const double high = (double)lnspi_select_f32(x, count, count / 2);
  return count % 2 ? high : ((double)lnspi_select_f32(x, count, count / 2 - 1) + high) / 2;
}

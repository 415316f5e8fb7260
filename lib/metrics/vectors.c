/* Lengths, cosines and medians in double precision.
 *
 * Metrics are read by people and compared with numbers that PyTorch and NumPy printed, so
 * sums are formed in double, in the order of the elements, by one multiplication and one
 * addition each. That order makes the bits the same on every CPU without the kernels, whose
 * float32 sums are faster and less exact. */
#include "metrics/vectors.h"

#include <math.h>

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

/* The value that place k would have if x were sorted (Hoare's selection): each turn halves
 * what is left on average, and equal values cannot make it endless, because both ends move
 * past a value that equals the pivot. */
static float vectors_select(float *x, int64_t count, int64_t k) {
  int64_t low = 0, high = count - 1;
  while (low < high) {
    const float pivot = x[low + (high - low) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (x[i] < pivot) i++;
      while (x[j] > pivot) j--;
      if (i <= j) {
        const float swap = x[i];
        x[i++] = x[j];
        x[j--] = swap;
      }
    }
    if (k <= j)
      high = j;
    else if (k >= i)
      low = i;
    else
      break;
  }
  return x[k];
}

double lnspi_vectors_median(float *x, int64_t count) {
  if (count <= 0) return 0;
  const double high = (double)vectors_select(x, count, count / 2);
  return count % 2 ? high : ((double)vectors_select(x, count, count / 2 - 1) + high) / 2;
}

/* Selection: the value at a place in sorted order, without sorting.
 *
 * Hoare's quickselect: divide by a pivot, continue in the side that has the place. The middle
 * element is the pivot, so that sorted and constant input take linear time; an adversary could
 * make it quadratic, which the callers, who select distances, accept. */
#include "base/select.h"

float lnspi_select_f32(float *x, int64_t n, int64_t at) {
  int64_t low = 0, high = n - 1;
  while (low < high) {
    const float pivot = x[low + (high - low) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (x[i] < pivot) i++;
      while (x[j] > pivot) j--;
      if (i > j) break;
      const float kept = x[i];
      x[i++] = x[j];
      x[j--] = kept;
    }
    if (at <= j)
      high = j;
    else if (at >= i)
      low = i;
    else
      break;
  }
  return x[at];
}

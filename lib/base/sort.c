/* Sorting indices: hostile headers hold many thousands of names. */
#include "base/sort.h"

/* Moves the element at root down until no child comes after it. */
static void sort_sift(int32_t *index, int32_t root, int32_t count, lnspi_sort_less less,
                      const void *user) {
  int32_t moved = index[root];
  while (root < count / 2) {
    int32_t child = 2 * root + 1;
    if (child + 1 < count && less(user, index[child], index[child + 1])) child++;
    if (!less(user, moved, index[child])) break;
    index[root] = index[child];
    root = child;
  }
  index[root] = moved;
}

void lnspi_sort_indices(int32_t *index, int32_t count, lnspi_sort_less less, const void *user) {
  int32_t i, last;
  for (i = 0; i < count; i++) index[i] = i;
  for (i = 1; i < count && !less(user, i, i - 1); i++) continue;
  if (i >= count) return; /* the usual file is in order already */
  for (i = count / 2; i > 0; i--) sort_sift(index, i - 1, count, less, user);
  for (last = count - 1; last > 0; last--) {
    int32_t top = index[0];
    index[0] = index[last];
    index[last] = top;
    sort_sift(index, 0, last, less, user);
  }
}

/* Sorts indices by heap sort; a list that is in order already, the usual case, costs one
 * pass of comparisons. */
#include "base/sort.h"

#include "base/heap.h"

typedef struct sort_order {
  lnspi_sort_less less;
  const void *user;
} sort_order;

static int sort_above(const sort_order *order, int32_t a, int32_t b) {
  return order->less(order->user, b, a);
}

LNSPI_HEAP(sort_heap, int32_t, const sort_order *, sort_above)

void lnspi_sort_indices(int32_t *index, int32_t count, lnspi_sort_less less, const void *user) {
  const sort_order order = {less, user};
  int32_t sorted = 1;
  for (int32_t i = 0; i < count; i++) index[i] = i;
  while (sorted < count && !less(user, sorted, sorted - 1)) sorted++;
  if (sorted < count) sort_heap_sort(&order, index, count);
}

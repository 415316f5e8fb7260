/* Sorting of indices, without recursion or memory. */
#ifndef LNSPI_BASE_SORT_H
#define LNSPI_BASE_SORT_H

#include <stdint.h>

/* Sorts indices 0..count-1 by a strict order (heap sort: no recursion,
 * no memory, never quadratic). */
typedef int (*lnspi_sort_less)(const void *user, int32_t a, int32_t b);

void lnspi_sort_indices(int32_t *index, int32_t count, lnspi_sort_less less, const void *user);

#endif

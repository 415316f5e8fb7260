/* Sorting of indices, without recursion or memory. */
#ifndef LNSPI_BASE_SORT_H
#define LNSPI_BASE_SORT_H

#include <stdint.h>

/* Whether element a comes before element b. */
typedef int (*lnspi_sort_less)(const void *user, int32_t a, int32_t b);

/* Fills index with 0..count-1 in the order of less, which must be strict. */
void lnspi_sort_indices(int32_t *index, int32_t count, lnspi_sort_less less, const void *user);

#endif

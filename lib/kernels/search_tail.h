/* The last elements of vectors that are searched, filled up with zeros. */
#ifndef LNSPI_KERNELS_SEARCH_TAIL_H
#define LNSPI_KERNELS_SEARCH_TAIL_H

#include <stddef.h>
#include <stdint.h>

/* The last bytes of four rows, `row` bytes apart, each to a place of `each` bytes filled up
 * with zeros: for near_f32 and the like. */
void lnspi_search_tail(void *to, size_t each, const void *rows, int64_t row, int64_t bytes);

#endif

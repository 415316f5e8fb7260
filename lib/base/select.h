/* Selection: the value at a place in sorted order, without sorting. */
#ifndef LNSPI_BASE_SELECT_H
#define LNSPI_BASE_SELECT_H

#include <stdint.h>

/* The value that would be at place number at (from 0) if the n > at numbers were sorted, none
 * of them NaN. x is reordered. */
float lnspi_select_f32(float *x, int64_t n, int64_t at);

#endif

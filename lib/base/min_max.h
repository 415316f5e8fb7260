/* The smaller and the larger of two numbers. */
#ifndef LNSPI_BASE_MIN_MAX_H
#define LNSPI_BASE_MIN_MAX_H

#include <stdint.h>

static inline int64_t lnspi_min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t lnspi_max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

#endif

/* The smaller and the larger of two numbers, by type. A macro for all types would evaluate
 * an argument twice; _Generic would take a mix of types silently. */
#ifndef LNSPI_BASE_MIN_MAX_H
#define LNSPI_BASE_MIN_MAX_H

#include <stdint.h>

static inline int32_t lnspi_max_i32(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int64_t lnspi_min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t lnspi_max_i64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline uint64_t lnspi_min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t lnspi_max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* If either is NaN, or both are zeros, the result is b. */
static inline float lnspi_max_f32(float a, float b) { return a > b ? a : b; }
static inline float lnspi_min_f32(float a, float b) { return a < b ? a : b; }

#endif

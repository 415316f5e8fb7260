/* The counter generator behind lnspi_random. */
#ifndef LNSPI_KERNELS_RANDOM_H
#define LNSPI_KERNELS_RANDOM_H

#include <stdint.h>

/* Philox4x32-10 (Salmon, Moraes, Dror and Shaw, 2011). */
void lnspi_random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Counter random numbers: a function of seed, step, node and element alone. */
uint32_t lnspi_random(uint64_t seed, uint64_t step, uint32_t node, uint32_t element);

/* A cheaper one, to round with, of a key (two words of lnspi_random_philox) and an element:
 *   u = (element / 128 * 16 + element % 16) * 0x9e3779b9 + key[0]
 *   u ^= u >> 16;  u *= 0x7feb352d;  u ^= u >> 15;  u += key[1];  u *= 0x846ca68b
 *   u ^= u >> 16;  u += element / 16 % 8 * 0x9e3779b9       (modulo 2^32) */
uint32_t lnspi_random_dither(const uint32_t key[2], uint32_t element);

/* n values from element on: uniform in [-bound, bound), and normal(0, 1). */
void lnspi_random_uniform(float *y, int64_t n, float bound, uint64_t seed, uint64_t step,
                          uint32_t node, uint32_t element);
void lnspi_random_normal(float *y, int64_t n, uint64_t seed, uint64_t step, uint32_t node,
                         uint32_t element);

#endif

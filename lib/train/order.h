/* Chooses the rows of a step. */
#ifndef LNSPI_TRAIN_ORDER_H
#define LNSPI_TRAIN_ORDER_H

#include <stdint.h>

/* The next number of splitmix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t lnspi_order_random(uint64_t *state) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

void lnspi_order_shuffle(uint64_t seed, uint64_t epoch, int32_t *order, int64_t rows);
int64_t lnspi_order_draw(uint64_t seed, uint64_t step, double share, int64_t rows,
                         int32_t *order, int64_t capacity);

#endif

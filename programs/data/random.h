/* Random numbers that follow from a seed: splitmix64 (Steele, Lea and Flood 2014). The same
 * on every machine. */
#ifndef DATA_RANDOM_H
#define DATA_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* From 0 to 1, without 1. */
static inline double random_uniform(uint64_t *state) {
  return (double)(random_next(state) >> 11) * 0x1p-53;
}

#endif

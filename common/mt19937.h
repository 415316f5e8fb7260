/* The numbers of Python's random.Random: the Mersenne Twister. */
#ifndef COMMON_MT19937_H
#define COMMON_MT19937_H

#include <stdint.h>

/* Python's random.Random(seed): its shuffle of n things, one after another. */
typedef struct mt19937 {
  uint32_t state[624];
  int at;
} mt19937;
void mt19937_seed(mt19937 *r, uint32_t seed);
void mt19937_shuffle(mt19937 *r, int32_t *x, int32_t n);

#endif

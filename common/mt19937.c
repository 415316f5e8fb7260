/* The numbers of Python's random.Random, so that shuffled contexts are those of the
 * origin's test: the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998). */
#include "common/mt19937.h"

#include <stdint.h>

#define MT19937_WORDS 624

void mt19937_seed(mt19937 *r, uint32_t seed) {
  uint32_t *s = r->state;
  uint32_t i, k;

  /* seeding by an array of one word, as Python does it with a small number */
  s[0] = 19650218;
  for (i = 1; i < MT19937_WORDS; i++) s[i] = 1812433253u * (s[i - 1] ^ (s[i - 1] >> 30)) + i;
  for (i = 1, k = 0; k < MT19937_WORDS; k++) {
    s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1664525u)) + seed;
    if (++i == MT19937_WORDS) {
      s[0] = s[MT19937_WORDS - 1];
      i = 1;
    }
  }
  for (k = 0; k < MT19937_WORDS - 1; k++) {
    s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1566083941u)) - i;
    if (++i == MT19937_WORDS) {
      s[0] = s[MT19937_WORDS - 1];
      i = 1;
    }
  }
  s[0] = 0x80000000u;
  r->at = MT19937_WORDS;
}

static uint32_t random_word(mt19937 *r) {
  uint32_t *s = r->state, y;
  int i;

  if (r->at == MT19937_WORDS) {
    for (i = 0; i < MT19937_WORDS; i++) {
      y = (s[i] & 0x80000000u) | (s[(i + 1) % MT19937_WORDS] & 0x7fffffffu);
      s[i] = s[(i + 397) % MT19937_WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    r->at = 0;
  }
  y = s[r->at++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

/* Fisher and Yates from the end; a place is drawn from as many bits as its number has,
 * again where it is too large. */
void mt19937_shuffle(mt19937 *r, int32_t *x, int32_t n) {
  int32_t i;
  for (i = n - 1; i > 0; i--) {
    const uint32_t most = (uint32_t)i + 1;
    int32_t swap;
    uint32_t j;
    int bits = 0;
    while (most >> bits) bits++;
    do j = random_word(r) >> (32 - bits);
    while (j >= most);
    swap = x[i];
    x[i] = x[j];
    x[j] = swap;
  }
}

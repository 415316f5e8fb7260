/* ChaCha20 and normal numbers of it, eight blocks side by side: loops over lanes are what
 * compilers vectorise (noise_avx2.h does so by hand). Integers and single IEEE operations on
 * doubles, so that the bits are the same everywhere. */
/* Hot: built for speed. */
#include "kernels/noise.h"

#include <string.h>

#include <math.h>

#define NOISE_LANES LNSPI_NOISE_LANES

static void noise_quarter(uint32_t *restrict a, uint32_t *restrict b, uint32_t *restrict c,
                          uint32_t *restrict d) {
  for (int l = 0; l < NOISE_LANES; l++) {
    a[l] += b[l];
    d[l] ^= a[l];
    d[l] = d[l] << 16 | d[l] >> 16;
    c[l] += d[l];
    b[l] ^= c[l];
    b[l] = b[l] << 12 | b[l] >> 20;
    a[l] += b[l];
    d[l] ^= a[l];
    d[l] = d[l] << 8 | d[l] >> 24;
    c[l] += d[l];
    b[l] ^= c[l];
    b[l] = b[l] << 7 | b[l] >> 25;
  }
}

void lnspi_noise_chacha20(const uint32_t key[8], const uint32_t nonce[3],
                          const uint32_t counter[NOISE_LANES],
                          uint32_t words[16][NOISE_LANES]) {
  static const uint32_t constants[4] = {0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u};
  uint32_t start[16];
  for (int i = 0; i < 4; i++) start[i] = constants[i];
  for (int i = 0; i < 8; i++) start[4 + i] = key[i];
  start[12] = 0;
  for (int i = 0; i < 3; i++) start[13 + i] = nonce[i];
  for (int i = 0; i < 16; i++)
    for (int l = 0; l < NOISE_LANES; l++) words[i][l] = start[i];
  for (int l = 0; l < NOISE_LANES; l++) words[12][l] = counter[l];
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < 4; i++)
      noise_quarter(words[i], words[4 + i], words[8 + i], words[12 + i]);
    for (int i = 0; i < 4; i++)
      noise_quarter(words[i], words[4 + (i + 1) % 4], words[8 + (i + 2) % 4],
                    words[12 + (i + 3) % 4]);
  }
  for (int i = 0; i < 16; i++)
    for (int l = 0; l < NOISE_LANES; l++) words[i][l] += start[i];
  for (int l = 0; l < NOISE_LANES; l++) words[12][l] += counter[l];
}

/* ln(x 2^-64) for 1 <= x <= 2^64: x = 2^e f, sqrt(1/2) <= f < sqrt(2), and
 * ln f = 2 artanh s = 2 (s + s^3/3 + s^5/5 ...), |s| < .1716; what is left out is
 * below 1e-14. */
static double noise_log(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int64_t e = (int64_t)((bits - UINT64_C(0x3fe6a09e667f3bcd)) >> 52);
  const uint64_t rest = bits - ((uint64_t)e << 52);
  double f;
  memcpy(&f, &rest, sizeof f);
  const double s = (f - 1) / (f + 1), z = s * s;
  double y = 1.0 / 15;
  y = y * z + 1.0 / 13;
  y = y * z + 1.0 / 11;
  y = y * z + 1.0 / 9;
  y = y * z + 1.0 / 7;
  y = y * z + 1.0 / 5;
  y = y * z + 1.0 / 3;
  y = y * z + 1;
  return 2 * s * y + (double)(e - 64) * 0x1.62e42fefa39efp-1;
}

/* r cos a and r sin a: a quarter turn, and half a quarter to either side of it. */
static void noise_turn(double r, uint32_t angle, float *first, float *second) {
  const double a = ((double)(angle & 0x3fffffffu) + .5) * 0x1p-30 - .5;
  const double x = a * 0x1.921fb54442d18p+0, z = x * x;
  double s = -1.0 / 39916800, c = -1.0 / 3628800; /* Taylor: at most pi/4 from 0 */
  s = s * z + 1.0 / 362880;
  s = s * z - 1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z - 1.0 / 6;
  s = (s * z + 1) * x;
  c = c * z + 1.0 / 40320;
  c = c * z - 1.0 / 720;
  c = c * z + 1.0 / 24;
  c = c * z - .5;
  c = c * z + 1;
  const double across = angle >> 30 & 1 ? -s : c, up = angle >> 30 & 1 ? c : s;
  *first = (float)(angle >> 31 ? r * -across : r * across);
  *second = (float)(angle >> 31 ? r * -up : r * up);
}

void lnspi_noise(float *out, const uint32_t key[8], const uint32_t nonce[3],
                 const uint32_t counter[NOISE_LANES]) {
  uint32_t words[16][NOISE_LANES];
  lnspi_noise_chacha20(key, nonce, counter, words);
  for (int j = 0; j < 4; j++) {
    double r[NOISE_LANES];
    for (int l = 0; l < NOISE_LANES; l++) {
      double x = (double)words[4 * j][l] * 0x1p32 + ((double)words[4 * j + 1][l] + 1);
      r[l] = -2 * noise_log(x);
    }
    for (int l = 0; l < NOISE_LANES; l++) r[l] = sqrt(r[l] > 0 ? r[l] : 0);
    for (int l = 0; l < NOISE_LANES; l++) {
      float *pair = out + LNSPI_NOISE_BLOCK * l + 2 * j;
      noise_turn(r[l], words[4 * j + 2][l], &pair[0], &pair[1]);
    }
  }
}

/* Counter random numbers: words, uniform and normal floats. */
/* Hot: built for speed. */
#include "kernels/random.h"

#include "kernels/fma.h"
#include "kernels/scalar.h"

#include <string.h>

#include <math.h>

void lnspi_random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xd2511f53u * c[0];
    uint64_t b = (uint64_t)0xcd9e8d57u * c[2];
    c[0] = (uint32_t)(b >> 32) ^ c[1] ^ k0;
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c[3] ^ k1;
    c[3] = (uint32_t)a;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  memcpy(out, c, sizeof c);
}

/* Four elements share one block of four words. */
static void random_block(uint32_t out[4], uint64_t seed, uint64_t step, uint32_t node,
                         uint32_t block) {
  uint32_t counter[4] = {block, node, (uint32_t)step, (uint32_t)(step >> 32)};
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  lnspi_random_philox(counter, key, out);
}

uint32_t lnspi_random(uint64_t seed, uint64_t step, uint32_t node, uint32_t element) {
  uint32_t words[4];
  random_block(words, seed, step, node, element / 4);
  return words[element % 4];
}

uint32_t lnspi_random_dither(const uint32_t key[2], uint32_t element) {
  uint32_t u = (element / 128 * 16 + element % 16) * 0x9e3779b9u + key[0];
  u = (u ^ u >> 16) * 0x7feb352du;
  u = ((u ^ u >> 15) + key[1]) * 0x846ca68bu;
  return (u ^ u >> 16) + element / 16 % 8 * 0x9e3779b9u;
}

void lnspi_random_uniform(float *y, int64_t n, float bound, uint64_t seed, uint64_t step,
                          uint32_t node, uint32_t element) {
  uint32_t words[4];
  for (int64_t i = 0; i < n; i++, element++) {
    if (i == 0 || element % 4 == 0) random_block(words, seed, step, node, element / 4);
    int32_t centred = (int32_t)(words[element % 4] >> 8) - (1 << 23);
    y[i] = bound * ((float)centred * 0x1p-23f);
  }
}

static float random_polynomial(const float *c, float z) {
  float y = c[4];
  for (int i = 3; i >= 0; i--) y = lnspi_fma_inline(y, z, c[i]);
  return y;
}

/* cos(2 pi u) (sine 0) or sin(2 pi u) (sine 1), u in [0, 1) with 24 bits: a
 * quarter turn and f, half a quarter turn to either side of it. */
static float random_wave(float u, int sine) {
  static const float sine_terms[5] = {0x1.921fb6p+0f, -0x1.4abc88p-1f, 0x1.46ded6p-4f,
                                      -0x1.608132p-8f, 0x1.94fdd4p-10f};
  static const float cosine_terms[5] = {1, -0x1.3bd3ccp+0f, 0x1.03c1aep-2f, -0x1.55b138p-6f,
                                        0x1.d470884p-11f};
  int quarter = (int)(4 * u + 0.5f);
  float f = 4 * u - (float)quarter;
  quarter = (quarter - sine) & 3;
  float y = quarter & 1 ? -f * random_polynomial(sine_terms, f * f)
                        : random_polynomial(cosine_terms, f * f);
  return quarter & 2 ? -y : y;
}

void lnspi_random_normal(float *y, int64_t n, uint64_t seed, uint64_t step, uint32_t node,
                         uint32_t element) {
  uint32_t words[4];
  float radius = 0;
  for (int64_t i = 0; i < n; i++, element++) {
    if (i == 0 || element % 4 == 0) random_block(words, seed, step, node, element / 4);
    const uint32_t *pair = words + (element & 2); /* two elements share a radius */
    if (i == 0 || element % 2 == 0)
      radius = sqrtf(-2 * lnspi_scalar_log((float)((pair[0] >> 8) + 1) * 0x1p-24f));
    y[i] = radius * random_wave((float)(pair[1] >> 8) * 0x1p-24f, (int)(element & 1));
  }
}

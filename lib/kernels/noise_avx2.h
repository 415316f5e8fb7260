/* lnspi_noise for AVX2, the same operations in the same order: eight blocks of ChaCha20
 * side by side, then four numbers of each radius and angle at a time. */
#include "kernels/common.h"

static LNSPI_ALWAYS __m256i avx2_rotate(__m256i v, int left) {
  return _mm256_or_si256(_mm256_slli_epi32(v, left), _mm256_srli_epi32(v, 32 - left));
}

static LNSPI_ALWAYS void avx2_quarter(__m256i *a, __m256i *b, __m256i *c, __m256i *d) {
  const __m256i by16 = _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2,
                                        3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  const __m256i by8 = _mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3,
                                       0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
  *a = _mm256_add_epi32(*a, *b);
  *d = _mm256_shuffle_epi8(_mm256_xor_si256(*d, *a), by16);
  *c = _mm256_add_epi32(*c, *d);
  *b = avx2_rotate(_mm256_xor_si256(*b, *c), 12);
  *a = _mm256_add_epi32(*a, *b);
  *d = _mm256_shuffle_epi8(_mm256_xor_si256(*d, *a), by8);
  *c = _mm256_add_epi32(*c, *d);
  *b = avx2_rotate(_mm256_xor_si256(*b, *c), 7);
}

static LNSPI_ALWAYS void avx2_chacha20(const uint32_t key[8], const uint32_t nonce[3],
                                       const uint32_t counter[8], __m256i words[16]) {
  const uint32_t start[16] = {0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u,
                              key[0],      key[1],      key[2],      key[3],
                              key[4],      key[5],      key[6],      key[7],
                              0,           nonce[0],    nonce[1],    nonce[2]};
  const __m256i count = _mm256_loadu_si256((const __m256i *)(const void *)counter);
  __m256i v[16];
  LNSPI_UNROLL
  for (int i = 0; i < 16; i++) v[i] = _mm256_set1_epi32((int32_t)start[i]);
  v[12] = count;
  for (int round = 0; round < 10; round++) {
    LNSPI_UNROLL
    for (int i = 0; i < 4; i++) avx2_quarter(&v[i], &v[4 + i], &v[8 + i], &v[12 + i]);
    LNSPI_UNROLL
    for (int i = 0; i < 4; i++)
      avx2_quarter(&v[i], &v[4 + (i + 1) % 4], &v[8 + (i + 2) % 4], &v[12 + (i + 3) % 4]);
  }
  LNSPI_UNROLL
  for (int i = 0; i < 16; i++)
    words[i] = _mm256_add_epi32(v[i], i == 12 ? count : _mm256_set1_epi32((int32_t)start[i]));
}

/* Unsigned words as doubles, exactly. */
static LNSPI_ALWAYS __m256d avx2_doubles(__m128i words) {
  __m128i moved = _mm_xor_si128(words, _mm_set1_epi32(INT32_MIN));
  return _mm256_add_pd(_mm256_cvtepi32_pd(moved), _mm256_set1_pd(0x1p31));
}

static LNSPI_ALWAYS __m256d avx2_step(__m256d y, __m256d z, double c) {
  return _mm256_add_pd(_mm256_mul_pd(y, z), _mm256_set1_pd(c));
}

/* noise_log */
static LNSPI_ALWAYS __m256d avx2_noise_log(__m256d x) {
  const __m256d one = _mm256_set1_pd(1);
  const __m256i bits = _mm256_castpd_si256(x);
  const __m256i e =
      _mm256_srli_epi64(_mm256_sub_epi64(bits, _mm256_set1_epi64x(INT64_C(0x3fe6a09e667f3bcd))),
                        52);
  const __m256d f = _mm256_castsi256_pd(_mm256_sub_epi64(bits, _mm256_slli_epi64(e, 52)));
  /* an integer below 2^52 in the low bits of 2^52, less 2^52 + 64 */
  const __m256d power =
      _mm256_sub_pd(_mm256_castsi256_pd(
                        _mm256_or_si256(e, _mm256_castpd_si256(_mm256_set1_pd(0x1p52)))),
                    _mm256_set1_pd(0x1p52 + 64));
  const __m256d s = _mm256_div_pd(_mm256_sub_pd(f, one), _mm256_add_pd(f, one));
  const __m256d z = _mm256_mul_pd(s, s);
  __m256d y = avx2_step(_mm256_set1_pd(1.0 / 15), z, 1.0 / 13);
  y = avx2_step(y, z, 1.0 / 11);
  y = avx2_step(y, z, 1.0 / 9);
  y = avx2_step(y, z, 1.0 / 7);
  y = avx2_step(y, z, 1.0 / 5);
  y = avx2_step(y, z, 1.0 / 3);
  y = avx2_step(y, z, 1);
  return _mm256_add_pd(_mm256_mul_pd(_mm256_mul_pd(_mm256_set1_pd(2), s), y),
                       _mm256_mul_pd(power, _mm256_set1_pd(0x1.62e42fefa39efp-1)));
}

/* noise_turn: out[0] the first numbers, out[1] the second ones. */
static LNSPI_ALWAYS void avx2_noise_turn(__m256d r, __m128i angle, __m128 out[2]) {
  const __m256d minus = _mm256_set1_pd(-0.0);
  const __m256d a =
      _mm256_sub_pd(_mm256_mul_pd(_mm256_add_pd(_mm256_cvtepi32_pd(
                                                    _mm_and_si128(angle,
                                                                  _mm_set1_epi32(0x3fffffff))),
                                                _mm256_set1_pd(.5)),
                                  _mm256_set1_pd(0x1p-30)),
                    _mm256_set1_pd(.5));
  const __m256d x = _mm256_mul_pd(a, _mm256_set1_pd(0x1.921fb54442d18p+0));
  const __m256d z = _mm256_mul_pd(x, x);
  __m256d s = avx2_step(_mm256_set1_pd(-1.0 / 39916800), z, 1.0 / 362880);
  __m256d c = avx2_step(_mm256_set1_pd(-1.0 / 3628800), z, 1.0 / 40320);
  s = avx2_step(s, z, -1.0 / 5040);
  s = avx2_step(s, z, 1.0 / 120);
  s = avx2_step(s, z, -1.0 / 6);
  s = _mm256_mul_pd(avx2_step(s, z, 1), x);
  c = avx2_step(c, z, -1.0 / 720);
  c = avx2_step(c, z, 1.0 / 24);
  c = avx2_step(c, z, -.5);
  c = avx2_step(c, z, 1);
  /* the signs of the lanes say which quarter */
  const __m256d odd = _mm256_castsi256_pd(_mm256_cvtepi32_epi64(_mm_slli_epi32(angle, 1)));
  const __m256d far = _mm256_and_pd(minus, _mm256_castsi256_pd(_mm256_cvtepi32_epi64(angle)));
  const __m256d across = _mm256_blendv_pd(c, _mm256_xor_pd(s, minus), odd);
  const __m256d up = _mm256_blendv_pd(s, c, odd);
  out[0] = _mm256_cvtpd_ps(_mm256_mul_pd(r, _mm256_xor_pd(across, far)));
  out[1] = _mm256_cvtpd_ps(_mm256_mul_pd(r, _mm256_xor_pd(up, far)));
}

/* Two numbers of each of four blocks, from the words w0, w1, w2 of each. */
static LNSPI_ALWAYS void avx2_noise_pairs(float *out, __m128i w0, __m128i w1, __m128i w2) {
  __m128 pair[2];
  __m256d x = _mm256_add_pd(_mm256_mul_pd(avx2_doubles(w0), _mm256_set1_pd(0x1p32)),
                            _mm256_add_pd(avx2_doubles(w1), _mm256_set1_pd(1)));
  __m256d square = _mm256_mul_pd(_mm256_set1_pd(-2), avx2_noise_log(x));
  avx2_noise_turn(_mm256_sqrt_pd(_mm256_max_pd(square, _mm256_setzero_pd())), w2, pair);
  const __m128 low = _mm_unpacklo_ps(pair[0], pair[1]),
               high = _mm_unpackhi_ps(pair[0], pair[1]);
  _mm_storel_pi((__m64 *)(void *)out, low);
  _mm_storeh_pi((__m64 *)(void *)(out + 8), low);
  _mm_storel_pi((__m64 *)(void *)(out + 16), high);
  _mm_storeh_pi((__m64 *)(void *)(out + 24), high);
}

static void avx2_noise(float *out, const uint32_t key[8], const uint32_t nonce[3],
                       const uint32_t counter[8]) {
  __m256i w[16];
  avx2_chacha20(key, nonce, counter, w);
  for (int j = 0; j < 4; j++) {
    avx2_noise_pairs(out + 2 * j, _mm256_castsi256_si128(w[4 * j]),
                     _mm256_castsi256_si128(w[4 * j + 1]),
                     _mm256_castsi256_si128(w[4 * j + 2]));
    avx2_noise_pairs(out + 32 + 2 * j, _mm256_extracti128_si256(w[4 * j], 1),
                     _mm256_extracti128_si256(w[4 * j + 1], 1),
                     _mm256_extracti128_si256(w[4 * j + 2], 1));
  }
}

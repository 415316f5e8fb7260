/*
 * linear_i8 by AMX (part of avx512.c, after lowp_i8.h): tiles of 16 rows by 16
 * outputs by 64 inputs, two by two. The sums are exact, so the bits are those of the
 * other sets. The weights are stored as the tiles need them: 16 lanes of 4 inputs are one row
 * of a tile.
 */
#include "kernels/common.h"

#include "kernels/kernels.h"
#include "kernels/lowp.h"

enum {
  AVX512_TILES_ROWS = 32,
  AVX512_TILES_LEAST = 3
}; /* rows at a time; fewer are left to VNNI */

/* gcc's intrinsics do not say that they read or write memory. */
#define AVX512_TILES_MEMORY(p) __asm__ volatile("" : : "r"(p) : "memory")

/* Tiles 0 to 3 are sums: of the first 16 rows, then of the m1 others; 4 and 5 rows of
 * x, 6 and 7 weights. */
static void avx512_tiles_shape(int64_t m0, int64_t m1) {
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } shape = {1, 0, {0}, {0}, {0}};
  for (int i = 0; i < 8; i++) {
    int64_t rows = i >= 6 ? 16 : i == 0 || i == 1 || i == 4 ? m0 : m1;
    shape.rows[i] = (uint8_t)rows;
    shape.bytes[i] = rows ? 64 : 0;
  }
  AVX512_TILES_MEMORY(&shape);
  _tile_loadconfig(&shape);
}

/* The sums of up to 32 rows and 32 outputs into sums[32][32]. The last inputs of the
 * panel, where there are not 64, are in rest, with zeros. */
static LNSPI_ALWAYS void avx512_tiles_block(const uint8_t *q, int64_t ldq, const int8_t *w,
                                            int64_t step, int64_t words, const int8_t *rest,
                                            int32_t *sums, const int more_rows,
                                            const int more_out) {
  AVX512_TILES_MEMORY(rest);
  _tile_zero(0);
  if (more_out) _tile_zero(1);
  if (more_rows) _tile_zero(2);
  if (more_rows && more_out) _tile_zero(3);
  for (; words > 0; words -= 16, w += 16 * step, q += 64) {
    const int8_t *from = words >= 16 ? w : rest;
    _tile_loadd(6, from, step);
    _tile_loadd(4, q, ldq);
    _tile_dpbusd(0, 4, 6);
    if (more_out) {
      _tile_loadd(7, from + 64, step);
      _tile_dpbusd(1, 4, 7);
    }
    if (more_rows) {
      _tile_loadd(5, q + 16 * ldq, ldq);
      _tile_dpbusd(2, 5, 6);
      if (more_out) _tile_dpbusd(3, 5, 7);
    }
  }
  _tile_stored(0, sums, 128);
  if (more_out) _tile_stored(1, sums + 16, 128);
  if (more_rows) _tile_stored(2, sums + 16 * 32, 128);
  if (more_rows && more_out) _tile_stored(3, sums + 16 * 32 + 16, 128);
  AVX512_TILES_MEMORY(sums);
}

static void avx512_tiles_finish(const avx512_bytes *b, const int32_t *sums, const float *s,
                                float *y, int64_t ldy, int64_t rows, int64_t lanes) {
  for (int64_t l = 0; l < lanes; l += 16) {
    __m512i code = _mm512_slli_epi32(_mm512_loadu_si512(b->sum + l), 7);
    __m512 scale = _mm512_loadu_ps(b->scale + l), bias = _mm512_loadu_ps(b->bias + l);
    for (int64_t r = 0; r < rows; r++) {
      __m512i sum = _mm512_sub_epi32(_mm512_loadu_si512(sums + 32 * r + l), code);
      __m512 factor = _mm512_mul_ps(_mm512_set1_ps(s[r]), scale);
      _mm512_storeu_ps(y + r * ldy + l, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), factor, bias));
    }
  }
}

static void avx512_tiles_linear(const void *weights, const float *bias, const uint8_t *q,
                                int64_t ldq, const float *s, float *y, int64_t ldy,
                                int64_t rows, int64_t in, int64_t out) {
  const int64_t round = lnspi_round16(out), words = lnspi_round4(in) / 4, over = words % 16;
  const int8_t *codes = (const int8_t *)weights + 8 * round;
  int32_t sums[32 * 32];
  int8_t rest[16 * 256];
  int64_t shaped = 0, lanes;
  for (int64_t o = 0; o < round; o += lanes) {
    int64_t left = round - o / 64 * 64, step = 4 * (left < 64 ? left : 64);
    avx512_bytes b = {codes + o / 64 * 256 * words + o % 64 * 4, (const float *)weights + o,
                      (const int32_t *)weights + round + o, bias ? bias + o : avx512_zeros, 0};
    lanes = step / 4 - o % 64 >= 32 ? 32 : 16;
    for (int64_t k = 0; k < 16 && over; k++) {
      memset(rest + k * step, 0, (size_t)lanes * 4);
      if (k < over)
        memcpy(rest + k * step, b.codes + (words - over + k) * step, (size_t)lanes * 4);
    }
    for (int64_t r = 0; r < rows; r += AVX512_TILES_ROWS) {
      int64_t n = rows - r < AVX512_TILES_ROWS ? rows - r : AVX512_TILES_ROWS,
              more = n > 16 ? n - 16 : 0;
      const uint8_t *qr = q + r * ldq;
      if (n != shaped) avx512_tiles_shape(n - more, more);
      shaped = n;
      if (more && lanes == 32)
        avx512_tiles_block(qr, ldq, b.codes, step, words, rest, sums, 1, 1);
      else if (lanes == 32)
        avx512_tiles_block(qr, ldq, b.codes, step, words, rest, sums, 0, 1);
      else if (more)
        avx512_tiles_block(qr, ldq, b.codes, step, words, rest, sums, 1, 0);
      else
        avx512_tiles_block(qr, ldq, b.codes, step, words, rest, sums, 0, 0);
      avx512_tiles_finish(&b, sums, s + r, y + r * ldy + o, ldy, n, lanes);
    }
  }
  _tile_release();
}

static void avx512_tiles_linear_i8(const void *w, const float *bias, const float *x,
                                   int64_t ldx, float *y, int64_t ldy, int64_t rows, int64_t in,
                                   int64_t out, void *scratch) {
  int64_t ldq = (in + 63) / 64 * 64, most = rows < LNSPI_I8_ROWS ? rows : LNSPI_I8_ROWS;
  uint8_t *q = scratch;
  float *s = (float *)scratch + most * (ldq / 4);
  for (int64_t r = 0; r < rows; r += most) {
    int64_t n = rows - r < most ? rows - r : most;
    for (int64_t i = 0; i < n; i++) s[i] = avx512_quantise(q + i * ldq, x + (r + i) * ldx, in);
    (n < AVX512_TILES_LEAST ? avx512_byte_linear : avx512_tiles_linear)(w, bias, q, ldq, s,
                                                                        y + r * ldy, ldy, n, in,
                                                                        out);
  }
}

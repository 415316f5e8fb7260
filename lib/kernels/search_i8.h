/*
 * Template: near_i8 (kernels.h), after lowp_i8.h and search_float.h. Besides their macros it
 * needs
 *   LV_F(near_sums)(p, t)  t[i] = sum of p[LV_W*i .. LV_W*i + LV_W - 1], i < 16
 *   LV_NEAR_I8_QUERIES      queries of a tile of 4 rows: 4, or 1 where products take so long
 *                      that loads cost nothing
 */
#include "kernels/common.h"
#include "kernels/search_tail.h"

/* The sums of four rows, `row` bytes apart, and qt queries by lanes: as near_tile, LV_W
 * lanes each. An operand without sign is a row, LV_CODE_OFFSET added. */
static LNSPI_ALWAYS void LV_F(near_bytes)(const int8_t *rows, int64_t row, int64_t width,
                                          const int8_t *x, int64_t ldx, int32_t *p,
                                          int64_t step, const int qt) {
  enum { BYTES = 4 * LV_W };
  const int64_t whole = width / BYTES * BYTES;
  const LV_I code = LV_ISET((int32_t)(LV_CODE_OFFSET * 0x01010101u));
  const int8_t *from = rows;
  int64_t apart = row, end = whole, i = 0;
  int8_t rest[4][BYTES];
  LV_I c[16];
  if (whole < width) lnspi_search_tail(rest, BYTES, rows + whole, row, width - whole);
  LNSPI_UNROLL
  for (int j = 0; j < 4 * qt; j++) c[j] = LV_ISET(0);
  for (;;) {
    for (; i < end; i += BYTES, from += BYTES) {
      LV_I xq[4];
      LNSPI_UNROLL
      for (int q = 0; q < qt; q++) xq[q] = LV_LOADI(x + q * ldx + i);
      LNSPI_UNROLL
      for (int r = 0; r < 4; r++) {
        LV_I w = LV_LOADI(from + r * apart);
        if (LV_CODE_OFFSET) w = LV_IXOR(w, code);
        if (qt == 1) LNSPI_PREFETCH(from + r * apart + LV_NEAR_PREFETCH_BYTES);
        LNSPI_UNROLL
        for (int q = 0; q < qt; q++) c[q * 4 + r] = LV_DOT(c[q * 4 + r], w, xq[q]);
      }
    }
    if (i >= width) break;
    from = rest[0]; /* once more, with zeros after the last codes */
    apart = BYTES;
    end = width;
  }
  LNSPI_UNROLL
  for (int q = 0; q < qt; q++) {
    LNSPI_UNROLL
    for (int r = 0; r < 4; r++)
      LV_STORE((float *)(void *)(p + q * step + LV_W * r), LV_FLOAT(c[q * 4 + r]));
  }
}

/* Sixteen sums at most: n rows of each query, `all` places a query. */
static LNSPI_NOINLINE void LV_F(near_scale)(const int32_t *p, int64_t all, int64_t n,
                                            const float *scale, const float *s,
                                            const int32_t *sum, int64_t queries, float *y,
                                            int64_t ldy) {
  int32_t t[16];
  LV_F(near_sums)(p, t);
  for (int64_t q = 0; q < queries; q++)
    for (int64_t r = 0; r < n; r++)
      y[q * ldy + r] = (float)(t[q * all + r] - LV_CODE_OFFSET * sum[q]) * (s[q] * scale[r]);
}

static void LV_F(near_i8)(const int8_t *vectors, const float *scale, int64_t rows,
                          int64_t width, const int8_t *x, int64_t ldx, const float *s,
                          const int32_t *sum, int64_t queries, float *y, int64_t ldy) {
  int32_t p[16 * LV_W + 3 * LV_W];
  for (int64_t r = 0; r < rows; r += 16) {
    if (rows - r < 16 && rows >= 16) r = rows - 16;
    const int8_t *from = vectors + r * width;
    const int64_t n = rows - r < 16 ? rows - r : 16, all = 16 / LV_NEAR_I8_QUERIES;
    int64_t q = 0;
    for (; LV_NEAR_I8_QUERIES > 1 && n == 16 && q + LV_NEAR_I8_QUERIES <= queries;
         q += LV_NEAR_I8_QUERIES)
      for (int64_t i = 0; i < 16; i += all) {
        for (int64_t j = 0; j < all; j += 4) LV_F(near_bytes)
        (from + (i + j) * width, width, width, x + q * ldx, ldx, p + LV_W * j, LV_W * all,
         LV_NEAR_I8_QUERIES);
        LV_F(near_scale)
        (p, all, all, scale + r + i, s + q, sum + q, LV_NEAR_I8_QUERIES, y + q * ldy + r + i,
         ldy);
      }
    /* one query and four rows; with fewer than 16 rows, four times the same one */
    const int64_t apart = n < 16 ? 0 : width;
    for (; q < queries; q++) {
      for (int64_t i = 0; i < n; i += n < 16 ? 1 : 4)
        LV_F(near_bytes)(from + i * width, apart, width, x + q * ldx, ldx, p + LV_W * i, 0, 1);
      memset(p + LV_W * n, 0, (size_t)((16 - n) * LV_W) * sizeof p[0]);
      LV_F(near_scale)(p, 16, n, scale + r, s + q, sum + q, 1, y + q * ldy + r, ldy);
    }
  }
}

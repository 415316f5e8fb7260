/*
 * Template: products of queries with row-major vectors (kernels.h), after
 * lowp_half.h. Besides its macros it needs
 *   LV_MASK(m)         the lanes of a comparison as bits
 *   LV_NEAR_QUERIES            queries of a tile of 4 rows: 2 or 4
 * Sixteen sums are finished at a time, for their trees share additions. The last rows may
 * be computed twice, which changes no bit. One query alone waits for memory: four rows
 * side by side are enough for it, and what is read next is asked for.
 */
#include "kernels/common.h"
#include "kernels/search_tail.h"

#define LV_G (16 / LV_W)
#define LV_NEAR_PREFETCH_BYTES \
  16384 /* bytes; 8 to 24 KiB are equally good, half of that is slower */

static LNSPI_ALWAYS LV_V LV_F(near_load)(const int half, const char *p) {
  return half ? LV_HALF((const uint16_t *)(const void *)p)
              : LV_LOAD((const float *)(const void *)p);
}

/* The 16-lane sums of four rows, `row` bytes apart, and qt queries: those of row r and
 * query q from p[q * step + 16 * r] on. One query takes whole groups of 16 lanes, more take
 * a vector of them at a time. */
static LNSPI_ALWAYS void LV_F(near_tile)(const int half, const char *rows, int64_t row,
                                         int64_t width, const float *x, int64_t ldx, float *p,
                                         int64_t step, const int qt) {
  const int64_t size = half ? 2 : 4, whole = width / 16 * 16;
  const int vectors = qt > 1 ? 1 : LV_G;
  float rest[4][16];
  if (whole < width)
    lnspi_search_tail(rest, sizeof rest[0], rows + whole * size, row, (width - whole) * size);
  for (int h = 0; h < LV_G; h += vectors) {
    const char *from = rows;
    int64_t apart = row, end = whole, i = 0;
    LV_V c[16];
    LNSPI_UNROLL
    for (int j = 0; j < 4 * qt * vectors; j++) c[j] = LV_SET(0.0f);
    for (;;) {
      for (; i < end; i += 16, from += 16 * size) {
        LNSPI_UNROLL
        for (int v = 0; v < vectors; v++) {
          LV_V xq[4];
          LNSPI_UNROLL
          for (int q = 0; q < qt; q++) xq[q] = LV_LOAD(x + q * ldx + i + (h + v) * LV_W);
          LNSPI_UNROLL
          for (int r = 0; r < 4; r++) {
            LV_V w = LV_F(near_load)(half, from + r * apart + (h + v) * LV_W * size);
            if (qt > 1) LV_IN_REGISTER(w);
            if (qt == 1 && v == 0) LNSPI_PREFETCH(from + r * apart + LV_NEAR_PREFETCH_BYTES);
            LNSPI_UNROLL
            for (int q = 0; q < qt; q++)
              c[(q * 4 + r) * vectors + v] = LV_FMA(w, xq[q], c[(q * 4 + r) * vectors + v]);
          }
        }
      }
      if (i >= width) break;
      from = (const char *)rest; /* once more, with zeros after the last elements */
      apart = sizeof rest[0];
      end = width;
    }
    LNSPI_UNROLL
    for (int q = 0; q < qt; q++) {
      LNSPI_UNROLL
      for (int r = 0; r < 4; r++) {
        LNSPI_UNROLL
        for (int v = 0; v < vectors; v++)
          LV_STORE(p + q * step + 16 * r + (h + v) * LV_W, c[(q * 4 + r) * vectors + v]);
      }
    }
  }
}

/* Sixteen trees: 16 / queries rows of each query. */
static LNSPI_NOINLINE void LV_F(near_finish)(float *p, float *y, int64_t ldy, int64_t queries) {
  const size_t n = 16 / (size_t)queries;
  float t[16];
  LV_F(trees)(p, t);
  for (int64_t q = 0; q < queries; q++) memcpy(y + q * ldy, t + (size_t)q * n, n * sizeof t[0]);
}

/* n <= 16 rows and one query. Of fewer, each is taken four times, side by side. */
static LNSPI_ALWAYS void LV_F(near_one)(const int half, const char *rows, int64_t n,
                                        int64_t width, const float *x, float *y) {
  const int64_t row = width * (half ? 2 : 4), group = n < 16 ? 1 : 4;
  float p[256 + 48], t[16];
  for (int64_t r = 0; r < n; r += group)
    LV_F(near_tile)(half, rows + r * row, n < 16 ? 0 : row, width, x, 0, p + 16 * r, 0, 1);
  memset(p + 16 * n, 0, (size_t)(16 - n) * 16 * sizeof p[0]);
  LV_F(near_finish)(p, t, 16, 1);
  memcpy(y, t, (size_t)n * sizeof t[0]);
}

/* 16 rows, as long as they are near, for all queries. */
static void LV_F(near_f32)(const float *vectors, int64_t rows, int64_t width, const float *x,
                           int64_t ldx, int64_t queries, float *y, int64_t ldy) {
  const int64_t row = width * 4;
  for (int64_t r = 0; r < rows; r += 16) {
    if (rows - r < 16 && rows >= 16) r = rows - 16;
    const char *from = (const char *)vectors + r * row;
    const int64_t n = rows - r < 16 ? rows - r : 16;
    int64_t q = 0;
    for (; n == 16 && q + LV_NEAR_QUERIES <= queries; q += LV_NEAR_QUERIES)
      for (int64_t i = 0; i < 16; i += 16 / LV_NEAR_QUERIES) {
        float p[256];
        for (int64_t j = 0; j < 16 / LV_NEAR_QUERIES; j += 4) LV_F(near_tile)
        (0, from + (i + j) * row, row, width, x + q * ldx, ldx, p + 16 * j,
         256 / LV_NEAR_QUERIES, LV_NEAR_QUERIES);
        LV_F(near_finish)(p, y + q * ldy + r + i, ldy, LV_NEAR_QUERIES);
      }
    for (; q < queries; q++) LV_F(near_one)(0, from, n, width, x + q * ldx, y + q * ldy + r);
  }
}

static void LV_F(near_f16)(const uint16_t *vectors, int64_t rows, int64_t width, const float *x,
                           int64_t ldx, int64_t queries, float *y, int64_t ldy) {
  for (int64_t r = 0; r < rows; r += 16) {
    const char *from = (const char *)(vectors + r * width);
    const int64_t n = rows - r < 16 ? rows - r : 16;
    for (int64_t q = 0; q < queries; q++)
      LV_F(near_one)(1, from, n, width, x + q * ldx, y + q * ldy + r);
  }
}

/* ---- scores above a level ---- */

static int64_t LV_F(above)(const float *x, int64_t n, float t, int32_t *places) {
  const LV_V level = LV_SET(t);
  int64_t count = 0;
  for (int64_t i = 0; i < n; i += LV_W) {
    uint32_t bits = LV_MASK(LV_GT(LV_F(get)(x + i, n - i), level));
    for (int32_t l = (int32_t)i; bits && l < n; l++, bits >>= 1)
      if (bits & 1) places[count++] = l;
  }
  return count;
}

#undef LV_G

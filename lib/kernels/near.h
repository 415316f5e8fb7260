/*
 * Template: products of queries with vectors that lie row-major (kernels.h), after
 * compact_vector.h. Besides its macros it needs
 *   LV_MASK(m)         the lanes of a comparison as bits
 *   LV_NEAR            queries of a tile of 4 rows: 2 or 4
 * Sixteen sums are finished at a time, for their trees share additions. The last rows may
 * be computed twice, which changes no bit. One query alone waits for memory: a few rows
 * side by side are enough for it, and what is read next is asked for.
 */
#define LV_G (16 / LV_W)
#define LV_NEAR_AHEAD 4096 /* bytes */

static LNSPI_ALWAYS LV_V LV_F(near_load)(const int half, const char *p) {
  return half ? LV_HALF((const uint16_t *)(const void *)p)
              : LV_LOAD((const float *)(const void *)p);
}

/* The 16-lane sums of rt rows and qt queries: those of row r and query q from
 * p[q * step + 16 * r] on. One query takes whole groups of 16 lanes, more take a vector
 * of them at a time. */
static LNSPI_ALWAYS void LV_F(near_tile)(const int half, const char *rows, int64_t width,
                                         const float *x, int64_t ldx, float *p, int64_t step,
                                         const int rt, const int qt) {
  const int64_t size = half ? 2 : 4, whole = width / 16 * 16;
  const int vectors = qt > 1 ? 1 : LV_G;
  float rest[4][16];
  if (whole < width) {
    memset(rest, 0, sizeof rest);
    for (int r = 0; r < rt; r++)
      memcpy(rest[r], rows + (r * width + whole) * size, (size_t)((width - whole) * size));
  }
  for (int h = 0; h < LV_G; h += vectors) {
    const char *from = rows;
    int64_t row = width * size, end = whole, i = 0;
    LV_V c[16];
    LNSPI_UNROLL
    for (int j = 0; j < rt * qt * vectors; j++) c[j] = LV_SET(0.0f);
    for (;;) {
      for (; i < end; i += 16, from += 16 * size) {
        LNSPI_UNROLL
        for (int v = 0; v < vectors; v++) {
          LV_V xq[4];
          LNSPI_UNROLL
          for (int q = 0; q < qt; q++) xq[q] = LV_LOAD(x + q * ldx + i + (h + v) * LV_W);
          LNSPI_UNROLL
          for (int r = 0; r < rt; r++) {
            LV_V w = LV_F(near_load)(half, from + r * row + (h + v) * LV_W * size);
            if (qt > 1) LV_HOLD(w);
            if (qt == 1 && v == 0) LNSPI_PREFETCH(from + r * row + LV_NEAR_AHEAD);
            LNSPI_UNROLL
            for (int q = 0; q < qt; q++)
              c[(q * rt + r) * vectors + v] = LV_FMA(w, xq[q], c[(q * rt + r) * vectors + v]);
          }
        }
      }
      if (i >= width) break;
      from = (const char *)rest; /* once more, with zeros after the last elements */
      row = sizeof rest[0];
      end = width;
    }
    LNSPI_UNROLL
    for (int q = 0; q < qt; q++) {
      LNSPI_UNROLL
      for (int r = 0; r < rt; r++) {
        LNSPI_UNROLL
        for (int v = 0; v < vectors; v++)
          LV_STORE(p + q * step + 16 * r + (h + v) * LV_W, c[(q * rt + r) * vectors + v]);
      }
    }
  }
}

/* 16 / qt rows and qt queries. */
static LNSPI_NOINLINE void LV_F(near_finish)(float *p, float *y, int64_t ldy, int64_t queries) {
  const size_t n = 16 / (size_t)queries;
  float t[16];
  LV_F(trees)(p, t);
  for (int64_t q = 0; q < queries; q++) memcpy(y + q * ldy, t + (size_t)q * n, n * sizeof t[0]);
}

static LNSPI_ALWAYS void LV_F(near_group)(const int half, const char *rows, int64_t width,
                                          const float *x, int64_t ldx, float *y, int64_t ldy,
                                          const int qt) {
  const int64_t size = half ? 2 : 4;
  float p[256];
  for (int r = 0; r < 16 / qt; r += 4)
    LV_F(near_tile)(half, rows + r * width * size, width, x, ldx, p + 16 * r, 256 / qt, 4, qt);
  LV_F(near_finish)(p, y, ldy, qt);
}

/* 16 rows, as long as they are near, for all queries. */
static LNSPI_ALWAYS void LV_F(near_floats)(const int half, const void *vectors, int64_t rows,
                                           int64_t width, const float *x, int64_t ldx,
                                           int64_t queries, float *y, int64_t ldy,
                                           const int most) {
  const int64_t row = width * (half ? 2 : 4);
  for (int64_t r = 0; r < rows; r += 16) {
    if (rows - r < 16 && rows >= 16) r = rows - 16;
    const char *from = (const char *)vectors + r * row;
    const int64_t n = rows - r < 16 ? rows - r : 16;
    int64_t q = 0;
    for (; most > 1 && n == 16 && q + most <= queries; q += most)
      for (int64_t i = 0; i < 16; i += 16 / most)
        LV_F(near_group)(half, from + i * row, width, x + q * ldx, ldx, y + q * ldy + r + i,
                         ldy, most);
    for (; n == 16 && q < queries; q++)
      LV_F(near_group)(half, from, width, x + q * ldx, ldx, y + q * ldy + r, ldy, 1);
    for (; q < queries; q++)
      for (int64_t i = 0; i < n; i++) {
        float p[16];
        LV_V v[LV_G];
        LV_F(near_tile)(half, from + i * row, width, x + q * ldx, ldx, p, 16, 1, 1);
        for (int h = 0; h < LV_G; h++) v[h] = LV_LOAD(p + h * LV_W);
        y[q * ldy + r + i] = LV_F(tree)(v);
      }
  }
}

static void LV_F(near_f32)(const float *vectors, int64_t rows, int64_t width, const float *x,
                           int64_t ldx, int64_t queries, float *y, int64_t ldy) {
  LV_F(near_floats)(0, vectors, rows, width, x, ldx, queries, y, ldy, LV_NEAR);
}

static void LV_F(near_f16)(const uint16_t *vectors, int64_t rows, int64_t width,
                           const float *x, int64_t ldx, int64_t queries, float *y,
                           int64_t ldy) {
  LV_F(near_floats)(1, vectors, rows, width, x, ldx, queries, y, ldy, 1);
}

/* ---- what lies above ---- */

static int64_t LV_F(above)(const float *x, int64_t n, float t, int32_t *places) {
  const LV_V level = LV_SET(t);
  int64_t count = 0;
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_V v = i + LV_W <= n ? LV_LOAD(x + i) : LV_LOADN(x + i, n - i);
    uint32_t bits = LV_MASK(LV_GT(v, level));
    for (int32_t l = (int32_t)i; bits && l < n; l++, bits >>= 1)
      if (bits & 1) places[count++] = l;
  }
  return count;
}

#undef LV_G

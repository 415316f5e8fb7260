/*
 * Template: near_i8 (kernels.h), after compact_bytes.h and near.h. Besides their macros it
 * needs
 *   LV_F(near_sums)(p, t)  t[i] = sum of p[LV_W*i .. LV_W*i + LV_W - 1], i < 16
 */

/* The sums of rt rows and qt queries by lanes: as near_tile, LV_W lanes each. An operand
 * without sign is a row, LV_CODE added. */
static LNSPI_ALWAYS void LV_F(near_bytes)(const int8_t *rows, int64_t width, const int8_t *x,
                                          int64_t ldx, int32_t *p, int64_t step, const int rt,
                                          const int qt) {
  enum { BYTES = 4 * LV_W };
  const int64_t whole = width / BYTES * BYTES;
  const LV_I code = LV_ISET((int32_t)(LV_CODE * 0x01010101u));
  const int8_t *from = rows;
  int64_t row = width, end = whole, i = 0;
  int8_t rest[4][BYTES];
  LV_I c[16];
  LNSPI_UNROLL
  for (int j = 0; j < rt * qt; j++) c[j] = LV_ISET(0);
  for (;;) {
    for (; i < end; i += BYTES, from += BYTES) {
      LV_I xq[4];
      LNSPI_UNROLL
      for (int q = 0; q < qt; q++) xq[q] = LV_LOADI(x + q * ldx + i);
      LNSPI_UNROLL
      for (int r = 0; r < rt; r++) {
        LV_I w = LV_LOADI(from + r * row);
        if (LV_CODE) w = LV_IXOR(w, code);
        if (qt == 1) LNSPI_PREFETCH(from + r * row + LV_NEAR_AHEAD);
        LNSPI_UNROLL
        for (int q = 0; q < qt; q++) c[q * rt + r] = LV_DOT(c[q * rt + r], w, xq[q]);
      }
    }
    if (i >= width) break;
    memset(rest, 0, sizeof rest);
    for (int r = 0; r < rt; r++)
      memcpy(rest[r], rows + r * width + whole, (size_t)(width - whole));
    from = rest[0];
    row = BYTES;
    end = width;
  }
  LNSPI_UNROLL
  for (int q = 0; q < qt; q++) {
    LNSPI_UNROLL
    for (int r = 0; r < rt; r++)
      LV_STORE((float *)(void *)(p + q * step + LV_W * r), LV_FLOAT(c[q * rt + r]));
  }
}

/* 16 / qt rows and qt queries. */
static LNSPI_ALWAYS void LV_F(near_byte_group)(const int8_t *rows, const float *scale,
                                               int64_t width, const int8_t *x, int64_t ldx,
                                               const float *s, const int32_t *sum, float *y,
                                               int64_t ldy, const int qt) {
  const int n = 16 / qt;
  int32_t p[16 * LV_W], t[16];
  for (int r = 0; r < n; r += 4)
    LV_F(near_bytes)(rows + r * width, width, x, ldx, p + LV_W * r, LV_W * n, 4, qt);
  LV_F(near_sums)(p, t);
  for (int q = 0; q < qt; q++)
    for (int r = 0; r < n; r++)
      y[q * ldy + r] = (float)(t[q * n + r] - LV_CODE * sum[q]) * (s[q] * scale[r]);
}

static void LV_F(near_i8)(const int8_t *vectors, const float *scale, int64_t rows,
                          int64_t width, const int8_t *x, int64_t ldx, const float *s,
                          const int32_t *sum, int64_t queries, float *y, int64_t ldy) {
  for (int64_t r = 0; r < rows; r += 16) {
    if (rows - r < 16 && rows >= 16) r = rows - 16;
    const int8_t *from = vectors + r * width;
    const int64_t n = rows - r < 16 ? rows - r : 16;
    int64_t q = 0;
    for (; n == 16 && q + LV_NEAR <= queries; q += LV_NEAR)
      for (int64_t i = 0; i < 16; i += 16 / LV_NEAR)
        LV_F(near_byte_group)(from + i * width, scale + r + i, width, x + q * ldx, ldx, s + q,
                              sum + q, y + q * ldy + r + i, ldy, LV_NEAR);
    for (; n == 16 && q < queries; q++)
      LV_F(near_byte_group)(from, scale + r, width, x + q * ldx, ldx, s + q, sum + q,
                            y + q * ldy + r, ldy, 1);
    for (; q < queries; q++)
      for (int64_t i = 0; i < n; i++) {
        int32_t p[LV_W], total = -LV_CODE * sum[q];
        LV_F(near_bytes)(from + i * width, width, x + q * ldx, ldx, p, LV_W, 1, 1);
        for (int l = 0; l < LV_W; l++) total += p[l];
        y[q * ldy + r + i] = (float)total * (s[q] * scale[r + i]);
      }
  }
}

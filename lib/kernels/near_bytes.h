/*
 * Template: near_i8 (kernels.h), after compact_bytes.h and near.h. Besides their macros it
 * needs
 *   LV_F(near_sums)(p, t)  t[i] = sum of p[LV_W*i .. LV_W*i + LV_W - 1], i < 16
 */

/* The sums of four rows, `row` bytes apart, and qt queries by lanes: as near_tile, LV_W
 * lanes each. An operand without sign is a row, LV_CODE added. */
static LNSPI_ALWAYS void LV_F(near_bytes)(const int8_t *rows, int64_t row, int64_t width,
                                          const int8_t *x, int64_t ldx, int32_t *p,
                                          int64_t step, const int qt) {
  enum { BYTES = 4 * LV_W };
  const int64_t whole = width / BYTES * BYTES;
  const LV_I code = LV_ISET((int32_t)(LV_CODE * 0x01010101u));
  const int8_t *from = rows;
  int64_t apart = row, end = whole, i = 0;
  int8_t rest[4][BYTES];
  LV_I c[16];
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
        if (LV_CODE) w = LV_IXOR(w, code);
        if (qt == 1) LNSPI_PREFETCH(from + r * apart + LV_NEAR_AHEAD);
        LNSPI_UNROLL
        for (int q = 0; q < qt; q++) c[q * 4 + r] = LV_DOT(c[q * 4 + r], w, xq[q]);
      }
    }
    if (i >= width) break;
    lnspi_near_rest(rest, BYTES, rows + whole, row, width - whole);
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

/* n rows (16 / qt, or for one query fewer, which are then taken four times each). */
static LNSPI_ALWAYS void LV_F(near_codes)(const int8_t *rows, const float *scale, int64_t n,
                                          int64_t width, const int8_t *x, int64_t ldx,
                                          const float *s, const int32_t *sum, float *y,
                                          int64_t ldy, const int qt) {
  const int64_t all = 16 / qt, group = n < all ? 1 : 4;
  int32_t p[16 * LV_W + 3 * LV_W], t[16];
  for (int64_t r = 0; r < n; r += group)
    LV_F(near_bytes)(rows + r * width, n < all ? 0 : width, width, x, ldx, p + LV_W * r,
                     LV_W * all, qt);
  memset(p + LV_W * n, 0, (size_t)((all - n) * LV_W) * sizeof p[0]);
  LV_F(near_sums)(p, t);
  for (int64_t q = 0; q < qt; q++)
    for (int64_t r = 0; r < n; r++)
      y[q * ldy + r] = (float)(t[q * all + r] - LV_CODE * sum[q]) * (s[q] * scale[r]);
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
        LV_F(near_codes)(from + i * width, scale + r + i, 16 / LV_NEAR, width, x + q * ldx,
                         ldx, s + q, sum + q, y + q * ldy + r + i, ldy, LV_NEAR);
    for (; q < queries; q++)
      LV_F(near_codes)(from, scale + r, n, width, x + q * ldx, ldx, s + q, sum + q,
                       y + q * ldy + r, ldy, 1);
  }
}

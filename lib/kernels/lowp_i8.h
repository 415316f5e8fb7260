/*
 * Template: linear_i8, products of int8 weights (lowp.h) with rows that are quantised on the
 * way in, after vector.h.
 *
 * Each row of x gets a scale and codes of seven bits and a sign. Sums of products of codes
 * are integers, and exact up to 65,536 inputs, so their order is free, and sets with very
 * different instructions (VNNI, AMX tiles, NEON's sdot) agree to the bit. The scales enter
 * once at the end, in one multiply-add with the bias.
 *
 * Some instructions multiply bytes with a sign by bytes without. Codes of x are then stored
 * plus 128, and
 * 128 times the sum of an output's codes, stored with the matrix, is subtracted first.
 *
 * In terms of the macros of README.md, among them
 *   LV_DOT(c, x, w)      c plus, for each lane, the four products of its bytes: exact
 *   LV_CODE_OFFSET       128 if codes of x are stored without sign, else 0
 *   LV_I8_VECTORS, LV_I8_ROWS  vectors and rows of a register tile
 *   LV_I8_PANELS_ROW_1   one row: panels side by side
 */
#include "base/bytes.h"
#include "kernels/kernels.h"
#include "kernels/lowp.h"

#define LV_G (16 / LV_W)

/* The codes of a row, zeros to a multiple of LV_W; its scale. */
static float LV_F(quantise)(uint8_t *q, const float *x, int64_t n) {
  const LV_I magnitude = LV_ISET(0x7fffffff);
  LV_I top = LV_ISET(0);
  for (int64_t i = 0; i < n; i += LV_W)
    top = LV_IMAX(top, LV_IAND(LV_BITS(LV_F(get)(x + i, n - i)), magnitude));
  float m = lnspi_bits_float((uint32_t)LV_IHMAX(top)), factor = lnspi_lowp_quantise_factor(m);
  if (!(factor > 0)) {
    memset(q, LV_CODE_OFFSET, (size_t)((n + LV_W - 1) / LV_W * LV_W));
    return m / 127.0f;
  }
  const LV_V f = LV_SET(factor), round = LV_SET(0x1.8p23f + LV_CODE_OFFSET);
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_I code = LV_BITS(LV_FMA(LV_F(get)(x + i, n - i), f, round));
    LV_STORE8(q + i, code);
  }
  return m / 127.0f;
}

typedef struct LV_T(bytes) {
  const int8_t *codes; /* of the panel, from the lanes on */
  const float *scale;
  const int32_t *sum;
  const float *bias;   /* or zeros */
  int64_t next;        /* bytes from one panel to the next */
} LV_T(bytes);

/* nv vectors of outputs times a tile of rows. per_panel of them are of one panel. */
static LNSPI_ALWAYS void LV_F(byte_tile)(const LV_T(bytes) *b, int64_t step, const uint8_t *q,
                                         int64_t ldq, const float *s, float *y, int64_t ldy,
                                         int64_t words, const int nv, const int per_panel,
                                         const int rows) {
  LV_I c[24];
  LNSPI_UNROLL
  for (int v = 0; v < nv; v++) {
    LV_I start = LV_ISET(0);
    if (LV_CODE_OFFSET) /* a power of two: 128 */
      start = LV_ISUB(start, LV_ISHL(LV_LOADI(b->sum + v * LV_W), 7));
    LNSPI_UNROLL
    for (int r = 0; r < rows; r++) c[r * nv + v] = start;
  }
  const int8_t *w = b->codes;
  for (int64_t k = 0; k < words; k++, w += step, q += 4) {
    LV_I wv[16];
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++)
      wv[v] = LV_LOADI(w + v / per_panel * b->next + v % per_panel * 4 * LV_W);
    LNSPI_UNROLL
    for (int r = 0; r < rows; r++) {
      int32_t word;
      memcpy(&word, q + r * ldq, 4);
      LV_I xr = LV_ISET(word);
      LNSPI_UNROLL
      for (int v = 0; v < nv; v++) c[r * nv + v] = LV_DOT(c[r * nv + v], xr, wv[v]);
    }
  }
  LNSPI_UNROLL
  for (int r = 0; r < rows; r++) {
    LV_V sr = LV_SET(s[r]);
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) {
      LV_V factor = LV_MUL(sr, LV_LOAD(b->scale + v * LV_W));
      LV_STORE(y + r * ldy + v * LV_W,
               LV_FMA(LV_TOFLOAT(c[r * nv + v]), factor, LV_LOAD(b->bias + v * LV_W)));
    }
  }
}

/* Tiles of `most`, two and one rows. More sizes were no faster: reading the weights
 * dominates where tiles are not full. */
static LNSPI_ALWAYS void LV_F(byte_rows)(const LV_T(bytes) *b, int64_t step, const uint8_t *q,
                                         int64_t ldq, const float *s, float *y, int64_t ldy,
                                         int64_t rows, int64_t words, const int nv,
                                         const int most) {
#define LV_TILE(n)                                                 \
  for (; rows >= n; rows -= n, q += n * ldq, s += n, y += n * ldy) \
  LV_F(byte_tile)(b, step, q, ldq, s, y, ldy, words, nv, nv, n)
  LV_TILE(most);
  if (most > 2) LV_TILE(2);
  LV_TILE(1);
#undef LV_TILE
}

/* Quantised rows. */
static void LV_F(byte_linear)(const void *weights, const float *bias, const uint8_t *q,
                              int64_t ldq, const float *s, float *y, int64_t ldy, int64_t rows,
                              int64_t in, int64_t out) {
  const int64_t round = lnspi_round16(out), words = lnspi_round4(in) / 4;
  const int8_t *codes = (const int8_t *)weights + 8 * round;
  for (int64_t o = 0; o < round;) {
    int64_t lanes = round - o / 64 * 64 < 64 ? round - o / 64 * 64 : 64, step = 4 * lanes;
    const float *from = bias ? bias + o : LV_F(zeros);
    LV_T(bytes)
    b = {codes + o / 64 * 256 * words + o % 64 * 4, (const float *)weights + o,
         (const int32_t *)weights + round + o, from, 256 * words};
    if (rows == 1 && round - o >= 64 * LV_I8_PANELS_ROW_1 &&
        (bias || LV_I8_PANELS_ROW_1 == 1)) {
      const int nv = 4 * LV_G * LV_I8_PANELS_ROW_1;
      LV_F(byte_tile)(&b, step, q, ldq, s, y + o, ldy, words, nv, 4 * LV_G, 1);
      o += 64 * LV_I8_PANELS_ROW_1;
    } else if (LV_I8_VECTORS > LV_G && lanes - o % 64 >= LV_I8_VECTORS * LV_W) {
      LV_F(byte_rows)(&b, step, q, ldq, s, y + o, ldy, rows, words, LV_I8_VECTORS, LV_I8_ROWS);
      o += LV_I8_VECTORS * LV_W;
    } else {
      LV_F(byte_rows)(&b, step, q, ldq, s, y + o, ldy, rows, words, LV_G, 2);
      o += 16;
    }
  }
}

static void LV_F(linear_i8)(const void *w, const float *bias, const float *x, int64_t ldx,
                            float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out,
                            void *scratch) {
  int64_t ldq = (in + 63) / 64 * 64, most = rows < LNSPI_I8_ROWS ? rows : LNSPI_I8_ROWS;
  uint8_t *q = scratch;
  float *s = (float *)scratch + most * (ldq / 4);
  for (int64_t r = 0; r < rows; r += most) {
    int64_t n = rows - r < most ? rows - r : most;
    for (int64_t i = 0; i < n; i++) s[i] = LV_F(quantise)(q + i * ldq, x + (r + i) * ldx, in);
    LV_F(byte_linear)(w, bias, q, ldq, s, y + r * ldy, ldy, n, in, out);
  }
}

#undef LV_G

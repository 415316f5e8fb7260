/*
 * Template: linear_i8 (lowp.h), after vector.h. Besides its macros it needs
 *   LV_LOADI(p)       LV_W words of 32 bits
 *   LV_STORE8(p, i)   the lowest byte of each integer, in order
 *   LV_IHMAX(i)        the largest integer of a vector
 *   LV_DOT(c, x, w)   c plus, for each lane, the four products of its bytes: exact
 *   LV_CODE_OFFSET           what is added to a code in x, for instructions that take one
 *                     operand without sign; the sums of the weights make up for it
 *   LV_BYTE_STRIP, LV_BYTE_ROWS  vectors and rows of a register tile
 *   LV_BYTE_PANELS    one row: panels side by side
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

typedef struct LV_F(bytes) {
  const int8_t *codes; /* of the panel, from the lanes on */
  const float *scale;
  const int32_t *sum;
  const float *bias;   /* or zeros */
  int64_t next;        /* bytes from one panel to the one beside it */
} LV_F(bytes);

/* nv vectors of outputs times a tile of rows. `beside` vectors belong to a panel. */
static LNSPI_ALWAYS void
LV_F(byte_tile)(const LV_F(bytes) *b, int64_t step, const uint8_t *q, int64_t ldq,
                                   const float *s, float *y, int64_t ldy, int64_t words,
                                   const int nv, const int beside, const int rows) {
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
      wv[v] = LV_LOADI(w + v / beside * b->next + v % beside * 4 * LV_W);
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

/* Two sizes of tile besides one row: what a tile misses, the weights' way to it costs
 * anyway. */
static LNSPI_ALWAYS void
LV_F(byte_rows)(const LV_F(bytes) *b, int64_t step, const uint8_t *q, int64_t ldq,
                                   const float *s, float *y, int64_t ldy, int64_t rows,
                                   int64_t words, const int nv, const int most) {
#define LV_TILE(n)                                                 \
  for (; rows >= n; rows -= n, q += n * ldq, s += n, y += n * ldy) \
  LV_F(byte_tile)(b, step, q, ldq, s, y, ldy, words, nv, nv, n)
  LV_TILE(most);
  if (most > 2) LV_TILE(2);
  LV_TILE(1);
#undef LV_TILE
}

/* Quantised rows. */
static void
LV_F(byte_linear)(const void *weights, const float *bias, const uint8_t *q, int64_t ldq,
                        const float *s, float *y, int64_t ldy, int64_t rows, int64_t in,
                        int64_t out) {
  const int64_t round = lnspi_round16(out), words = lnspi_round4(in) / 4;
  const int8_t *codes = (const int8_t *)weights + 8 * round;
  for (int64_t o = 0; o < round;) {
    int64_t lanes = round - o / 64 * 64 < 64 ? round - o / 64 * 64 : 64, step = 4 * lanes;
    LV_F(bytes) b = {codes + o / 64 * 256 * words + o % 64 * 4, (const float *)weights + o,
               (const int32_t *)weights + round + o, bias ? bias + o : LV_F(zeros), 256 * words};
    if (rows == 1 && round - o >= 64 * LV_BYTE_PANELS && (bias || LV_BYTE_PANELS == 1)) {
      LV_F(byte_tile)(&b, step, q, ldq, s, y + o, ldy, words, 4 * LV_G * LV_BYTE_PANELS, 4 * LV_G, 1);
      o += 64 * LV_BYTE_PANELS;
    } else if (LV_BYTE_STRIP > LV_G && lanes - o % 64 >= LV_BYTE_STRIP * LV_W) {
      LV_F(byte_rows)(&b, step, q, ldq, s, y + o, ldy, rows, words, LV_BYTE_STRIP, LV_BYTE_ROWS);
      o += LV_BYTE_STRIP * LV_W;
    } else {
      LV_F(byte_rows)(&b, step, q, ldq, s, y + o, ldy, rows, words, LV_G, 2);
      o += 16;
    }
  }
}

static void
LV_F(linear_i8)(const void *w, const float *bias, const float *x, int64_t ldx, float *y,
                      int64_t ldy, int64_t rows, int64_t in, int64_t out, void *scratch) {
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

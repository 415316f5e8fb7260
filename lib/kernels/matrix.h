/*
 * Template: the kernels that multiply matrices. Here is the forward product, linear; the two
 * of backward, linear_dx and grad_strip, are in matrix_backward.h.
 *
 * Weights are in panels of 64 outputs (kernels.h), [input][lane], so that the weights of one
 * input for 64 outputs are neighbours in memory:
 *
 *                lanes 0 .. 63                     x row:  x0 x1 x2 ...
 *   input 0   w w w w ...   w    <- one vector is LV_W of them
 *   input 1   w w w w ...   w       sum[lane] = fma(w[k][lane], x[k], sum[lane]), k ascending
 *
 * Three products, each with its own loop order, because the sums run over another index:
 *   linear      over inputs: a lane is an output, x[k] is the same number in all lanes
 *   linear_dx   over outputs: lanes are terms of one sum, added by a tree at the end
 *   grad_strip  over rows: a lane is an output, accumulators are elements of the gradient
 *
 * A register tile is nv vectors times a few rows (or inputs): nv loads of weights serve all
 * its rows, and nv * rows independent accumulators hide the latency of a multiply-add. How
 * large a tile may be depends on the registers of a set; one row needs none of that, and is
 * bound by reading weights, so it has a path of its own that skips inputs that are zero. The
 * size of a tile is a constant argument of an inlined function: the compiler unrolls its
 * loops and keeps c[] in registers.
 *
 * In terms of the LV_ macros (README.md has them all), among them the tile sizes
 *   LV_LINEAR_TWO_PANELS        linear, 1 to 3 rows: 1 if two panels are computed at a time
 *   LV_LINEAR_VECTORS_ROWS_2_3  linear, 2 and 3 rows: vectors of a strip of a panel
 *   LV_LINEAR_VECTORS_ROWS_3_6  more rows, in tiles of 3 to 6: the same, at most the above
 *   LV_LINEAR_VECTORS_ROWS_7_8  7 and 8 rows: vectors of one tall tile, or 0
 *   LV_LINEAR_INPUTS            linear: inputs at a time
 *   LV_DX_ROWS                  linear_dx: most rows of a tile of 4 inputs (3 or 4)
 *   LV_DX_INPUTS_ROW_1          linear_dx, one row: inputs of a tile
 *   LV_GRAD_VECTORS, LV_GRAD_INPUTS  grad_strip: vectors and inputs of a tile
 * and the functions
 *   LV_F(trees)(p, t)  t[i] = tree of p[16*i .. 16*i+15], i < 16
 *   LV_F(tree16)(v)    the same from 16 vectors (only where LV_W is 16)
 * The order of every sum is that of kernels.h; none of these numbers changes a bit.
 */
#include "kernels/common.h"

#include "kernels/kernels.h"

#define LV_G (16 / LV_W) /* vectors of a 16-lane group */

/* Few rows: floats between the weights in use and those that are prefetched. Where a tile has
 * few vectors, the branch costs batches more than the prefetch saves. */
#define LV_PREFETCH_FLOATS (LV_W == 16 ? 1024 : 0)

static const float LV_F(zeros)[128] = {0};

/* ---- linear ---- */

/* What a product reads and writes besides its weights: `in` inputs of the rows of x, the
 * outputs of the rows of y, and where their sums start (ld_start 0: all rows alike). */
typedef struct LV_T(operands) {
  const float *start, *x;
  float *y;
  int64_t ld_start, ldx, ldy, in;
} LV_T(operands);

static LNSPI_ALWAYS void LV_F(linear_load)(LV_V *c, const LV_T(operands) *p, const int nv,
                                           const int rows) {
  LNSPI_UNROLL
  for (int r = 0; r < rows; r++) {
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) c[r * nv + v] = LV_LOAD(p->start + r * p->ld_start + v * LV_W);
  }
}

static LNSPI_ALWAYS void LV_F(linear_store)(const LV_V *c, const LV_T(operands) *p,
                                            const int nv, const int rows) {
  LNSPI_UNROLL
  for (int r = 0; r < rows; r++) {
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) LV_STORE(p->y + r * p->ldy + v * LV_W, c[r * nv + v]);
  }
}

/* nv vectors of outputs times a tile of rows: nv * rows accumulators. ahead, unless NULL, is
 * what the second level of the cache should fetch meanwhile, a line for every input; far,
 * unless 0, is how far beyond its own weights a tile asks for more, in floats. */
static LNSPI_ALWAYS void LV_F(linear_tile)(const float *w, int64_t lanes,
                                           const LV_T(operands) *p, const float *ahead,
                                           int64_t far, const int nv, const int rows) {
  const float *x = p->x;
  const int64_t in = p->in, ldx = p->ldx;
  LV_V c[32];
  LV_F(linear_load)(c, p, nv, rows);
  for (int64_t k = 0; k < in; k++, w += lanes) {
    if (ahead) LNSPI_PREFETCH(ahead + 16 * k);
    if (far) {
      LNSPI_UNROLL
      for (int v = 0; v < nv; v += LV_G) /* perhaps past the end, which is no pointer */
        LNSPI_PREFETCH((const void *)((uintptr_t)(w + v * LV_W) + (uintptr_t)far * sizeof *w));
    }
    if (rows < nv) { /* the smaller side is kept in registers */
      LV_V xk[8];
      LNSPI_UNROLL
      for (int r = 0; r < rows; r++) xk[r] = LV_SET(x[r * ldx + k]);
      LNSPI_UNROLL
      for (int v = 0; v < nv; v++) {
        LV_V wv = LV_LOAD(w + v * LV_W);
        if (rows > 1) LV_IN_REGISTER(wv); /* else some compilers load it for every row */
        LNSPI_UNROLL
        for (int r = 0; r < rows; r++) c[r * nv + v] = LV_FMA(wv, xk[r], c[r * nv + v]);
      }
    } else {
      LV_V wv[16];
      LNSPI_UNROLL
      for (int v = 0; v < nv; v++) {
        wv[v] = LV_LOAD(w + v * LV_W);
        LV_IN_REGISTER(wv[v]);
      }
      LNSPI_UNROLL
      for (int r = 0; r < rows; r++) {
        LV_V xk = LV_SET(x[r * ldx + k]);
        LNSPI_UNROLL
        for (int v = 0; v < nv; v++) c[r * nv + v] = LV_FMA(wv[v], xk, c[r * nv + v]);
      }
    }
  }
  LV_F(linear_store)(c, p, nv, rows);
}

/* A strip of a panel for all rows, in tiles of about equal height, least to most. */
static LNSPI_ALWAYS void LV_F(linear_rows)(const float *w, int64_t lanes, LV_T(operands) p,
                                           const float **ahead, const float *end, int64_t rows,
                                           const int nv, const int least, const int most) {
  /* in the first tile; for many rows *ahead does it, and two or three are bound by loads */
  int64_t far = rows > 3 && rows < 16 ? LV_PREFETCH_FLOATS : 0;
#define LV_TILE(n)                                                                       \
  case n:                                                                                \
    if (n >= least && n <= most)                                                         \
      LV_F(linear_tile)(w, lanes, &p, *ahead, far, nv, n >= least && n <= most ? n : 1); \
    break;
  for (int64_t tiles = (rows + most - 1) / most; tiles > 0; tiles--) {
    int64_t n = (rows + tiles - 1) / tiles;
    switch (n) {
      LV_TILE(1)
      LV_TILE(2)
      LV_TILE(3)
      LV_TILE(4)
      LV_TILE(5)
      LV_TILE(6)
      LV_TILE(7)
      LV_TILE(8)
    }
    p.start += n * p.ld_start, p.x += n * p.ldx, p.y += n * p.ldy;
    rows -= n;
    far = 0;
    if (*ahead && (*ahead += 16 * p.in) >= end) *ahead = NULL;
  }
#undef LV_TILE
}

/* One panel for all rows, start and y being at the panel's first lane; the memory from ahead
 * to end is read next. */
static LNSPI_NOINLINE void LV_F(linear_panel)(const float *w, int64_t lanes,
                                              const LV_T(operands) *panel, const float **ahead,
                                              const float *end, int64_t rows) {
  LV_T(operands) p = *panel;
  int64_t l = 0;
#define LV_STRIP(nv, least, most)                                                \
  do {                                                                           \
    LV_F(linear_rows)(w + l, lanes, p, ahead, end, rows, (nv), (least), (most)); \
    p.start += (nv) * LV_W, p.y += (nv) * LV_W, l += (nv) * LV_W;                \
  } while (0)
  if (LV_LINEAR_VECTORS_ROWS_2_3 > LV_LINEAR_VECTORS_ROWS_3_6 && rows <= 3) {
    while (lanes - l >= LV_LINEAR_VECTORS_ROWS_2_3 * LV_W)
      LV_STRIP(LV_LINEAR_VECTORS_ROWS_2_3, 2, 3);
    if (LV_LINEAR_VECTORS_ROWS_2_3 > 2 * LV_G && lanes - l >= 32) LV_STRIP(2 * LV_G, 2, 3);
    if (LV_LINEAR_VECTORS_ROWS_2_3 > LV_G && lanes - l >= 16) LV_STRIP(LV_G, 2, 3);
  } else {
    const int least = LV_LINEAR_VECTORS_ROWS_2_3 > LV_LINEAR_VECTORS_ROWS_3_6 ? 3 : 2;
    while (LV_LINEAR_VECTORS_ROWS_7_8 && (rows == 7 || rows == 8) &&
           lanes - l >= LV_LINEAR_VECTORS_ROWS_7_8 * LV_W)
      LV_STRIP(LV_LINEAR_VECTORS_ROWS_7_8 ? LV_LINEAR_VECTORS_ROWS_7_8 : 1, 7,
               LV_LINEAR_VECTORS_ROWS_7_8 ? 8 : 7);
    while (lanes - l >= LV_LINEAR_VECTORS_ROWS_3_6 * LV_W)
      LV_STRIP(LV_LINEAR_VECTORS_ROWS_3_6, least, 6);
    if (LV_LINEAR_VECTORS_ROWS_3_6 > 2 * LV_G && lanes - l >= 32) LV_STRIP(2 * LV_G, least, 6);
    if (LV_LINEAR_VECTORS_ROWS_3_6 > LV_G && lanes - l >= 16) LV_STRIP(LV_G, least, 6);
  }
#undef LV_STRIP
}

/* nv vectors of the outputs of one row, from the inputs that were picked. With w2, the
 * upper half of the vectors is of the next panel. */
static LNSPI_ALWAYS void LV_F(one_tile)(const float *w, const float *w2, int64_t lanes,
                                        const float *start, const LV_T(inputs) *in, float *y,
                                        const int nv) {
  LV_V c[16];
  LNSPI_UNROLL
  for (int v = 0; v < nv; v++) c[v] = LV_LOAD(start + v * LV_W);
  for (int64_t i = 0; i < in->count; i++) {
    const int64_t at = (int64_t)in->k[i] * lanes;
    const float *one = w + at, *two = w2 ? w2 + at : NULL;
    const LV_V xk = LV_SET(in->x[i]);
    LNSPI_POINTER(one); /* plain addresses: shorter than sums of two registers */
    if (w2) LNSPI_POINTER(two);
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) {
      const float *from = w2 && v >= nv / 2 ? two + (v - nv / 2) * LV_W : one + v * LV_W;
      c[v] = LV_FMA(LV_LOAD(from), xk, c[v]);
    }
  }
  LNSPI_UNROLL
  for (int v = 0; v < nv; v++) LV_STORE(y + v * LV_W, c[v]);
}

/* All outputs of one row, from the inputs that were picked from k on; start NULL: zeros. */
static void LV_F(one_outputs)(const float *w, int64_t k, const float *start,
                              const LV_T(inputs) *in, float *y, int64_t inputs, int64_t round) {
  int64_t o = 0;
#if LV_LINEAR_TWO_PANELS
  for (; round - o >= 128; o += 128) {
    const float *wo = w + o * inputs + k * 64;
    LV_F(one_tile)
    (wo, wo + 64 * inputs, 64, start ? start + o : LV_F(zeros), in, y + o, 8 * LV_G);
  }
#endif
  for (; o < round; o += 64) {
    const int64_t lanes = round - o < 64 ? round - o : 64;
    const float *wo = w + o * inputs + k * lanes, *from = start ? start + o : LV_F(zeros);
    if (lanes == 64)
      LV_F(one_tile)(wo, NULL, 64, from, in, y + o, 4 * LV_G);
    else if (lanes == 48)
      LV_F(one_tile)(wo, NULL, 48, from, in, y + o, 3 * LV_G);
    else if (lanes == 32)
      LV_F(one_tile)(wo, NULL, 32, from, in, y + o, 2 * LV_G);
    else
      LV_F(one_tile)(wo, NULL, 16, from, in, y + o, LV_G);
  }
}

static void LV_F(linear_one)(const float *w, const float *bias, const float *x, float *y,
                             int64_t in, int64_t out) {
  const int64_t round = lnspi_round16(out);
  LV_T(inputs) some;
  for (int all = 0; all < 2; all++) {
    int64_t k = 0, count = 0;
    do { /* once even without inputs: y is the bias then */
      LV_F(pick)(&some, x + k, in - k < 512 ? in - k : 512, all);
      LV_F(one_outputs)(w, k, k ? y : bias, &some, y, in, round);
      count += some.count;
      k += 512;
    } while (k < in);
    if (count == in || !LV_F(minus_zero)(y, round)) return;
  }
}

#if LV_LINEAR_TWO_PANELS
/* Two full panels and two or three rows: one panel's accumulators do not cover the latency
 * of a multiply-add. A strip is one panel's vectors and then the next one's. */
static LNSPI_ALWAYS void LV_F(linear_pair_tile)(const float *w, const LV_T(operands) *p,
                                                const int rows) {
  enum { NV = 8 * LV_G };
  const float *w2 = w + 64 * p->in, *x = p->x;
  LV_V c[32];
  LV_F(linear_load)(c, p, NV, rows);
  for (int64_t k = 0; k < p->in; k++, w += 64, w2 += 64) {
    LV_V xk[3];
    LNSPI_UNROLL
    for (int r = 0; r < rows; r++) xk[r] = LV_SET(x[r * p->ldx + k]);
    LNSPI_UNROLL
    for (int v = 0; v < NV; v++) {
      LV_V wv = LV_LOAD(v < NV / 2 ? w + v * LV_W : w2 + (v - NV / 2) * LV_W);
      LV_IN_REGISTER(wv);
      LNSPI_UNROLL
      for (int r = 0; r < rows; r++) c[r * NV + v] = LV_FMA(wv, xk[r], c[r * NV + v]);
    }
  }
  LV_F(linear_store)(c, p, NV, rows);
}
#endif

static void LV_F(linear)(const float *w, const float *bias, const float *x, int64_t ldx,
                         float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  int64_t round = lnspi_round16(out), o = 0;
  if (rows == 1) {
    LV_F(linear_one)(w, bias, x, y, in, out);
    return;
  }
#if LV_LINEAR_TWO_PANELS
  for (; rows <= 3 && round - o >= 128; o += 128) {
    const LV_T(operands) p = {bias ? bias + o : LV_F(zeros), x, y + o, 0, ldx, ldy, in};
    if (rows == 2) LV_F(linear_pair_tile)(w + o * in, &p, 2);
    if (rows == 3) LV_F(linear_pair_tile)(w + o * in, &p, 3);
  }
#endif
  for (; o < round; o += 64) {
    int64_t lanes = round - o < 64 ? round - o : 64, k = 0;
    const float *ahead = w + (o + lanes) * in, *end = w + round * in;
    if (rows < 16 || ahead >= end)
      ahead = NULL;
    else if (end > ahead + 64 * in)
      end = ahead + 64 * in;
    do { /* once even without inputs: y is the bias then */
      int64_t kn = in - k < LV_LINEAR_INPUTS ? in - k : LV_LINEAR_INPUTS;
      const float *start = k ? y + o : bias ? bias + o : LV_F(zeros);
      const LV_T(operands) p = {start, x + k, y + o, k ? ldy : 0, ldx, ldy, kn};
      LV_F(linear_panel)(w + o * in + k * lanes, lanes, &p, &ahead, end, rows);
      k += kn;
    } while (k < in);
  }
}

/*
 * Template: the kernels for weights in bfloat16 and float16 (lowp.h), after vector.h.
 *
 * Weights are widened to floats, exactly, and then enter the same sums in the same order as
 * float32 weights: the result is that of the float32 kernels on the widened matrix. With few
 * rows they are widened in registers, on the way. With more rows a block of a panel is
 * widened to the stack once, and the float kernels of matrix.h read it from the cache.
 *
 * The unit is a pair of vectors: lanes l.. and l+16.. of a group of 32, because a 32-bit load
 * of bfloat16 holds one of each, which a shift and a mask separate. The last group of a
 * matrix may have 16 lanes (both = 0); then the second is left out.
 *
 * In terms of the macros of README.md, among them
 *   LV_HALF(p)            LV_W float16 at p, widened
 *   LV_HALF_PANELS_ROW_1  linear, one row: panels side by side
 */
#include "kernels/kernels.h"
#include "kernels/lowp.h"

#define LV_G (16 / LV_W) /* pairs of a group */
#define LV_BF16 0
#define LV_F16 1

/* Pair v from the start of a group on. */
static LNSPI_ALWAYS void LV_F(widen)(const int type, const uint16_t *group, int v, LV_V *low,
                                     LV_V *high) {
  group += v / LV_G * 32;
  v = v % LV_G * LV_W;
  if (type == LV_F16) {
    *low = LV_HALF(group + v);
    *high = LV_HALF(group + v + 16);
  } else {
    LV_I words = LV_LOADI(group + 2 * v);
    *low = LV_FLOAT(LV_ISHL(words, 16));
    *high = LV_FLOAT(LV_IAND(words, LV_ISET(-65536)));
  }
}

/* Where the halves of pair v are among the outputs. */
#define LV_LOW(v) ((v) / LV_G * 32 + (v) % LV_G * LV_W)

/* ---- linear ---- */

/* One row of np pairs, from start on (NULL: zeros); those of each panel follow a panel
 * of `inputs` inputs. An input of a panel takes step halves. */
static LNSPI_ALWAYS void LV_F(pair_row)(const int type, const uint16_t *w, int64_t step,
                                        const float *start, const LV_T(inputs) *in, float *y,
                                        int64_t inputs, const int np, const int both) {
  LV_V a[8], b[8];
  LNSPI_UNROLL
  for (int v = 0; v < np; v++) {
    a[v] = start ? LV_LOAD(start + LV_LOW(v)) : LV_SET(0.0f);
    b[v] = start && both ? LV_LOAD(start + LV_LOW(v) + 16) : LV_SET(0.0f);
  }
  for (int64_t i = 0; i < in->count; i++) {
    const uint16_t *wk = w + (int64_t)in->k[i] * step;
    LV_V xk = LV_SET(in->x[i]);
    LNSPI_UNROLL
    for (int v = 0; v < np; v++) {
      LV_V low, high;
      LV_F(widen)(type, wk + v / (2 * LV_G) * 64 * inputs, v % (2 * LV_G), &low, &high);
      a[v] = LV_FMA(low, xk, a[v]);
      if (both) b[v] = LV_FMA(high, xk, b[v]);
    }
  }
  LNSPI_UNROLL
  for (int v = 0; v < np; v++) {
    LV_STORE(y + LV_LOW(v), a[v]);
    if (both) LV_STORE(y + LV_LOW(v) + 16, b[v]);
  }
}

/* All outputs of the inputs that were picked from k on. */
static LNSPI_ALWAYS void LV_F(pair_outputs)(const int type, const uint16_t *w, int64_t k,
                                            const float *start, const LV_T(inputs) *in,
                                            float *y, int64_t inputs, int64_t round) {
  int64_t step;
  for (int64_t o = 0; o < round; o += step) {
    const int64_t halves = round - o / 64 * 64 > 32 ? 64 : 32;
    const uint16_t *wo = w + o / 64 * 64 * inputs + o % 64 + k * halves;
    const float *from = start ? start + o : NULL;
    step = 64;
    if (LV_HALF_PANELS_ROW_1 > 1 && round - o >= 64 * LV_HALF_PANELS_ROW_1) {
      LV_F(pair_row)(type, wo, 64, from, in, y + o, inputs, 2 * LV_G * LV_HALF_PANELS_ROW_1, 1);
      step = 64 * LV_HALF_PANELS_ROW_1;
    } else if (round - o >= 64) {
      LV_F(pair_row)(type, wo, 64, from, in, y + o, inputs, 2 * LV_G, 1);
    } else {
      if (round - o >= 32)
        LV_F(pair_row)(type, wo, halves, from, in, y + o, inputs, LV_G, 1);
      else
        LV_F(pair_row)(type, wo, halves, from, in, y + o, inputs, LV_G, 0);
      step = 32;
    }
  }
}

/* One row: see sparse_inputs.h. */
static LNSPI_ALWAYS void LV_F(pair_one)(const int type, const uint16_t *w, const float *bias,
                                        const float *x, float *y, int64_t in, int64_t out) {
  const int64_t round = lnspi_round16(out);
  LV_T(inputs) some;
  for (int all = 0; all < 2; all++) {
    int64_t k = 0, count = 0;
    do { /* once even without inputs: y is the bias then */
      LV_F(pick)(&some, x + k, in - k < 512 ? in - k : 512, all);
      LV_F(pair_outputs)(type, w, k, k ? y : bias, &some, y, in, round);
      count += some.count;
      k += 512;
    } while (k < in);
    if (count == in || !LV_F(minus_zero)(y, round)) return;
  }
}

/* linear: inputs of a panel that are widened at a time, 16 KiB on the stack and within
 * the first level cache; linear_dx: weights. */
enum { LV_F(WIDE) = 64, LV_F(WIDE_DX) = 8192 };

/* kn inputs of a panel, from w on, in float32. */
static LNSPI_ALWAYS void LV_F(pair_block)(const int type, const uint16_t *w, float *wide,
                                          int64_t lanes, int64_t kn) {
  int64_t step = lanes > 32 ? 64 : 32;
  for (int64_t k = 0; k < kn; k++, w += step, wide += lanes)
    for (int64_t l = 0; l < lanes; l += 32) {
      LNSPI_UNROLL
      for (int v = 0; v < LV_G; v++) {
        LV_V low, high;
        LV_F(widen)(type, w + l, v, &low, &high);
        LV_STORE(wide + l + v * LV_W, low);
        if (lanes - l >= 32) LV_STORE(wide + l + v * LV_W + 16, high);
      }
    }
}

/* From some rows on, inputs are widened once for all of them and then go the way of
 * float32: two where the weights come from afar, four from the second level cache. */
static LNSPI_ALWAYS void LV_F(pair_linear)(const int type, const void *weights,
                                           const float *bias, const float *x, int64_t ldx,
                                           float *y, int64_t ldy, int64_t rows, int64_t in,
                                           int64_t out) {
  const uint16_t *w = weights;
  float wide[LV_F(WIDE) * 64];
  int64_t round = lnspi_round16(out);
  if (rows < (in * round < 1 << 19 ? 4 : 2)) {
    for (int64_t r = 0; r < rows; r++)
      LV_F(pair_one)(type, w, bias, x + r * ldx, y + r * ldy, in, out);
    return;
  }
  const float *none = NULL; /* nothing to fetch ahead */
  for (int64_t o = 0; o < round; o += 64) {
    int64_t lanes = round - o < 64 ? round - o : 64, step = lanes > 32 ? 64 : 32, k = 0;
    do { /* once even without inputs: y is the bias then */
      int64_t kn = in - k < LV_F(WIDE) ? in - k : LV_F(WIDE);
      const float *start = k ? y + o : bias ? bias + o : LV_F(zeros);
      LV_F(pair_block)(type, w + o * in + k * step, wide, lanes, kn);
      const LV_T(operands) p = {start, x + k, y + o, k ? ldy : 0, ldx, ldy, kn};
      LV_F(linear_panel)(wide, lanes, &p, &none, NULL, rows);
      k += kn;
    } while (k < in);
  }
}

static void LV_F(linear_bf16)(const void *w, const float *bias, const float *x, int64_t ldx,
                              float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  LV_F(pair_linear)(LV_BF16, w, bias, x, ldx, y, ldy, rows, in, out);
}

static void LV_F(linear_f16)(const void *w, const float *bias, const float *x, int64_t ldx,
                             float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  LV_F(pair_linear)(LV_F16, w, bias, x, ldx, y, ldy, rows, in, out);
}

/* ---- linear_dx ---- */

/* Partial sums of kt inputs and rt rows into p[r][k][16], as in matrix_backward.h. */
static LNSPI_ALWAYS void LV_F(pair_dx_tile)(const uint16_t *w, const float *d, int64_t ldd,
                                            float *p, int64_t k0, int64_t in, int64_t round,
                                            const int kt, const int rt) {
  for (int h = 0; h < LV_G; h++) {
    LV_V c[16];
    LNSPI_UNROLL
    for (int i = 0; i < kt * rt; i++) c[i] = LV_SET(0.0f);
    for (int64_t o = 0; o < round; o += 32) {
      int64_t step = round - o / 64 * 64 > 32 ? 64 : 32;
      const uint16_t *wk = w + o / 64 * 64 * in + o % 64 + k0 * step;
      const float *dr = d + o + h * LV_W;
      LV_V low, high[8];
      LNSPI_UNROLL
      for (int k = 0; k < kt; k++) {
        LV_F(widen)(LV_BF16, wk + k * step, h, &low, &high[k]);
        LNSPI_UNROLL
        for (int r = 0; r < rt; r++)
          c[r * kt + k] = LV_FMA(low, LV_LOAD(dr + r * ldd), c[r * kt + k]);
      }
      if (round - o < 32) break;
      LNSPI_UNROLL
      for (int k = 0; k < kt; k++) {
        LNSPI_UNROLL
        for (int r = 0; r < rt; r++)
          c[r * kt + k] = LV_FMA(high[k], LV_LOAD(dr + r * ldd + 16), c[r * kt + k]);
      }
    }
    LNSPI_UNROLL
    for (int r = 0; r < rt; r++) {
      LNSPI_UNROLL
      for (int k = 0; k < kt; k++) LV_STORE(p + 256 * r + 16 * k + h * LV_W, c[r * kt + k]);
    }
  }
}

static LNSPI_NOINLINE void LV_F(pair_dx_single)(const uint16_t *w, const float *d, float *p,
                                                int64_t k, int64_t in, int64_t round) {
  LV_F(pair_dx_tile)(w, d, 0, p, k, in, round, 1, 1);
}

static LNSPI_NOINLINE void LV_F(pair_dx_finish)(float *p, float *dx, int64_t kn) {
  float t[16];
  for (int64_t i = 16 * kn; i < 256; i++) p[i] = 0;
  LV_F(trees)(p, t);
  memcpy(dx, t, (size_t)kn * sizeof t[0]);
}

/* kn <= 16 inputs from k0 on of rt rows; the last few inputs one by one. */
static LNSPI_ALWAYS void LV_F(pair_dx_block)(const uint16_t *w, const float *d, int64_t ldd,
                                             float *dx, int64_t lddx, int64_t k0, int64_t kn,
                                             int64_t in, int64_t round, const int kt,
                                             const int rt) {
  float p[2 * 16 * 16];
  int64_t k = 0;
  for (; k + kt <= kn; k += kt)
    LV_F(pair_dx_tile)(w, d, ldd, p + 16 * k, k0 + k, in, round, kt, rt);
  for (; k < kn; k++)
    for (int r = 0; r < rt; r++)
      LV_F(pair_dx_single)(w, d + r * ldd, p + 256 * r + 16 * k, k0 + k, in, round);
  for (int r = 0; r < rt; r++) LV_F(pair_dx_finish)(p + 256 * r, dx + r * lddx + k0, kn);
}

/* From six rows on, as many inputs as there is room for are widened once for all rows
 * and then go the way of float32. */
static LNSPI_NOINLINE void LV_F(pair_dx_wide)(const uint16_t *w, const float *d, int64_t ldd,
                                              float *dx, int64_t lddx, int64_t rows, int64_t in,
                                              int64_t out) {
  float wide[LV_F(WIDE_DX)];
  const int64_t round = lnspi_round16(out), most = LV_F(WIDE_DX) / round / 4 * 4;
  for (int64_t k = 0; k < in; k += most) {
    int64_t kn = in - k < most ? in - k : most;
    for (int64_t o = 0; o < round; o += 64) {
      int64_t lanes = round - o < 64 ? round - o : 64, step = lanes > 32 ? 64 : 32;
      LV_F(pair_block)(LV_BF16, w + o * in + k * step, wide + o * kn, lanes, kn);
    }
    LV_F(linear_dx)(wide, d, ldd, dx + k, lddx, rows, kn, out, 0, kn, 0);
  }
}

static void LV_F(linear_dx_bf16)(const void *w, const float *d, int64_t ldd, float *dx,
                                 int64_t lddx, int64_t rows, int64_t in, int64_t out, int pad) {
  const int64_t round = lnspi_round16(out);
  int64_t r;
  if (rows >= 6 && 4 * round <= LV_F(WIDE_DX)) {
    LV_F(pair_dx_wide)(w, d, ldd, dx, lddx, rows, in, out);
  } else {
    for (int64_t k = 0; k < in; k += 16) {
      int64_t kn = in - k < 16 ? in - k : 16;
      for (r = 0; r + 2 <= rows; r += 2)
        LV_F(pair_dx_block)(w, d + r * ldd, ldd, dx + r * lddx, lddx, k, kn, in, round, 4, 2);
      if (r < rows) LV_F(pair_dx_block)
      (w, d + r * ldd, ldd, dx + r * lddx, lddx, k, kn, in, round, LV_REGISTERS > 16 ? 8 : 4,
       1);
    }
  }
  size_t pads = pad ? (size_t)(lnspi_round16(in) - in) : 0;
  if (pads == 0) return;
  for (r = 0; r < rows; r++) memset(dx + r * lddx + in, 0, pads * sizeof dx[0]);
}

#undef LV_G
#undef LV_BF16
#undef LV_F16
#undef LV_LOW

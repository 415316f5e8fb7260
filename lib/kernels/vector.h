/*
 * Template: all kernels of a vector instruction set, in terms of the LV_ macros
 * (meaning: see scalar.c). Besides those of elementwise.h it needs
 *   LV_IXOR, LV_IMAX     integers, signed maximum
 *   LV_ROWS, LV_STRIP    linear: rows and vectors of a register tile; the strip
 *                        divides 64 lanes, and 16-lane tails are done by themselves
 *   LV_BLOCK             linear: inputs at a time, so that a strip stays in L1
 *   LV_DX_ROWS           linear_dx: rows of a tile (times 4 inputs)
 *   LV_F(trees)(p, t)    t[i] = tree of p[16*i .. 16*i+15], i < 16
 *   LV_F(linear_panels)  one row by full panels; returns how many it did
 * The order of every sum is that of kernels.h; tile sizes change no bits.
 */
#include "kernels/elementwise.h"

#define LV_G (16 / LV_W) /* vectors of a 16-lane group */

static const float LV_F(zeros)[64] = {0};

/* ---- linear ---- */

/* nv vectors of outputs times a tile of rows: nv * rows accumulators, at most 24. */
static LNSPI_ALWAYS void LV_F(linear_tile)(const float *w, int64_t lanes, const float *start,
                                           int64_t ld_start, const float *x, int64_t ldx,
                                           float *y, int64_t ldy, int64_t in, const int nv,
                                           const int rows) {
  LV_V c[24];
  LNSPI_UNROLL
  for (int r = 0; r < rows; r++) {
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) c[r * nv + v] = LV_LOAD(start + r * ld_start + v * LV_W);
  }
  for (int64_t k = 0; k < in; k++, w += lanes) {
    LV_V wv[16];
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) wv[v] = LV_LOAD(w + v * LV_W);
    LNSPI_UNROLL
    for (int r = 0; r < rows; r++) {
      LV_V xr = LV_SET(x[r * ldx + k]);
      LNSPI_UNROLL
      for (int v = 0; v < nv; v++) c[r * nv + v] = LV_FMA(wv[v], xr, c[r * nv + v]);
    }
  }
  LNSPI_UNROLL
  for (int r = 0; r < rows; r++) {
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) LV_STORE(y + r * ldy + v * LV_W, c[r * nv + v]);
  }
}

/* All rows of a strip. Seven and eight rows are halved: no thin tail. */
static LNSPI_ALWAYS void LV_F(linear_rows)(const float *w, int64_t lanes, const float *start,
                                           int64_t ld_start, const float *x, int64_t ldx,
                                           float *y, int64_t ldy, int64_t rows, int64_t in,
                                           const int nv) {
#define LV_TILE(n)                                                                    \
  do {                                                                                \
    LV_F(linear_tile)(w, lanes, start, ld_start, x, ldx, y, ldy, in, nv, n);          \
    start += n * ld_start, x += n * ldx, y += n * ldy, rows -= n;                     \
  } while (0)
  while (rows > 8 || rows == 6) LV_TILE(6);
  if (rows >= 7) LV_TILE(4);
  switch (rows) {
    case 5: LV_TILE(5); break;
    case 4: LV_TILE(4); break;
    case 3: LV_TILE(3); break;
    case 2: LV_TILE(2); break;
    case 1: LV_TILE(1); break;
  }
#undef LV_TILE
}

/* One row of one panel. */
static inline void LV_F(linear_panel)(const float *w, int64_t lanes, const float *start,
                                      const float *x, float *y, int64_t in) {
  switch (lanes) {
    case 64: LV_F(linear_tile)(w, 64, start, 0, x, 0, y, 0, in, 4 * LV_G, 1); break;
    case 48: LV_F(linear_tile)(w, 48, start, 0, x, 0, y, 0, in, 3 * LV_G, 1); break;
    case 32: LV_F(linear_tile)(w, 32, start, 0, x, 0, y, 0, in, 2 * LV_G, 1); break;
    default: LV_F(linear_tile)(w, 16, start, 0, x, 0, y, 0, in, LV_G, 1); break;
  }
}

static int64_t LV_F(linear_panels)(const float *w, const float *bias, const float *x, float *y,
                                   int64_t in, int64_t panels);

static void LV_F(linear_one)(const float *w, const float *bias, const float *x, float *y,
                             int64_t in, int64_t out) {
  int64_t r = lnspi_round16(out);
  for (int64_t o = 64 * LV_F(linear_panels)(w, bias, x, y, in, r / 64); o < r; o += 64)
    LV_F(linear_panel)(w + o * in, r - o < 64 ? r - o : 64, bias ? bias + o : LV_F(zeros), x,
                       y + o, in);
}

/* All rows of a panel, or of some inputs of it. */
static LNSPI_NOINLINE void LV_F(linear_block)(const float *w, int64_t lanes,
                                              const float *start, int64_t ld_start,
                                              const float *x, int64_t ldx, float *y,
                                              int64_t ldy, int64_t rows, int64_t in) {
  for (int64_t l = 0; l < lanes;) {
    const float *wl = w + l, *from = start + l;
    if (lanes == 64) {
      LV_F(linear_rows)(wl, 64, from, ld_start, x, ldx, y + l, ldy, rows, in, LV_STRIP);
      l += LV_STRIP * LV_W;
    } else if (LV_STRIP > 2 * LV_G && lanes - l >= 32) {
      LV_F(linear_rows)(wl, lanes, from, ld_start, x, ldx, y + l, ldy, rows, in, 2 * LV_G);
      l += 32;
    } else {
      LV_F(linear_rows)(wl, lanes, from, ld_start, x, ldx, y + l, ldy, rows, in, LV_G);
      l += 16;
    }
  }
}

static void LV_F(linear)(const float *w, const float *bias, const float *x, int64_t ldx,
                         float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  if (rows == 1) {
    LV_F(linear_one)(w, bias, x, y, in, out);
    return;
  }
  int64_t round = lnspi_round16(out);
  for (int64_t o = 0; o < round; o += 64) {
    int64_t lanes = round - o < 64 ? round - o : 64;
    int64_t k = 0;
    do { /* once even without inputs: y is the bias then */
      int64_t kn = in - k < LV_BLOCK ? in - k : LV_BLOCK;
      const float *start = k ? y + o : bias ? bias + o : LV_F(zeros);
      LV_F(linear_block)(w + o * in + k * lanes, lanes, start, k ? ldy : 0, x + k, ldx, y + o,
                         ldy, rows, kn);
      k += kn;
    } while (k < in);
  }
}

/* ---- linear_dx ---- */

/* Partial sums of kt inputs and rt rows, at most 12 or 16 (LV_DX_ROWS) at a time,
 * into p[r][k][16]. A narrow vector takes the 16 lanes in several passes. */
static LNSPI_ALWAYS void LV_F(dx_tile)(const float *w, const float *d, int64_t ldd, float *p,
                                       int64_t k0, int64_t in, int64_t out, const int kt,
                                       const int rt) {
  int64_t round = lnspi_round16(out);
  for (int h = 0; h < LV_G; h++) {
    LV_V c[16];
    LNSPI_UNROLL
    for (int i = 0; i < kt * rt; i++) c[i] = LV_SET(0.0f);
    for (int64_t o = 0; o < round; o += 64) {
      int64_t lanes = round - o < 64 ? round - o : 64;
      const float *wk = w + o * in + k0 * lanes + h * LV_W;
      const float *dr = d + o + h * LV_W;
      for (int64_t l = 0; l < lanes; l += 16) {
        LV_V dv[4];
        LNSPI_UNROLL
        for (int r = 0; r < rt; r++) dv[r] = LV_LOAD(dr + r * ldd + l);
        LNSPI_UNROLL
        for (int k = 0; k < kt; k++) {
          LV_V wv = LV_LOAD(wk + k * lanes + l);
          LNSPI_UNROLL
          for (int r = 0; r < rt; r++) c[r * kt + k] = LV_FMA(wv, dv[r], c[r * kt + k]);
        }
      }
    }
    LNSPI_UNROLL
    for (int r = 0; r < rt; r++) {
      LNSPI_UNROLL
      for (int k = 0; k < kt; k++) LV_STORE(p + 256 * r + 16 * k + h * LV_W, c[r * kt + k]);
    }
  }
}

/* kn <= 16 inputs from k0 on of rt rows. */
static LNSPI_ALWAYS void LV_F(dx_block)(const float *w, const float *d, int64_t ldd, float *dx,
                                        int64_t lddx, int64_t k0, int64_t kn, int64_t in,
                                        int64_t out, const int rt) {
  float p[4 * 16 * 16], t[16];
  const int kt = rt == 1 ? 8 : 4;
  int64_t k = 0;
  for (; k + kt <= kn; k += kt)
    LV_F(dx_tile)(w, d, ldd, p + 16 * k, k0 + k, in, out, kt, rt);
  for (; k < kn; k++) LV_F(dx_tile)(w, d, ldd, p + 16 * k, k0 + k, in, out, 1, rt);
  for (int r = 0; r < rt; r++) {
    for (int64_t i = 16 * kn; i < 256; i++) p[256 * r + i] = 0;
    LV_F(trees)(p + 256 * r, t);
    memcpy(dx + r * lddx + k0, t, (size_t)kn * sizeof t[0]);
  }
}

static void LV_F(linear_dx)(const float *w, const float *d, int64_t ldd, float *dx,
                            int64_t lddx, int64_t rows, int64_t in, int64_t out, int pad) {
  for (int64_t k = 0; k < in; k += 16) {
    int64_t kn = in - k < 16 ? in - k : 16;
    for (int64_t r = 0; r < rows;) {
      const float *dr = d + r * ldd;
      float *to = dx + r * lddx;
      int64_t left = rows - r;
      if (left >= LV_DX_ROWS && left != LV_DX_ROWS + 1) {
        LV_F(dx_block)(w, dr, ldd, to, lddx, k, kn, in, out, LV_DX_ROWS);
        r += LV_DX_ROWS;
      } else if (left >= 2) {
        LV_F(dx_block)(w, dr, ldd, to, lddx, k, kn, in, out, 2);
        r += 2;
      } else {
        LV_F(dx_block)(w, dr, ldd, to, lddx, k, kn, in, out, 1);
        r += 1;
      }
    }
  }
  int64_t pads = pad ? lnspi_round16(in) - in : 0;
  for (int64_t r = 0; r < rows && pads; r++)
    memset(dx + r * lddx + in, 0, (size_t)pads * sizeof dx[0]);
}

/* ---- grad_strip ---- */

static LNSPI_ALWAYS void LV_F(grad_tile)(float *g, int64_t lanes, const float *d, int64_t ldd,
                                         const float *x, int64_t ldx, int64_t rows, int add,
                                         const int nv, const int kt) {
  LV_V c[24];
  LNSPI_UNROLL
  for (int k = 0; k < kt; k++) {
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++)
      c[k * nv + v] = add ? LV_LOAD(g + k * lanes + v * LV_W) : LV_SET(0.0f);
  }
  for (int64_t r = 0; r < rows; r++, d += ldd, x += ldx) {
    LV_V dv[8];
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) dv[v] = LV_LOAD(d + v * LV_W);
    LNSPI_UNROLL
    for (int k = 0; k < kt; k++) {
      LV_V xk = LV_SET(x[k]);
      LNSPI_UNROLL
      for (int v = 0; v < nv; v++) c[k * nv + v] = LV_FMA(dv[v], xk, c[k * nv + v]);
    }
  }
  LNSPI_UNROLL
  for (int k = 0; k < kt; k++) {
    LNSPI_UNROLL
    for (int v = 0; v < nv; v++) LV_STORE(g + k * lanes + v * LV_W, c[k * nv + v]);
  }
}

static LNSPI_ALWAYS void LV_F(grad_lanes)(float *g, int64_t lanes, const float *d, int64_t ldd,
                                          const float *x, int64_t ldx, int64_t rows,
                                          int64_t kn, int add, const int nv) {
  int64_t k = 0;
  for (; k + 6 <= kn; k += 6)
    LV_F(grad_tile)(g + k * lanes, lanes, d, ldd, x + k, ldx, rows, add, nv, 6);
  for (; k < kn; k++)
    LV_F(grad_tile)(g + k * lanes, lanes, d, ldd, x + k, ldx, rows, add, nv, 1);
}

static void LV_F(grad_strip)(float *g, int64_t lanes, const float *d, int64_t ldd,
                             const float *x, int64_t ldx, int64_t rows, int64_t kn, int add) {
  int64_t l = 0;
  if (LV_G == 1 && lanes == 64) {
    LV_F(grad_lanes)(g, 64, d, ldd, x, ldx, rows, kn, add, 4 * (LV_G == 1));
    return;
  }
  for (; LV_G == 1 && l + 32 <= lanes; l += 32)
    LV_F(grad_lanes)(g + l, lanes, d + l, ldd, x, ldx, rows, kn, add, 2 * (LV_G == 1));
  for (; l < lanes; l += 16)
    LV_F(grad_lanes)(g + l, lanes, d + l, ldd, x, ldx, rows, kn, add, LV_G);
}

/* ---- sums: 16 lanes in LV_G vectors, then the tree ---- */

static float LV_F(tree)(const LV_V *v) {
  float p[16], s[8], t[4];
  for (int h = 0; h < LV_G; h++) LV_STORE(p + h * LV_W, v[h]);
  for (int i = 0; i < 8; i++) s[i] = p[i] + p[i + 8];
  for (int i = 0; i < 4; i++) t[i] = s[i] + s[i + 4];
  return (t[0] + t[2]) + (t[1] + t[3]);
}

/* The vector at i of n elements, zeros beyond them. */
static inline LV_V LV_F(at)(const float *x, int64_t i, int64_t n) {
  if (i + LV_W <= n) return LV_LOAD(x + i);
  return i < n ? LV_LOADN(x + i, n - i) : LV_SET(0.0f);
}

/* v with zeros in place of the elements that are not there. */
static inline LV_V LV_F(only)(LV_V v, int64_t i, int64_t n) {
  float part[LV_W] = {0};
  if (i + LV_W <= n) return v;
  if (i < n) LV_STOREN(part, n - i, v);
  return LV_LOAD(part);
}

#define LV_SUM_START(p)      \
  LV_V p[LV_G];              \
  LNSPI_UNROLL               \
  for (int h = 0; h < LV_G; h++) p[h] = LV_SET(0.0f)

/* for (each vector of each group): j is its index, h its place in the group */
#define LV_SUM_LOOP(n)                     \
  for (int64_t i = 0; i < (n); i += 16)    \
    LNSPI_UNROLL                           \
    for (int h = 0; h < LV_G; h++)

static float LV_F(sum)(const float *x, int64_t n) {
  LV_SUM_START(p);
  LV_SUM_LOOP(n) p[h] = LV_ADD(p[h], LV_F(at)(x, i + h * LV_W, n));
  return LV_F(tree)(p);
}

static float LV_F(dot)(const float *a, const float *b, int64_t n) {
  LV_SUM_START(p);
  LV_SUM_LOOP(n) {
    int64_t j = i + h * LV_W;
    p[h] = LV_FMA(LV_F(at)(a, j, n), LV_F(at)(b, j, n), p[h]);
  }
  return LV_F(tree)(p);
}

static float LV_F(diff2)(const float *a, const float *b, int64_t n) {
  LV_SUM_START(p);
  LV_SUM_LOOP(n) {
    int64_t j = i + h * LV_W;
    LV_V t = LV_SUB(LV_F(at)(a, j, n), LV_F(at)(b, j, n));
    p[h] = LV_FMA(t, t, p[h]);
  }
  return LV_F(tree)(p);
}

static int32_t LV_F(top_lane)(LV_I v) {
  float part[LV_W];
  int32_t top = INT32_MIN;
  LV_STORE(part, LV_FLOAT(v));
  for (int l = 0; l < LV_W; l++) {
    int32_t lane;
    memcpy(&lane, part + l, 4);
    if (lane > top) top = lane;
  }
  return top;
}

/* As integers, magnitudes order like floats, with infinity and then NaN on top. */
static uint32_t LV_F(top)(const float *x, int64_t n) {
  LV_I top = LV_ISET(0);
  for (int64_t i = 0; i < n; i += LV_W)
    top = LV_IMAX(top, LV_IAND(LV_BITS(LV_F(at)(x, i, n)), LV_ISET(0x7fffffff)));
  return (uint32_t)LV_F(top_lane)(top);
}

static float LV_F(max_abs)(const float *x, int64_t n) {
  return lnspi_bits_float(LV_F(top)(x, n));
}

static int LV_F(finite)(const float *x, int64_t n) {
  return LV_F(top)(x, n) < 0x7f800000u;
}

/* With the lower 31 bits of negative floats inverted, integers order like floats
 * (and -0 lies below +0). The last vector may overlap the one before. */
static float LV_F(maximum)(const float *x, int64_t n) {
  if (n < LV_W) return lnspi_kernels_scalar.maximum(x, n);
  LV_I key = LV_ISET(INT32_MIN), top = LV_ISET(0);
  const LV_I low = LV_ISET(0x7fffffff);
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_I u = LV_BITS(LV_LOAD(x + (i + LV_W <= n ? i : n - LV_W)));
    key = LV_IMAX(key, LV_IXOR(u, LV_IAND(LV_ISAR(u, 31), low)));
    top = LV_IMAX(top, LV_IAND(u, low));
  }
  if (LV_F(top_lane)(top) > 0x7f800000) return lnspi_bits_float(0x7fc00000u);
  int32_t k = LV_F(top_lane)(key);
  return lnspi_bits_float(k < 0 ? (uint32_t)k ^ 0x7fffffffu : (uint32_t)k);
}

/* ---- softmax, layernorm, unit ---- */

static void LV_F(softmax)(float *y, const float *x, int64_t n) {
  if (n <= 0) return;
  const LV_V top = LV_SET(LV_F(maximum)(x, n));
  LV_SUM_START(p);
  LV_SUM_LOOP(n) {
    int64_t j = i + h * LV_W;
    LV_V e = LV_F(exp)(LV_SUB(LV_F(at)(x, j, n), top));
    p[h] = LV_ADD(p[h], LV_F(only)(e, j, n));
    if (j < n) LV_F(put)(y + j, n - j, e);
  }
  const LV_V s = LV_SET(LV_F(tree)(p));
  for (int64_t i = 0; i < n; i += LV_W)
    LV_F(put)(y + i, n - i, LV_DIV(LV_F(get)(y + i, n - i), s));
}

static void LV_F(softmax_dx)(float *dx, const float *dy, const float *y, int64_t n) {
  const LV_V s = LV_SET(LV_F(dot)(dy, y, n));
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_V t = LV_SUB(LV_F(get)(dy + i, n - i), s);
    LV_F(put)(dx + i, n - i, LV_MUL(LV_F(get)(y + i, n - i), t));
  }
}

static void LV_F(layernorm)(float *y, const float *x, const float *w, const float *b,
                            int64_t n, float eps, float *stats) {
  float mean = LV_F(sum)(x, n) / (float)n;
  const LV_V meanv = LV_SET(mean);
  LV_SUM_START(p);
  LV_SUM_LOOP(n) {
    int64_t j = i + h * LV_W;
    LV_V t = LV_F(only)(LV_SUB(LV_F(at)(x, j, n), meanv), j, n);
    p[h] = LV_FMA(t, t, p[h]);
  }
  float variance = LV_F(tree)(p) / (float)n;
  float rstd = 1.0f / sqrtf(variance + eps);
  const LV_V rstdv = LV_SET(rstd);
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_V h = LV_MUL(LV_SUB(LV_F(get)(x + i, n - i), meanv), rstdv);
    if (w) h = LV_FMA(h, LV_F(get)(w + i, n - i), LV_F(get)(b + i, n - i));
    LV_F(put)(y + i, n - i, h);
  }
  stats[0] = mean;
  stats[1] = rstd;
}

static void LV_F(layernorm_dx)(float *dx, const float *dy, const float *x, const float *w,
                               const float *stats, int64_t n, float *gw, float *gb) {
  const LV_V mean = LV_SET(stats[0]), rstd = LV_SET(stats[1]);
  LV_SUM_START(pa);
  LV_SUM_START(pc);
  LV_SUM_LOOP(n) {
    int64_t j = i + h * LV_W;
    LV_V z = LV_MUL(LV_SUB(LV_F(at)(x, j, n), mean), rstd);
    LV_V dyj = LV_F(at)(dy, j, n);
    LV_V u = w ? LV_MUL(dyj, LV_F(at)(w, j, n)) : dyj;
    pa[h] = LV_ADD(pa[h], u);
    pc[h] = LV_FMA(u, LV_F(only)(z, j, n), pc[h]);
    if (gw && j < n) {
      LV_F(put)(gw + j, n - j, LV_FMA(dyj, z, LV_F(get)(gw + j, n - j)));
      LV_F(put)(gb + j, n - j, LV_ADD(LV_F(get)(gb + j, n - j), dyj));
    }
  }
  if (!dx) return;
  const LV_V a = LV_SET(LV_F(tree)(pa) / (float)n), c = LV_SET(LV_F(tree)(pc) / (float)n);
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_V z = LV_MUL(LV_SUB(LV_F(get)(x + i, n - i), mean), rstd);
    LV_V u = LV_F(get)(dy + i, n - i);
    if (w) u = LV_MUL(u, LV_F(get)(w + i, n - i));
    LV_F(put)(dx + i, n - i, LV_MUL(rstd, LV_SUB(LV_FMA(LV_NEG(z), c, u), a)));
  }
}

static float LV_F(unit)(float *y, const float *x, int64_t n, float eps) {
  float s = sqrtf(LV_F(dot)(x, x, n));
  float m = s > eps ? s : eps;
  for (int64_t i = 0; i < n; i += LV_W)
    LV_F(put)(y + i, n - i, LV_DIV(LV_F(get)(x + i, n - i), LV_SET(m)));
  return m;
}

static void LV_F(unit_dx)(float *dx, const float *dy, const float *y, float m, int64_t n,
                          float eps) {
  const int inside = m > eps;
  const LV_V s = LV_SET(inside ? LV_F(dot)(dy, y, n) : 0.0f);
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_V t = LV_F(get)(dy + i, n - i);
    if (inside) t = LV_FMA(LV_NEG(LV_F(get)(y + i, n - i)), s, t);
    LV_F(put)(dx + i, n - i, LV_DIV(t, LV_SET(m)));
  }
}

#undef LV_G
#undef LV_SUM_START
#undef LV_SUM_LOOP

/* Template: all kernels of a vector instruction set, in terms of the LV_ macros (README.md of
 * this folder has their meaning). Sums and dot products are here, the others in the templates
 * that it includes.
 *
 * A sum has 16 partial sums, of elements 0, 16, 32, ..., of 1, 17, 33, ..., and so on, which
 * are then added as a tree: halves, quarters, eighths. A set with vectors of 4, 8 or 16 lanes
 * keeps them in 4, 2 or 1 registers (LV_G), so its width changes nothing in the order and
 * hence no bit. Elements beyond the end count as +0. */
#include "kernels/elementwise.h"
#include "kernels/sparse_inputs.h"
#include "kernels/matrix.h"
#include "kernels/matrix_backward.h"

#include "base/bytes.h"
#include "kernels/kernels.h"

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

#define LV_SUM_START(p) \
  LV_V p[LV_G];         \
  LNSPI_UNROLL          \
  for (int h = 0; h < LV_G; h++) p[h] = LV_SET(0.0f)

/* for (each vector of each group): j is its index, h its place in the group */
#define LV_SUM_LOOP(n)                               \
  for (int64_t i = 0; i < (n); i += 16) LNSPI_UNROLL \
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
  const uint32_t bits = LV_F(top)(x, n);
  return lnspi_bits_float(bits);
}

static int LV_F(finite)(const float *x, int64_t n) { return LV_F(top)(x, n) < 0x7f800000u; }

/* With the lower 31 bits of negative floats inverted, integers order like floats
 * (and -0 is below +0). The last vector may overlap the one before. */
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

static void LV_F(layernorm)(float *y, const float *x, const float *w, const float *b, int64_t n,
                            float eps, float *stats) {
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
#undef LV_PREFETCH_FLOATS
#undef LV_SUM_START
#undef LV_SUM_LOOP

/* Template: the kernels that treat each element by itself, in terms of the LV_ macros.
 * Includes elementary.h. A step takes LV_W elements; the last step may have fewer, reads zeros
 * for those that are not there and does not write them. As no element looks at another one,
 * the width of a vector cannot change a bit; what can is the order of operations on one
 * element, and that is written down once, here. scalar.c includes this file with vectors of
 * one lane, so the reference and the vector sets run the same lines. */
#include "kernels/elementary.h"

#ifndef LV_SQRT_STEPS
#define LV_SQRT_STEPS LV_SQRT
#endif

static inline LV_V LV_F(get)(const float *p, int64_t left) {
  return left >= LV_W ? LV_LOAD(p) : LV_LOADN(p, left);
}

static inline void LV_F(put)(float *p, int64_t left, LV_V v) {
  if (left >= LV_W)
    LV_STORE(p, v);
  else
    LV_STOREN(p, left, v);
}

static inline LV_I LV_F(get16)(const uint16_t *p, int64_t left) {
  uint16_t part[LV_W] = {0};
  if (left >= LV_W) return LV_LOAD16(p);
  memcpy(part, p, (size_t)left * 2);
  return LV_LOAD16(part);
}

static inline void LV_F(put16)(uint16_t *p, int64_t left, LV_I v) {
  uint16_t part[LV_W];
  if (left >= LV_W) {
    LV_STORE16(p, v);
  } else {
    LV_STORE16(part, v);
    memcpy(p, part, (size_t)left * 2);
  }
}

#ifndef LV_FLUSH
#define LV_FLUSH(v) LV_CLEAR(LV_LT(LV_ABS(v), LV_SET(FLT_MIN)), v)
#endif

static inline LV_V LV_F(flushed)(LV_V v) { return LV_FLUSH(v); }

/* One vector of an update by g; steps: take the square root by LV_SQRT_STEPS. */
static LNSPI_ALWAYS void LV_F(adam_one)(float *w, float *m, float *v, LV_V g, int64_t left,
                                        const lnspi_adam *a, const int l2, const int steps) {
  LV_V wi = LV_F(get)(w, left);
  LV_V gi = LV_MUL(g, LV_SET(a->scale));
  if (l2) gi = LV_FMA(LV_SET(a->l2), wi, gi);
  LV_V mi = LV_FMA(LV_SET(a->beta1), LV_F(get)(m, left), LV_MUL(LV_SET(a->c1), gi));
  LV_V t = LV_MUL(LV_SET(a->s2), gi);
  LV_V vi = LV_FMA(t, t, LV_MUL(LV_SET(a->beta2), LV_F(get)(v, left)));
  mi = LV_F(flushed)(mi);
  vi = LV_F(flushed)(vi);
  LV_V root = steps ? LV_SQRT_STEPS(vi) : LV_SQRT(vi);
  LV_V d = LV_FMA(root, LV_SET(a->rsqrt_bc2), LV_SET(a->eps));
  wi = LV_FMA(LV_SET(-a->step), LV_DIV(mi, d), LV_MUL(wi, LV_SET(a->decay)));
  LV_F(put)(m, left, mi);
  LV_F(put)(v, left, vi);
  LV_F(put)(w, left, wi);
}

/* Every other square root is taken by multiplications where there are steps for it:
 * the divider, which is the narrowest part, then has less to do. */
static LNSPI_ALWAYS void LV_F(adam_loop)(float *w, float *m, float *v, const float *g,
                                         int64_t n, const lnspi_adam *a, const int l2) {
  int64_t i = 0;
  for (; i + 2 * LV_W <= n; i += 2 * LV_W) {
    const int64_t j = i + LV_W;
    LV_F(adam_one)(w + i, m + i, v + i, LV_LOAD(g + i), LV_W, a, l2, 0);
    LV_F(adam_one)(w + j, m + j, v + j, LV_LOAD(g + j), LV_W, a, l2, 1);
  }
  for (; i < n; i += LV_W)
    LV_F(adam_one)(w + i, m + i, v + i, LV_F(get)(g + i, n - i), n - i, a, l2, 0);
}

static void LV_F(adam)(float *w, float *m, float *v, const float *g, int64_t n,
                       const lnspi_adam *a) {
  const lnspi_adam copy = *a; /* w, m and v cannot alias it */
  if (copy.l2 != 0)
    LV_F(adam_loop)(w, m, v, g, n, &copy, 1);
  else
    LV_F(adam_loop)(w, m, v, g, n, &copy, 0);
}

static LNSPI_ALWAYS void LV_F(sgd_loop)(float *w, float *b, const float *g, int64_t n,
                                        const lnspi_sgd *a, int l2) {
  const LV_V lr = LV_SET(-a->lr), momentum = LV_SET(a->momentum);
  for (int64_t i = 0; i < n; i += LV_W) {
    int64_t left = n - i;
    LV_V wi = LV_F(get)(w + i, left);
    LV_V u = LV_MUL(LV_F(get)(g + i, left), LV_SET(a->scale));
    if (l2) u = LV_FMA(LV_SET(a->l2), wi, u);
    if (a->momentum != 0) {
      LV_V bi = u;
      if (!a->first) {
        bi = LV_MUL(LV_SET(a->undamped), u);
        bi = LV_FMA(momentum, LV_F(get)(b + i, left), bi);
      }
      bi = LV_F(flushed)(bi);
      LV_F(put)(b + i, left, bi);
      u = a->nesterov ? LV_FMA(momentum, bi, u) : bi;
    }
    LV_F(put)(w + i, left, LV_FMA(lr, u, wi));
  }
}

static void LV_F(sgd)(float *w, float *b, const float *g, int64_t n, const lnspi_sgd *a) {
  const lnspi_sgd copy = *a;
  if (copy.l2 != 0)
    LV_F(sgd_loop)(w, b, g, n, &copy, 1);
  else
    LV_F(sgd_loop)(w, b, g, n, &copy, 0);
}

static void LV_F(ema)(float *e, const float *w, int64_t n, float c) {
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_V old = LV_F(get)(e + i, n - i);
    LV_V d = LV_SUB(LV_F(get)(w + i, n - i), old);
    LV_F(put)(e + i, n - i, LV_FMA(LV_SET(c), d, old));
  }
}

static void LV_F(add)(float *y, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W)
    LV_F(put)(y + i, n - i, LV_ADD(LV_F(get)(a + i, n - i), LV_F(get)(b + i, n - i)));
}

static void LV_F(scale)(float *y, float a, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W)
    LV_F(put)(y + i, n - i, LV_MUL(LV_SET(a), LV_F(get)(x + i, n - i)));
}

static void LV_F(axpy)(float *y, float a, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W) {
    const LV_V xi = LV_F(get)(x + i, n - i), yi = LV_F(get)(y + i, n - i);
    LV_F(put)(y + i, n - i, LV_FMA(LV_SET(a), xi, yi));
  }
}

static void LV_F(mul)(float *y, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W)
    LV_F(put)(y + i, n - i, LV_MUL(LV_F(get)(a + i, n - i), LV_F(get)(b + i, n - i)));
}

static void LV_F(column_sum)(float *g, const float *d, int64_t ld, int64_t rows, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_V s = LV_F(get)(g + i, n - i);
    for (int64_t r = 0; r < rows; r++) s = LV_ADD(s, LV_F(get)(d + r * ld + i, n - i));
    LV_F(put)(g + i, n - i, s);
  }
}

static void LV_F(flush)(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W)
    LV_F(put)(y + i, n - i, LV_F(flushed)(LV_F(get)(x + i, n - i)));
}

static inline LV_V LV_F(relu)(LV_V x) { return LV_MAX(x, LV_SET(0.0f)); }

static inline LV_V LV_F(relu_slope)(LV_V x) {
  return LV_SELECT(LV_GT(x, LV_SET(0.0f)), LV_SET(1.0f), LV_SET(0.0f));
}

static void LV_F(act)(int kind, float *y, const float *x, int64_t n) {
#define LV_CASE(value, function)                                        \
  case value:                                                           \
    for (int64_t i = 0; i < n; i += LV_W)                               \
      LV_F(put)(y + i, n - i, LV_F(function)(LV_F(get)(x + i, n - i))); \
    break;
  switch (kind) {
    LV_CASE(LNSPI_ACT_RELU, relu)
    LV_CASE(LNSPI_ACT_GELU, gelu)
    LV_CASE(LNSPI_ACT_SILU, silu)
    LV_CASE(LNSPI_ACT_TANH, tanh)
    LV_CASE(LNSPI_ACT_SIGMOID, sigmoid)
    LV_CASE(LNSPI_ACT_SOFTPLUS, softplus)
  }
#undef LV_CASE
}

static void LV_F(act_dx)(int kind, float *dx, const float *dy, const float *x, int64_t n) {
#define LV_CASE(value, function)                            \
  case value:                                               \
    for (int64_t i = 0; i < n; i += LV_W) {                 \
      LV_V slope = LV_F(function)(LV_F(get)(x + i, n - i)); \
      LV_V d = LV_MUL(LV_F(get)(dy + i, n - i), slope);     \
      LV_F(put)(dx + i, n - i, LV_F(flushed)(d));           \
    }                                                       \
    break;
  switch (kind) {
    LV_CASE(LNSPI_ACT_RELU, relu_slope)
    LV_CASE(LNSPI_ACT_GELU, gelu_slope)
    LV_CASE(LNSPI_ACT_SILU, silu_slope)
    LV_CASE(LNSPI_ACT_TANH, tanh_slope)
    LV_CASE(LNSPI_ACT_SIGMOID, sigmoid_slope)
    LV_CASE(LNSPI_ACT_SOFTPLUS, sigmoid)
  }
#undef LV_CASE
}

/* Integer operations only. A NaN keeps its upper payload bits and becomes quiet. */
static void LV_F(f16_to_f32)(float *y, const uint16_t *x, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_I h = LV_F(get16)(x + i, n - i);
    LV_I sign = LV_ISHL(LV_IAND(h, LV_ISET(0x8000)), 16);
    LV_I body = LV_IAND(h, LV_ISET(0x7fff));
    LV_I wide = LV_ISHL(body, 13);
    LV_I normal = LV_IADD(wide, LV_ISET(112 << 23));
    LV_I special = LV_IOR(wide, LV_ISET(0x7f800000));
    special =
        LV_ISELECT(LV_IGT(body, LV_ISET(0x7c00)), LV_IOR(special, LV_ISET(1 << 22)), special);
    LV_I small = LV_BITS(LV_MUL(LV_TOFLOAT(body), LV_SET(0x1p-24f)));
    LV_I bits = LV_ISELECT(LV_IGT(body, LV_ISET(0x7bff)), special, normal);
    bits = LV_ISELECT(LV_IGT(LV_ISET(0x0400), body), small, bits);
    LV_F(put)(y + i, n - i, LV_FLOAT(LV_IOR(sign, bits)));
  }
}

/* Normal: the lower 13 bits are rounded away, ties to even, and an overflow
 * carries into infinity. Below 2^-14: adding 1/2 makes the float addition round. */
static void LV_F(f32_to_f16)(uint16_t *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_I u = LV_BITS(LV_F(get)(x + i, n - i));
    LV_I sign = LV_ISHR(LV_IAND(u, LV_ISET(INT32_MIN)), 16);
    LV_I a = LV_IAND(u, LV_ISET(0x7fffffff));
    LV_I odd = LV_IAND(LV_ISHR(a, 13), LV_ISET(1));
    LV_I normal = LV_ISHR(LV_IADD(LV_ISUB(a, LV_ISET((112 << 23) - 0xfff)), odd), 13);
    LV_I small = LV_ISUB(LV_BITS(LV_ADD(LV_FLOAT(a), LV_SET(0.5f))), LV_ISET(0x3f000000));
    LV_I nan = LV_IOR(LV_IAND(LV_ISHR(a, 13), LV_ISET(0x3ff)), LV_ISET(0x7e00));
    LV_I h = LV_ISELECT(LV_IGT(LV_ISET(0x38800000), a), small, normal);
    h = LV_ISELECT(LV_IGT(a, LV_ISET(0x477fffff)), LV_ISET(0x7c00), h);
    h = LV_ISELECT(LV_IGT(a, LV_ISET(0x7f800000)), nan, h);
    LV_F(put16)(y + i, n - i, LV_IOR(h, sign));
  }
}

static void LV_F(bf16_to_f32)(float *y, const uint16_t *x, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W)
    LV_F(put)(y + i, n - i, LV_FLOAT(LV_ISHL(LV_F(get16)(x + i, n - i), 16)));
}

static void LV_F(f32_to_bf16)(uint16_t *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_I u = LV_BITS(LV_F(get)(x + i, n - i));
    LV_I a = LV_IAND(u, LV_ISET(0x7fffffff));
    LV_I odd = LV_IAND(LV_ISHR(u, 16), LV_ISET(1));
    LV_I near = LV_ISHR(LV_IADD(u, LV_IADD(odd, LV_ISET(0x7fff))), 16);
    LV_I nan = LV_IOR(LV_ISHR(u, 16), LV_ISET(0x40));
    LV_F(put16)(y + i, n - i, LV_ISELECT(LV_IGT(a, LV_ISET(0x7f800000)), nan, near));
  }
}

#include "kernels/stochastic_rounding.h"
#include "kernels/recurrent_step.h"
#include "kernels/selective_scan.h"

#include "kernels/kernels.h"

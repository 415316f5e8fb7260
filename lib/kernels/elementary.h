/*
 * Template: exp, log, tanh, erf, sigmoid, the activations and their derivatives.
 *
 * Written once in terms of the LV_ macros (see scalar.c for the plainest set of
 * them) and included by every kernel set: the sequence of operations, hence the
 * bits, is the same everywhere. No product feeds a plain sum. LV_MAX(a, b) is
 * a > b ? a : b and LV_MIN(a, b) is a < b ? a : b, so a NaN in b passes through.
 * The coefficients come from tests/tools/fit_elementary.py; docs/numerics.md has
 * the error bounds.
 */
#include "kernels/common.h"

/* exp(x) = 2^n exp(r), n = x/ln 2 rounded, |r| <= ln 2 / 2. Adding 1.5 * 2^23
 * rounds to an integer and leaves n in the low bits. exp(0) is 1 exactly; results
 * below FLT_MIN are +0. */
static inline LV_V LV_F(exp)(LV_V x) {
  const LV_V magic = LV_SET(0x1.8p23f);
  LV_V t = LV_FMA(x, LV_SET(0x1.715476p+0f), magic);
  LV_V n = LV_SUB(t, magic);
  LV_V exact = LV_FMA(n, LV_SET(-0x1.62e430p-1f), x);
  LV_V r = LV_FMA(n, LV_SET(0x1.05c610p-29f), exact);
  LV_V lost = LV_FMA(n, LV_SET(0x1.05c610p-29f), LV_SUB(exact, r));
  LV_V q = LV_FMA(LV_SET(0x1.6d7a5cp-10f), r, LV_SET(0x1.123992p-7f));
  q = LV_FMA(q, r, LV_SET(0x1.5554c0p-5f));
  q = LV_FMA(q, r, LV_SET(0x1.555492p-3f));
  q = LV_FMA(q, r, LV_SET(0.5f));
  LV_V y = LV_ADD(r, LV_SET(1.0f));
  LV_V rest = LV_ADD(LV_ADD(LV_SUB(LV_SET(1.0f), y), r), lost); /* 1 + r = y + rest */
  y = LV_ADD(y, LV_FMA(LV_MUL(r, r), q, rest));
  y = LV_FLOAT(LV_IADD(LV_BITS(y), LV_ISHL(LV_BITS(t), 23)));
  y = LV_CLEAR(LV_LT(x, LV_SET(-87.33654022216797f)), y);
  y = LV_SELECT(LV_GT(x, LV_SET(88.72283172607422f)), LV_SET(INFINITY), y);
  return LV_SELECT(LV_NAN(x), x, y);
}

/* log(x) = k ln 2 + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2). Subnormal x too;
 * log(0) = -infinity, NaN below. */
static inline LV_V LV_F(log)(LV_V x) {
  LV_M tiny = LV_LT(x, LV_SET(FLT_MIN));
  LV_I bits = LV_BITS(LV_SELECT(tiny, LV_MUL(x, LV_SET(0x1p23f)), x));
  LV_I k = LV_ISAR(LV_ISUB(bits, LV_ISET(0x3f3504f3)), 23);
  LV_V e = LV_ADD(LV_TOFLOAT(k), LV_SELECT(tiny, LV_SET(-23.0f), LV_SET(0.0f)));
  LV_V f = LV_SUB(LV_FLOAT(LV_ISUB(bits, LV_ISHL(k, 23))), LV_SET(1.0f));
  LV_V s = LV_MUL(f, f);
  LV_V q = LV_FMA(LV_SET(0x1.1b4308p-4f), f, LV_SET(-0x1.e2e99ap-4f));
  q = LV_FMA(q, f, LV_SET(0x1.e65046p-4f));
  q = LV_FMA(q, f, LV_SET(-0x1.fb4340p-4f));
  q = LV_FMA(q, f, LV_SET(0x1.2332d0p-3f));
  q = LV_FMA(q, f, LV_SET(-0x1.5562e2p-3f));
  q = LV_FMA(q, f, LV_SET(0x1.99a544p-3f));
  q = LV_FMA(q, f, LV_SET(-0x1.ffffeep-3f));
  q = LV_FMA(q, f, LV_SET(0x1.555546p-2f));
  LV_V y = LV_MUL(LV_MUL(s, f), q);
  y = LV_FMA(e, LV_SET(-0x1.05c610p-29f), y);
  y = LV_FMA(LV_SET(-0.5f), s, y);
  y = LV_FMA(e, LV_SET(0x1.62e430p-1f), LV_ADD(y, f));
  y = LV_SELECT(LV_GT(x, LV_SET(FLT_MAX)), x, y);
  y = LV_SELECT(LV_LT(x, LV_SET(0x1p-149f)), LV_SET(-INFINITY), y);
  y = LV_SELECT(LV_LT(x, LV_SET(0.0f)), LV_FLOAT(LV_ISET(0x7fc00000)), y);
  return LV_SELECT(LV_NAN(x), x, y);
}

/* A polynomial below .625, 1 - 2 / (exp(2x) + 1) from there on. */
static inline LV_V LV_F(tanh)(LV_V x) {
  LV_V a = LV_ABS(x), z = LV_MUL(a, a);
  LV_V q = LV_FMA(LV_SET(-0x1.76922ap-8f), z, LV_SET(0x1.52509ep-6f));
  q = LV_FMA(q, z, LV_SET(-0x1.b84340p-5f));
  q = LV_FMA(q, z, LV_SET(0x1.110760p-3f));
  q = LV_FMA(q, z, LV_SET(-0x1.555534p-2f));
  LV_V near = LV_FMA(LV_MUL(a, z), q, a);
  LV_V e = LV_F(exp)(LV_ADD(a, a));
  LV_V far = LV_SUB(LV_SET(1.0f), LV_DIV(LV_SET(2.0f), LV_ADD(e, LV_SET(1.0f))));
  return LV_SIGN(LV_SELECT(LV_LT(a, LV_SET(0.625f)), near, far), x);
}

/* With e = exp(-|x|) and q = e / (1 + e): 1 - q for x >= 0, e - e q below. */
static inline LV_V LV_F(sigmoid)(LV_V x) {
  LV_V e = LV_F(exp)(LV_NEG(LV_ABS(x)));
  LV_V q = LV_DIV(e, LV_ADD(e, LV_SET(1.0f)));
  return LV_SELECT(LV_LT(x, LV_SET(0.0f)), LV_FMA(LV_NEG(e), q, e), LV_SUB(LV_SET(1.0f), q));
}

/* exp(h a) for a product that must not be rounded first. */
static inline LV_V LV_F(exp_product)(LV_V h, LV_V a) {
  LV_V s = LV_MUL(h, a);
  LV_V rest = LV_FMA(h, a, LV_NEG(s));
  LV_V e = LV_F(exp)(s);
  return LV_FMA(e, rest, e);
}

/* Q(z) exp(z*z/2), Q the upper tail of the normal distribution, z >= 0, from
 * t = 1 / (1 + .3 z). */
static inline LV_V LV_F(normal_tail)(LV_V t) {
  LV_V q = LV_FMA(LV_SET(-0x1.49bf32p-6f), t, LV_SET(0x1.c193f2p-4f));
  q = LV_FMA(q, t, LV_SET(-0x1.c6a5e6p-3f));
  q = LV_FMA(q, t, LV_SET(0x1.7809fcp-3f));
  q = LV_FMA(q, t, LV_SET(-0x1.29f96ap-4f));
  q = LV_FMA(q, t, LV_SET(0x1.7b7fbep-4f));
  q = LV_FMA(q, t, LV_SET(0x1.45eaf2p-4f));
  q = LV_FMA(q, t, LV_SET(0x1.c28562p-4f));
  q = LV_FMA(q, t, LV_SET(0x1.e9e1e6p-4f));
  q = LV_FMA(q, t, LV_SET(0x1.ea3b20p-4f));
  return LV_MUL(t, q);
}

/* erf(x) = 1 - 2 Q(sqrt(2) x) from .85 on, a polynomial below. */
static inline LV_V LV_F(erf)(LV_V x) {
  LV_V z = LV_MUL(x, x);
  LV_V q = LV_FMA(LV_SET(0x1.42909ap-14f), z, LV_SET(-0x1.a3382cp-11f));
  q = LV_FMA(q, z, LV_SET(0x1.541336p-8f));
  q = LV_FMA(q, z, LV_SET(-0x1.b7fdcap-6f));
  q = LV_FMA(q, z, LV_SET(0x1.ce2d54p-4f));
  q = LV_FMA(q, z, LV_SET(-0x1.812740p-2f));
  q = LV_FMA(q, z, LV_SET(0x1.06eba8p-3f));
  LV_V near = LV_FMA(x, q, x);
  LV_V a = LV_MIN(LV_SET(9.0f), LV_ABS(x));
  LV_V e = LV_F(exp_product)(LV_NEG(a), a);
  LV_V t = LV_DIV(LV_SET(1.0f), LV_FMA(LV_SET(0x1.b27248p-2f), a, LV_SET(1.0f)));
  LV_V far = LV_FMA(LV_MUL(e, LV_F(normal_tail)(t)), LV_SET(-2.0f), LV_SET(1.0f));
  return LV_SELECT(LV_LT(LV_ABS(x), LV_SET(0.85f)), near, LV_SIGN(far, x));
}

/* Phi(x), and exp(-x*x/2) in *density. The lower tail keeps its relative
 * precision. Beyond 14 both are what they are at 14. */
static inline LV_V LV_F(normal)(LV_V x, LV_V *density) {
  LV_V a = LV_MIN(LV_SET(14.0f), LV_ABS(x));
  LV_V e = LV_F(exp_product)(LV_MUL(a, LV_SET(-0.5f)), a);
  LV_V t = LV_DIV(LV_SET(1.0f), LV_FMA(LV_SET(0.3f), a, LV_SET(1.0f)));
  LV_V tail = LV_MUL(e, LV_F(normal_tail)(t));
  *density = e;
  return LV_SELECT(LV_GT(x, LV_SET(0.0f)), LV_SUB(LV_SET(1.0f), tail), tail);
}

/* x Phi(x); x is bounded below so that -infinity gives -0. */
static inline LV_V LV_F(gelu)(LV_V x) {
  LV_V density;
  LV_V phi = LV_F(normal)(x, &density);
  return LV_MUL(LV_MAX(LV_SET(-14.0f), x), phi);
}

/* Phi(x) + x exp(-x*x/2) / sqrt(2 pi) */
static inline LV_V LV_F(gelu_slope)(LV_V x) {
  LV_V density;
  LV_V phi = LV_F(normal)(x, &density);
  LV_V c = LV_MIN(LV_SET(14.0f), LV_MAX(LV_SET(-14.0f), x));
  return LV_FMA(LV_MUL(c, LV_SET(0x1.988454p-2f)), density, phi);
}

static inline LV_V LV_F(silu)(LV_V x) {
  const LV_V bounded = LV_MAX(LV_SET(-104.0f), x);
  return LV_MUL(bounded, LV_F(sigmoid)(x));
}

/* The derivative q (1 - q), and sigmoid itself in *value. */
static inline LV_V LV_F(sigmoid_both)(LV_V x, LV_V *value) {
  LV_V e = LV_F(exp)(LV_NEG(LV_ABS(x)));
  LV_V q = LV_DIV(e, LV_ADD(e, LV_SET(1.0f)));
  LV_V low = LV_FMA(LV_NEG(e), q, e), high = LV_SUB(LV_SET(1.0f), q);
  *value = LV_SELECT(LV_LT(x, LV_SET(0.0f)), low, high);
  return LV_MUL(q, high);
}

static inline LV_V LV_F(sigmoid_slope)(LV_V x) {
  LV_V s;
  return LV_F(sigmoid_both)(x, &s);
}

/* s + x s (1 - s); x is bounded so that infinities give 0 and 1. */
static inline LV_V LV_F(silu_slope)(LV_V x) {
  LV_V s, slope = LV_F(sigmoid_both)(x, &s);
  LV_V c = LV_MIN(LV_SET(104.0f), LV_MAX(LV_SET(-104.0f), x));
  return LV_FMA(c, slope, s);
}

static inline LV_V LV_F(tanh_slope)(LV_V x) {
  LV_V t = LV_F(tanh)(x);
  return LV_FMA(LV_NEG(t), t, LV_SET(1.0f));
}

/* max(x, 0) + log(1 + e), e = exp(-|x|). Where 1 + e is rounded, the logarithm is of
 * another number, and is corrected by their ratio less one; where e is lost in it, log(1 +
 * e) is e. */
static inline LV_V LV_F(softplus)(LV_V x) {
  LV_V e = LV_F(exp)(LV_NEG(LV_ABS(x))), one = LV_SET(1.0f);
  LV_V w = LV_ADD(one, e);
  LV_M seen = LV_GT(w, one);
  LV_V ratio = LV_DIV(e, LV_SELECT(seen, LV_SUB(w, one), one));
  LV_V log1 = LV_MUL(LV_SELECT(seen, LV_F(log)(w), one), ratio);
  return LV_ADD(LV_MAX(LV_SET(0.0f), x), log1);
}

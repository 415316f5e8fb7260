/*
 * Template: one step of a recurrent layer for one sequence, forward and backward, in
 * terms of the LV_ macros. Included by elementwise.h, whose ways it shares.
 */
#include "kernels/common.h"

/* s (1 - s) */
static inline LV_V LV_F(logistic_slope)(LV_V s) { return LV_MUL(s, LV_SUB(LV_SET(1.0f), s)); }

/* 1 - t * t */
static inline LV_V LV_F(tangent_slope)(LV_V t) { return LV_FMA(LV_NEG(t), t, LV_SET(1.0f)); }

static void LV_F(gru)(float *g, int64_t ld, const float *c, int64_t ldc, const float *h,
                      float *y, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W, g += LV_W, c += LV_W) {
    const int64_t left = n - i;
    LV_V r = LV_F(sigmoid)(LV_ADD(LV_F(get)(g, left), LV_F(get)(c, left)));
    LV_V z = LV_F(sigmoid)(LV_ADD(LV_F(get)(g + ld, left), LV_F(get)(c + ldc, left)));
    LV_V q = LV_F(get)(c + 2 * ldc, left);
    LV_V m = LV_F(tanh)(LV_FMA(r, q, LV_F(get)(g + 2 * ld, left)));
    LV_F(put)(g, left, r);
    LV_F(put)(g + ld, left, z);
    LV_F(put)(g + 2 * ld, left, m);
    LV_F(put)(g + 3 * ld, left, q);
    LV_F(put)(y + i, left, LV_FMA(z, LV_SUB(LV_F(get)(h + i, left), m), m));
  }
}

static void LV_F(gru_dx)(float *g, int64_t ld, float *d, const float *h, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W, g += LV_W) {
    const int64_t left = n - i;
    LV_V r = LV_F(get)(g, left), z = LV_F(get)(g + ld, left);
    LV_V m = LV_F(get)(g + 2 * ld, left), q = LV_F(get)(g + 3 * ld, left);
    LV_V di = LV_F(get)(d + i, left);
    LV_V dm = LV_MUL(LV_MUL(di, LV_SUB(LV_SET(1.0f), z)), LV_F(tangent_slope)(m));
    LV_V dz = LV_MUL(LV_MUL(di, LV_SUB(LV_F(get)(h + i, left), m)), LV_F(logistic_slope)(z));
    LV_V dr = LV_MUL(LV_MUL(dm, q), LV_F(logistic_slope)(r));
    LV_F(put)(g, left, LV_F(flushed)(dr));
    LV_F(put)(g + ld, left, LV_F(flushed)(dz));
    LV_F(put)(g + 2 * ld, left, LV_F(flushed)(dm));
    LV_F(put)(g + 3 * ld, left, LV_F(flushed)(LV_MUL(dm, r)));
    LV_F(put)(d + i, left, LV_F(flushed)(LV_MUL(di, z)));
  }
}

static void LV_F(lstm)(float *g, int64_t ld, const float *c, int64_t ldc, const float *cell,
                       float *y, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W, g += LV_W, c += LV_W) {
    const int64_t left = n - i;
    LV_V in = LV_F(sigmoid)(LV_ADD(LV_F(get)(g, left), LV_F(get)(c, left)));
    LV_V f = LV_F(sigmoid)(LV_ADD(LV_F(get)(g + ld, left), LV_F(get)(c + ldc, left)));
    LV_V m = LV_F(tanh)(LV_ADD(LV_F(get)(g + 2 * ld, left), LV_F(get)(c + 2 * ldc, left)));
    LV_V o = LV_F(sigmoid)(LV_ADD(LV_F(get)(g + 3 * ld, left), LV_F(get)(c + 3 * ldc, left)));
    LV_V state = LV_FMA(f, LV_F(get)(cell + i, left), LV_MUL(in, m));
    LV_V t = LV_F(tanh)(state);
    LV_F(put)(g, left, in);
    LV_F(put)(g + ld, left, f);
    LV_F(put)(g + 2 * ld, left, m);
    LV_F(put)(g + 3 * ld, left, o);
    LV_F(put)(g + 4 * ld, left, state);
    LV_F(put)(g + 5 * ld, left, t);
    LV_F(put)(y + i, left, LV_MUL(o, t));
  }
}

static void LV_F(lstm_dx)(float *g, int64_t ld, const float *d, float *dcell, const float *cell,
                          int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W, g += LV_W) {
    const int64_t left = n - i;
    LV_V in = LV_F(get)(g, left), f = LV_F(get)(g + ld, left);
    LV_V m = LV_F(get)(g + 2 * ld, left), o = LV_F(get)(g + 3 * ld, left);
    LV_V t = LV_F(get)(g + 5 * ld, left), di = LV_F(get)(d + i, left);
    LV_V dc = LV_FMA(LV_MUL(di, o), LV_F(tangent_slope)(t), LV_F(get)(dcell + i, left));
    LV_V dn = LV_MUL(LV_MUL(dc, m), LV_F(logistic_slope)(in));
    LV_V df = LV_MUL(LV_MUL(dc, LV_F(get)(cell + i, left)), LV_F(logistic_slope)(f));
    LV_F(put)(g, left, LV_F(flushed)(dn));
    LV_F(put)(g + ld, left, LV_F(flushed)(df));
    LV_F(put)(g + 2 * ld, left, LV_F(flushed)(LV_MUL(LV_MUL(dc, in), LV_F(tangent_slope)(m))));
    LV_F(put)(g + 3 * ld, left, LV_F(flushed)(LV_MUL(LV_MUL(di, t), LV_F(logistic_slope)(o))));
    LV_F(put)(dcell + i, left, LV_F(flushed)(LV_MUL(dc, f)));
  }
}

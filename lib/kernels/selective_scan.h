/*
 * Template: the selective scan, in terms of the LV_ macros. Lanes are channels, so that
 * nothing is summed across them; the states, each by itself, run over the steps.
 */
#include "kernels/common.h"

static void LV_F(mul_add)(float *y, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i += LV_W) {
    LV_V old = LV_F(get)(y + i, n - i);
    LV_F(put)(y + i, n - i, LV_FMA(LV_F(get)(a + i, n - i), LV_F(get)(b + i, n - i), old));
  }
}

/* 2^x for x from -100 (nothing here is subnormal) to 127. Adding 1.5 * 2^23 rounds to an
 * integer and leaves it in the low bits. A NaN passes through. */
static LNSPI_ALWAYS LV_V LV_F(power)(LV_V x) {
  const LV_V magic = LV_SET(0x1.8p23f);
  x = LV_MIN(LV_SET(127.0f), LV_MAX(LV_SET(-100.0f), x));
  LV_V t = LV_ADD(x, magic);
  LV_V r = LV_SUB(x, LV_SUB(t, magic));
  LV_V q = LV_FMA(LV_SET(0x1.4447b2p-13f), r, LV_SET(0x1.5f0964p-10f));
  q = LV_FMA(q, r, LV_SET(0x1.3b2a28p-7f));
  q = LV_FMA(q, r, LV_SET(0x1.c6af7ap-5f));
  q = LV_FMA(q, r, LV_SET(0x1.ebfbe0p-3f));
  q = LV_FMA(q, r, LV_SET(0x1.62e430p-1f));
  q = LV_FMA(q, r, LV_SET(1.0f));
  return LV_FLOAT(LV_IADD(LV_BITS(q), LV_ISHL(LV_BITS(t), 23)));
}

static void LV_F(scan_rates)(float *rate, const float *a, int64_t states, int64_t lanes) {
  float part[LV_W];
  for (int64_t l = 0; l < 16; l++)
    for (int64_t n = 0; n < states; n += LV_W) {
      const int64_t left = states - n < LV_W ? states - n : LV_W;
      LV_V e = LV_SET(0.0f);
      if (l < lanes) {
        e = LV_F(exp)(LV_F(get)(a + l * states + n, left));
        e = LV_NEG(LV_MUL(e, LV_SET(0x1.715476p+0f)));
      }
      LV_STORE(part, e);
      for (int64_t i = 0; i < left; i++) rate[(n + i) * 16 + l] = part[i];
    }
}

static void LV_F(scan)(float *y, const float *u, const float *delta, const float *rate,
                       const float *b, int64_t ldb, int64_t steps, int64_t states) {
  for (int64_t l = 0; l < 16; l += LV_W) {
    for (int64_t t = 0; t < steps; t++) LV_STORE(y + 16 * t + l, LV_SET(0.0f));
    for (int64_t n = 0; n < states; n++) {
      const LV_V r = LV_LOAD(rate + 16 * n + l);
      LV_V h = LV_MUL(LV_LOAD(u + l), LV_SET(b[n]));
      LV_STORE(y + l, LV_ADD(LV_LOAD(y + l), h));
      for (int64_t t = 1; t < steps; t++) {
        const int64_t i = 16 * t + l;
        LV_V d = LV_F(power)(LV_MUL(r, LV_LOAD(delta + i)));
        h = LV_FMA(d, h, LV_MUL(LV_LOAD(u + i), LV_SET(b[t * ldb + n])));
        LV_STORE(y + i, LV_ADD(LV_LOAD(y + i), h));
      }
    }
  }
}

static void LV_F(scan_dx)(float *du, float *ddelta, float *db, float *drate, const float *dy,
                          const float *u, const float *delta, const float *rate, const float *b,
                          int64_t ldb, int64_t steps, int64_t states, float *work) {
  float *const decays = work + 16 * steps;
  for (int64_t l = 0; l < 16; l += LV_W) {
    for (int64_t t = 0; t < steps; t++) {
      LV_STORE(du + 16 * t + l, LV_SET(0.0f));
      LV_STORE(ddelta + 16 * t + l, LV_SET(0.0f));
    }
    for (int64_t n = 0; n < states; n++, db += 16 * steps) {
      const LV_V r = LV_LOAD(rate + 16 * n + l);
      LV_V h = LV_MUL(LV_LOAD(u + l), LV_SET(b[n]));
      for (int64_t t = 1; t < steps; t++) {
        const int64_t i = 16 * t + l;
        LV_V d = LV_F(power)(LV_MUL(r, LV_LOAD(delta + i)));
        LV_STORE(work + i - 16, h);
        LV_STORE(decays + i, d);
        h = LV_FMA(d, h, LV_MUL(LV_LOAD(u + i), LV_SET(b[t * ldb + n])));
      }
      LV_V s = LV_LOAD(drate + 16 * n + l);
      LV_V g = LV_LOAD(dy + 16 * (steps - 1) + l);
      for (int64_t t = steps - 1; t >= 0; t--) {
        const int64_t i = 16 * t + l;
        LV_STORE(du + i, LV_FMA(LV_SET(b[t * ldb + n]), g, LV_LOAD(du + i)));
        LV_STORE(db + i, LV_FMA(LV_LOAD(u + i), g, LV_LOAD(db + i)));
        if (t == 0) break;
        LV_V d = LV_LOAD(decays + i);
        LV_V z = LV_MUL(LV_MUL(g, LV_LOAD(work + i - 16)), d);
        LV_STORE(ddelta + i, LV_FMA(r, z, LV_LOAD(ddelta + i)));
        s = LV_FMA(LV_LOAD(delta + i), z, s);
        g = LV_FMA(d, g, LV_LOAD(dy + i - 16));
      }
      LV_STORE(drate + 16 * n + l, s);
    }
    db -= 16 * steps * states;
    for (int64_t t = 0; t < steps; t++) {
      const int64_t i = 16 * t + l;
      LV_STORE(ddelta + i, LV_MUL(LV_LOAD(ddelta + i), LV_SET(0x1.62e430p-1f)));
    }
  }
}

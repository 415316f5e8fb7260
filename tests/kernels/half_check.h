/* Kernels of 16-bit floats against definitions by whole numbers and ldexp. */
#ifndef TESTS_HALF_CHECK_H
#define TESTS_HALF_CHECK_H

#include "kernel_check.h"

static inline float half_value(unsigned h, int exponent_bits) {
  int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  int e = (int)(h & 0x7fff) >> fraction_bits;
  int m = (int)(h & ((1u << fraction_bits) - 1));
  double v;
  if (e == (1 << exponent_bits) - 1)
    v = m ? (double)NAN : (double)INFINITY;
  else
    v = e ? ldexp(m + (1 << fraction_bits), e - bias - fraction_bits)
          : ldexp(m, 1 - bias - fraction_bits);
  return (float)(h & 0x8000 ? -v : v);
}

/* The nearest 16-bit value by search; ties to even; beyond the largest and half a
 * step: infinity. The order of the patterns is the order of the values. */
static inline unsigned half_nearest(float f, int exponent_bits) {
  unsigned low = 0, top = ((1u << exponent_bits) - 1) << (15 - exponent_bits);
  unsigned sign = lnspi_float_bits(f) >> 31 << 15;
  double a = fabs((double)f);
  if (f != f) return 0xffff;
  if (a == (double)INFINITY) return sign | top;
  unsigned high = top; /* value(low) <= a; the largest pattern stands for its limit */
  while (high - low > 1) {
    unsigned middle = (low + high) / 2;
    if ((double)half_value(middle, exponent_bits) <= a)
      low = middle;
    else
      high = middle;
  }
  double below = (double)half_value(low, exponent_bits);
  double step = high == top ? below - (double)half_value(low - 1, exponent_bits)
                            : (double)half_value(high, exponent_bits) - below;
  if (a - below > step / 2 || (a - below == step / 2 && (low & 1))) low = high;
  return sign | low;
}

typedef void widen(float *, const uint16_t *, int64_t);
typedef void narrow(uint16_t *, const float *, int64_t);

static inline void check_widen(widen *f, int exponent_bits) {
  static uint16_t x[65536];
  static float y[65536];
  for (unsigned i = 0; i < 65536; i++) x[i] = (uint16_t)i;
  f(y, x, 65536);
  int wrong = 0;
  for (unsigned i = 0; i < 65536; i++) wrong += !same1(y[i], half_value(i, exponent_bits));
  CHECK_INT(wrong, 0);
  for (at_end = 0; at_end < 2; at_end++)
    for (int64_t n = 0; n < 70; n++) {
      uint16_t *p = take_bytes((size_t)n * 2);
      if (n) memcpy(p, x + 15360 + n, (size_t)n * 2);
      float *q = take(n);
      f(q, p, n);
      CHECK(same(q, y + 15360 + n, n));
      CHECK(slots_close());
    }
}

static inline void check_narrow1(narrow *f, const float *x, int64_t n, int exponent_bits) {
  uint16_t y[64];
  f(y, x, n);
  for (int64_t i = 0; i < n; i++) {
    unsigned expected = half_nearest(x[i], exponent_bits);
    float v = half_value(y[i], exponent_bits);
    int right = expected == 0xffff ? v != v : y[i] == expected;
    CHECK_SAY(right, "%a becomes %04x, expected %04x", (double)x[i], y[i], expected);
  }
}

static inline void check_narrow(narrow *f, int exponent_bits) {
  float x[64];
  int64_t n = 0;
  for (uint64_t u = 0; u < 1ull << 32; u += 20011) { /* a sweep */
    x[n++] = lnspi_bits_float((uint32_t)u);
    if (n == 64) check_narrow1(f, x, n, exponent_bits), n = 0;
  }
  for (unsigned h = 0; h < 65535; h++) { /* each value, and the tie above it */
    float a = half_value(h, exponent_bits), b = half_value(h + 1, exponent_bits);
    if (a != a || b != b || (h & 0x7fff) == 0x7fff) continue;
    float tie = (float)(0.5 * ((double)a + (double)b));
    x[0] = a, x[1] = tie, x[2] = nextafterf(tie, a), x[3] = nextafterf(tie, b);
    check_narrow1(f, x, 4, exponent_bits);
  }
  static const float edge[] = {65504,      65519.99609375f, 65520,    FLT_MAX,
                               INFINITY,   -INFINITY,       NAN,      0x1p-149f,
                               -0x1p-149f, -0.0f,           0x1p-25f, 0x1.000002p-25f};
  check_narrow1(f, edge, 12, exponent_bits);
  for (at_end = 0; at_end < 2; at_end++)
    for (n = 0; n < 64; n++) {
      float *p = values(n, HARD);
      uint16_t *q = take_bytes((size_t)n * 2), r[64];
      f(q, p, n);
      for (int64_t i = 0; i < n; i++) {
        f(r, p + i, 1);
        CHECK_INT(q[i], r[0]);
      }
      CHECK(slots_close());
    }
}

#endif

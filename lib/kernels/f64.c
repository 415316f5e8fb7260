/* Powers and cosines in double, the same on every host. */
/* Hot: built for speed. */
#include "kernels/f64.h"

double lnspi_f64_power(double base, uint64_t exponent) {
  double result = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) result = result * base;
    base = base * base;
  }
  return result;
}

/* A product that no compiler can fuse with the sum that follows. */
static double f64_product(double a, double b) {
  volatile double p = a * b;
  return p;
}

static double f64_series(const double *c, int n, double z) {
  double y = c[n - 1];
  for (int i = n - 2; i >= 0; i--) y = f64_product(y, z) + c[i];
  return y;
}

/* Taylor series of cos(pi r) and sin(pi r) / r in r*r, |r| <= 1/4. */
static const double f64_cosine[10] = {
    1,
    -0x1.3bd3cc9be45dep+2,
    0x1.03c1f081b5ac4p+2,
    -0x1.55d3c7e3cbffap+0,
    0x1.e1f506891babbp-3,
    -0x1.a6d1f2a204a8cp-6,
    0x1.f9d38a3763cc3p-10,
    -0x1.b6e24f44b128fp-14,
    0x1.20c62c2f2d7f5p-18,
    -0x1.2a0c591af8314p-23,
};
static const double f64_sine[9] = {
    0x1.921fb54442d18p+1,  -0x1.4abbce625be53p+2,  0x1.466bc6775aae2p+1,
    -0x1.32d2cce62bd86p-1, 0x1.50783487ee782p-4,   -0x1.e3074fde8871fp-8,
    0x1.e8f434d018d63p-12, -0x1.6fadb9f155744p-16, 0x1.aaec32af93359p-21,
};

double lnspi_f64_cos_pi(double x) {
  if (x < 0) x = -x;
  double turns = (double)(int64_t)(x * 0.5);
  double r = x - (turns + turns); /* exact, in [0, 2) */
  double sign = 1;
  if (r > 1) r = 2 - r;
  if (r > 0.5) {
    r = 1 - r;
    sign = -1;
  }
  if (r <= 0.25) return sign * f64_series(f64_cosine, 10, r * r);
  r = 0.5 - r;
  return sign * (r * f64_series(f64_sine, 9, r * r));
}

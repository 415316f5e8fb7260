/* One fused multiply-add: by hardware where the compiler may assume it, else exact. */
#ifndef LNSPI_KERNELS_FMA_H
#define LNSPI_KERNELS_FMA_H

#include <stdint.h>
#include <string.h>

/*
 * a*b is exact in double. s = a*b + c is rounded to double, and rounding s once
 * more to float is right unless s is exactly between two floats, or so low that
 * the float is subnormal. Only then the error of the first rounding matters: it is
 * found by TwoSum (Knuth) and s is rounded to odd instead (Boldo and Melquiond,
 * 2008), so that the rounding to float sees on which side the exact sum is. That
 * p is exact also means that a compiler which fuses p and the sum changes nothing.
 */
static inline float lnspi_fma_software(float a, float b, float c) {
  double p = (double)a * (double)b;
  double s = p + (double)c;
  uint64_t u;
  memcpy(&u, &s, 8);
  int between = (u & 0x1fffffffu) == 0x10000000u;
  int low = (u >> 52 & 0x7ff) < 1023 - 126;
  if (between | low) {
    double t = s - p;
    double e = (p - (s - t)) + ((double)c - t);
    if (e != 0 && !(u & 1)) {
      u = (e > 0) == (s > 0) ? u + 1 : u - 1;
      memcpy(&s, &u, 8);
    }
  }
  return (float)s;
}

#if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__ARM_FEATURE_FMA) || \
    (defined(__GNUC__) && (defined(__aarch64__) || defined(__riscv_flen)))
#define LNSPI_FMA_HARDWARE 1
static inline float lnspi_fma_inline(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
#else
#define LNSPI_FMA_HARDWARE 0
static inline float lnspi_fma_inline(float a, float b, float c) {
  return lnspi_fma_software(a, b, c);
}
#endif

#endif

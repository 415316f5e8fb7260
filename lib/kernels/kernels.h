/*
 * The kernel contract. Every kernel set gives these bits; scalar.c is the
 * reference, tests/test_kernels*.c compare the others with it by memcmp.
 *
 * fma(a,b,c) is one fused multiply-add, rounded once. All other operations are
 * single IEEE float32 operations in the order written. "n ascending" and the
 * like are part of the arithmetic, layout in memory is not.
 *
 * Sums. A sum over i of n terms uses 16 lanes: P[l], l = 0..15, starts at +0 and
 * takes the terms i = l, l+16, ... ascending; i runs to n rounded up to 16, and
 * terms beyond n are those of zero elements. Then one tree:
 *   s[i] = P[i] + P[i+8]  (i < 8);  t[i] = s[i] + s[i+4]  (i < 4);
 *   result = (t[0] + t[2]) + (t[1] + t[3]).
 *
 * Packed weights. A matrix of `out` rows and `in` columns (row-major W[o][k])
 * is stored in panels: panel p holds outputs 64p .. 64p+n-1, n = min(64, R - 64p)
 * with R = out rounded up to 16, as panel[k][lane], k < in; panel p starts at
 * float 64*p*in. Lanes beyond out are zero. lnspi_packed_floats = R * in.
 *
 * Rows. Activation rows have a stride (ld) that is a multiple of 16 floats, and
 * the pad lanes between width and ld hold +0. Kernels that write a row of width
 * n write pads only where this file says so.
 *
 * No kernel reads or writes outside the elements named here; pointers need only
 * the alignment of a float; in-place use is allowed where "may be x" is said.
 */
#ifndef LNSPI_KERNELS_H
#define LNSPI_KERNELS_H

#include "base/bytes.h"
#include "base/cpu.h"
#include "lnsp.h"

/* LNSP_SCALAR_ONLY leaves the vector sets out: a smaller library with the same bits. */
#if (defined(__x86_64__) || defined(_M_X64)) && !defined(LNSP_SCALAR_ONLY)
#define LNSPI_X86_SETS 1
#else
#define LNSPI_X86_SETS 0
#endif

#if (defined(__aarch64__) || defined(_M_ARM64)) && !defined(LNSP_SCALAR_ONLY)
#define LNSPI_ARM_SETS 1
#else
#define LNSPI_ARM_SETS 0
#endif

/* A product and a sum stay apart. gcc needs -ffp-contract=off, its default with
 * -std=c11; lnspi_dispatch_select refuses a build that fuses them. */
#if defined(__clang__) || defined(_MSC_VER)
#pragma STDC FP_CONTRACT OFF
#endif

/* activations */
#define LNSPI_ACT_RELU 1    /* x > 0 ? x : +0 */
#define LNSPI_ACT_GELU 2    /* x * Phi(x), Phi the normal distribution's */
#define LNSPI_ACT_SILU 3
#define LNSPI_ACT_TANH 4
#define LNSPI_ACT_SIGMOID 5
#define LNSPI_ACT_SOFTPLUS 6 /* log(1 + exp(x)) */

/* One Adam or AdamW update; all fields are float32 computed once a step. */
typedef struct lnspi_adam {
  float beta1, c1;       /* c1 = 1 - beta1                                  */
  float beta2, s2;       /* s2 = sqrt(1 - beta2)                            */
  float step;            /* lr / (1 - beta1^t)                              */
  float rsqrt_bc2;       /* 1 / sqrt(1 - beta2^t)                           */
  float eps;
  float scale;           /* of the gradient (clipping), 1 for none          */
  float decay;           /* weight factor before the step (AdamW), 1: none  */
  float l2;              /* added to the gradient times w (Adam), 0: none   */
} lnspi_adam;

typedef struct lnspi_sgd {
  float lr, momentum, undamped; /* undamped = 1 - dampening                 */
  float scale, l2;
  int32_t nesterov;
  int32_t first;         /* 1: the momentum buffer becomes the gradient     */
} lnspi_sgd;

/* Moments of Adam in 8 bits, in blocks of LNSPI_MOMENT_BLOCK elements that share two
 * scales: m = code * m_scale, sqrt(v) = code * v_scale. */
#define LNSPI_MOMENT_BLOCK 128

typedef struct lnspi_moments8 {
  int8_t *m;             /* -127 to 127                                     */
  uint8_t *v;            /* 1 to 255; 0 before the first step               */
  float *m_scale, *v_scale; /* of each block                                */
  uint32_t key[2], block; /* for the rounding: number of the first block    */
} lnspi_moments8;

/*
 * X(result, name, (parameters)): the one list that makes the table, the
 * prototypes and the tests.
 *
 * linear       y[r][o] = fma chain over k ascending of W[o][k]*x[r][k], starting
 *              at bias[o] (bias NULL: +0); o < R: pads are written too. bias has
 *              R floats. w packed and finite: where x[r][k] is zero, W[o][k] need not
 *              be read.
 * linear_dx    dx[r][k] = tree(P), P[l] = fma chain over outputs o ascending with
 *              o % 16 == l, o < R, of W[o][k]*d[r][o], from +0. Writes k0 <= k
 *              < k0 + kn (linear_dx_bf16: k < in); and, with pad != 0 and k0 + kn ==
 *              in, +0 to pads up to in rounded up to 16.
 * grad_strip   g[k*lanes+l] = fma chain over r ascending of d[r*ldd+l]*x[r*ldx+k]
 *              for k < kn, l < lanes (16, 32, 48 or 64), from +0, or from g when
 *              add != 0.
 * adam, sgd    elementwise on n floats (see docs/numerics.md):
 *              adam: g = fma(l2, w, g*scale)   (l2 == 0: g*scale)
 *                    m = fma(beta1, m, c1*g); t = s2*g; v = fma(t, t, beta2*v);
 *                    m, v below FLT_MIN in magnitude become +0;
 *                    w = fma(-step, m / fma(sqrt(v), rsqrt_bc2, eps), w*decay)
 *                    (decay == 1: w)
 *              sgd:  g as above; momentum == 0: w = fma(-lr, g, w); else
 *                    b = first ? g : fma(momentum, b, undamped*g), below FLT_MIN
 *                    +0; u = nesterov ? fma(momentum, b, g) : b;
 *                    w = fma(-lr, u, w). b may be NULL when momentum == 0.
 * grad_adam    grad_strip (with add = 0) and adam of what it gives, which does not go
 *              to memory as a whole
 * ema          e = fma(c, w - e, e)
 * add          y = a + b            (y may be a or b)
 * scale        y = a * x            (y may be x)
 * axpy         y = fma(a, x, y)
 * mul          y = a * b            (y may be a or b)
 * sum, dot     sums of x[i]; of fma(a[i], b[i], P)
 * diff2        sum of t*t by fma, t = a[i] - b[i]
 * max_abs      largest |x[i]|, +0 for n = 0; NaN if any is NaN
 * maximum      largest x[i] (n > 0), +0 above -0; NaN if any is NaN
 * finite       1 if every x[i] is finite
 * column_sum   g[o] = g[o] + d[r*ld+o], r ascending, o < n
 * softmax      y[i] = e[i] / s, e[i] = exp(x[i] - max), s = sum of e; may be x
 * softmax_dx   dx[i] = y[i] * (dy[i] - dot(dy, y)); may be dy
 * layernorm    mean = sum(x)/n; var = (sum of t*t by fma, t = x-mean)/n;
 *              rstd = 1/sqrt(var + eps); y = fma((x-mean)*rstd, w, b);
 *              stats[0] = mean, stats[1] = rstd. w and b may be NULL (both).
 * layernorm_dx h = (x-mean)*rstd; u = dy*w (w NULL: dy); a = sum(u)/n;
 *              c = (sum of fma(u, h))/n; dx = rstd * (fma(-h, c, u) - a); and,
 *              unless gw is NULL, gw = fma(dy, h, gw), gb = gb + dy.
 *              dx may be NULL (only gw, gb).
 * unit         s = sqrt(dot(x,x)); m = s > eps ? s : eps; y = x / m;
 *              returns m. y may be x.
 * unit_dx      dx = (dy - y * dot(dy, y)) / m where m > eps, else dy / m,
 *              the product and difference as fma(-y, dot, dy). may be dy.
 * act          y = f(x); may be x.   act_dx: dx = dy * f'(x); may be dy.
 *              Below FLT_MIN in magnitude, act_dx's result becomes +0.
 * flush        y = |x| < FLT_MIN ? +0 : x; may be x
 * f16_to_f32, bf16_to_f32 exact; f32_to_f16, f32_to_bf16 round to nearest even,
 *              overflow to infinity.
 *
 * The selective scan, of one sequence and 16 channels side by side; rows of 16 floats.
 * p(x) = 2^x within 1 ulp, x from -100 to 127; beyond, that of the bound.
 * mul_add      y = fma(a, b, y)
 * scan_rates   rate[n*16 + l] = -(exp(a[l*states + n]) * log2(e)), l < lanes; +0 for the
 *              lanes up to 16
 * scan         of each lane: h[n] = +0 before the first step; with d = p(rate[n]*delta[t])
 *              h[n] = fma(d, h[n], u[t]*b[t*ldb + n]), in the first step the product alone;
 *              y[t] = sum over n ascending of h[n], from +0
 * scan_dx      with h and d as above, h' the one of the step before, t descending:
 *              g = fma(d of t + 1, g, dy[t]), in the last step dy[t];
 *              du[t] = fma(b[t], g, du[t]) from +0, n ascending; db[n][t] = fma(u[t], g,
 *              db[n][t]), db [states][steps][16]; and, but for the first step, with
 *              z = (g*h')*d: drate[n] = fma(delta[t], z, drate[n]); s[t] = fma(rate[n], z,
 *              s[t]) from +0, n ascending; last ddelta[t] = s[t] * ln 2.
 *              du, ddelta are written, db and drate added to. work: 32*steps floats.
 *
 * Stochastic rounding.
 * adam8        adam with moments in 8 bits, for what stays finite; n is a multiple of
 *              16, and only the last block may be shorter than 128:
 *              c = (c1*scale)*g, t = (s2*scale)*g, with l2 != 0: fma(c1*l2, w, c),
 *                fma(s2*l2, w, t)
 *              m = fma(code of m, beta1*m_scale, c)
 *              p = code of v * (sqrt(beta2)*v_scale); v = fma(t, t, p*p), below
 *                FLT_MIN +0; r = sqrt(v)
 *              w = fma(-step, m / fma(r, rsqrt_bc2, eps), w*decay)
 *              M = largest |m| of the block, below 2^-106 +0; R = largest r, below
 *                2^-54 +0; m_scale = lnspi_moment_scale(M, 127), v_scale =
 *                lnspi_moment_scale(R, 255)
 *              h = lnspi_random_dither(key, 128*block + i) for element i of the call
 *              q = (127 * 2^14) / M, for M +0: +0; f = fma(m, q, 1.5 * 2^23); the
 *                code of m is bits 14 to 21 of bits(f) + h % 2^14
 *              q = (255 * 2^14) / R, for R +0: +0; f = fma(r, q, 1.5 * 2^23), at
 *                least 1.5 * 2^23 + 2^14, so that the code is 1 or more; the code of v
 *                is bits 14 to 21 of bits(f) + h / 2^18
 * widen_bf16   y[k*lanes + l] = lane l of input k, k < kn, l < lanes (16, 32, 48, 64):
 *              part of a panel of bfloat16 (lowp.h), w at its first input
 * dither_bf16  the way back: the upper half of bits(y[j]) + lnspi_random_dither(key,
 *              element + j) / 2^16, j = k*lanes + l; pad lanes +0. For what is finite
 *              and stays so. element: a multiple of 16
 * noise        normal numbers of eight blocks of ChaCha20, eight of each: noise.h
 *
 * A step of a recurrent layer, elementwise; s(x) = 1 / (1 + exp(-x)), results of the
 * backward ones below FLT_MIN become +0. G[j] = g[j*ld + i], C[j] = c[j*ldc + i].
 * gru          r = s(G0 + C0); z = s(G1 + C1); q = C2; m = tanh(fma(r, q, G2));
 *              y = fma(z, h - m, m); G0..3 = r, z, m, q. y may be h
 * gru_dx       of those G: M = (d*(1-z)) * fma(-m, m, 1);
 *              G0 = (M*q) * (r*(1-r)); G1 = (d*(h-m)) * (z*(1-z)); G2 = M; G3 = M*r;
 *              d = d*z: what goes on to h directly
 * lstm         i = s(G0 + C0); f = s(G1 + C1); m = tanh(G2 + C2); o = s(G3 + C3);
 *              v = fma(f, cell, i*m); t = tanh(v); y = o*t; G0..5 = i, f, m, o, v, t
 * lstm_dx      of those G, cell being the one before: D = fma(d*o, fma(-t, t, 1), dcell);
 *              G0 = (D*m) * (i*(1-i)); G1 = (D*cell) * (f*(1-f));
 *              G2 = (D*i) * fma(-m, m, 1); G3 = (d*t) * (o*(1-o)); dcell = D*f
 *
 * Nearest vectors (row-major, `width` elements each, side by side): y[q*ldy + r] for
 * r < rows, q < queries.
 * near_f32, near_f16  dot(vector r, query q); float16 widened, which is exact. Query q is at
 *              x + q*ldx, and +0 from width to width rounded up to 16.
 * near_i8      sum = the exact integer sum of the products of codes (a vector's may be
 *              -128, a query's not); y = (float)sum * (s[q] * scale[r]). Query q is at
 *              x + q*ldx, and 0 from width to width rounded up to 64; sum[q] is the sum of
 *              its codes. width <= 65536.
 * above        the places i < n, ascending, where x[i] > t; returns how many
 */
#define LNSPI_KERNEL_PRODUCT_LIST(X)                                                           \
  X(void, linear,                                                                              \
    (const float *w, const float *bias, const float *x, int64_t ldx, float *y, int64_t ldy,    \
     int64_t rows, int64_t in, int64_t out))                                                   \
  X(void, linear_dx,                                                                           \
    (const float *w, const float *d, int64_t ldd, float *dx, int64_t lddx, int64_t rows,       \
     int64_t in, int64_t out, int64_t k0, int64_t kn, int pad))                                \
  X(void, grad_strip,                                                                          \
    (float *g, int64_t lanes, const float *d, int64_t ldd, const float *x, int64_t ldx,        \
     int64_t rows, int64_t kn, int add))                                                       \
  X(void, grad_adam,                                                                           \
    (float *w, float *m, float *v, int64_t lanes, const float *d, int64_t ldd, const float *x, \
     int64_t ldx, int64_t rows, int64_t kn, const lnspi_adam *a))
#define LNSPI_KERNEL_OTHER_LIST(X)                                                     \
  X(void, adam,                                                                        \
    (float *w, float *m, float *v, const float *g, int64_t n, const lnspi_adam *a))    \
  X(void, sgd, (float *w, float *b, const float *g, int64_t n, const lnspi_sgd *a))    \
  X(void, ema, (float *e, const float *w, int64_t n, float c))                         \
  X(void, add, (float *y, const float *a, const float *b, int64_t n))                  \
  X(void, scale, (float *y, float a, const float *x, int64_t n))                       \
  X(void, axpy, (float *y, float a, const float *x, int64_t n))                        \
  X(void, mul, (float *y, const float *a, const float *b, int64_t n))                  \
  X(float, sum, (const float *x, int64_t n))                                           \
  X(float, dot, (const float *a, const float *b, int64_t n))                           \
  X(float, diff2, (const float *a, const float *b, int64_t n))                         \
  X(float, max_abs, (const float *x, int64_t n))                                       \
  X(float, maximum, (const float *x, int64_t n))                                       \
  X(int, finite, (const float *x, int64_t n))                                          \
  X(void, column_sum, (float *g, const float *d, int64_t ld, int64_t rows, int64_t n)) \
  X(void, softmax, (float *y, const float *x, int64_t n))                              \
  X(void, softmax_dx, (float *dx, const float *dy, const float *y, int64_t n))         \
  X(void, layernorm,                                                                   \
    (float *y, const float *x, const float *w, const float *b, int64_t n, float eps,   \
     float *stats))                                                                    \
  X(void, layernorm_dx,                                                                \
    (float *dx, const float *dy, const float *x, const float *w, const float *stats,   \
     int64_t n, float *gw, float *gb))                                                 \
  X(float, unit, (float *y, const float *x, int64_t n, float eps))                     \
  X(void, unit_dx,                                                                     \
    (float *dx, const float *dy, const float *y, float m, int64_t n, float eps))       \
  X(void, act, (int kind, float *y, const float *x, int64_t n))                        \
  X(void, act_dx, (int kind, float *dx, const float *dy, const float *x, int64_t n))   \
  X(void, flush, (float *y, const float *x, int64_t n))                                \
  X(void, f16_to_f32, (float *y, const uint16_t *x, int64_t n))                        \
  X(void, f32_to_f16, (uint16_t * y, const float *x, int64_t n))                       \
  X(void, bf16_to_f32, (float *y, const uint16_t *x, int64_t n))                       \
  X(void, f32_to_bf16, (uint16_t * y, const float *x, int64_t n))
#define LNSPI_KERNEL_FLOAT_LIST(X) LNSPI_KERNEL_PRODUCT_LIST(X) LNSPI_KERNEL_OTHER_LIST(X)

/*
 * Weights stored in fewer bytes, packed as lowp.h says; rows, strides, bias and
 * pads as in linear and linear_dx.
 *
 * linear_bf16, linear_f16, linear_dx_bf16: the bits of linear and linear_dx on the
 *              weights widened to float32, which is exact.
 * linear_i8    int8 times int8. Each row of x is quantised by itself:
 *              m = max |x[k]|; s = m / 127; i = 127 / m;
 *              q[k] = fma(x[k], i, 0x1.8p23f) - 0x1.8p23f, the nearest integer, ties
 *              to even; all q are 0 if m < 2^-120 (i would overflow) or m is not
 *              finite. sum = the exact integer sum over k of q[k]*W[o][k];
 *              y[o] = fma((float)sum, s * scale[o], bias[o]). in <= 65536: the sum
 *              fits an int32. scratch has lnspi_lowp_scratch_floats floats.
 */
#define LNSPI_KERNEL_LOWP_LIST(X)                                                          \
  X(void, linear_bf16,                                                                     \
    (const void *w, const float *bias, const float *x, int64_t ldx, float *y, int64_t ldy, \
     int64_t rows, int64_t in, int64_t out))                                               \
  X(void, linear_f16,                                                                      \
    (const void *w, const float *bias, const float *x, int64_t ldx, float *y, int64_t ldy, \
     int64_t rows, int64_t in, int64_t out))                                               \
  X(void, linear_dx_bf16,                                                                  \
    (const void *w, const float *d, int64_t ldd, float *dx, int64_t lddx, int64_t rows,    \
     int64_t in, int64_t out, int pad))                                                    \
  X(void, linear_i8,                                                                       \
    (const void *w, const float *bias, const float *x, int64_t ldx, float *y, int64_t ldy, \
     int64_t rows, int64_t in, int64_t out, void *scratch))

/* Each of the first list is tested in tests/kernels/test_kernels.c, each of the second in
 * tests/kernels/test_lowp.c: a kernel without a test does not compile there. */
#define LNSPI_KERNEL_MOMENT_LIST(X)                                                      \
  X(void, adam8,                                                                         \
    (float *w, const lnspi_moments8 *s, const float *g, int64_t n, const lnspi_adam *a)) \
  X(void, widen_bf16, (float *y, const void *w, int64_t lanes, int64_t kn))              \
  X(void, dither_bf16,                                                                   \
    (void *w, const float *y, int64_t lanes, int64_t kn, const uint32_t key[2],          \
     uint32_t element))                                                                  \
  X(void, noise,                                                                         \
    (float *out, const uint32_t key[8], const uint32_t nonce[3], const uint32_t counter[8]))

/* tests/kernels/test_recurrent_kernels.c */
#define LNSPI_KERNEL_RECURRENT_LIST(X)                                                        \
  X(void, gru,                                                                                \
    (float *g, int64_t ld, const float *c, int64_t ldc, const float *h, float *y, int64_t n)) \
  X(void, gru_dx, (float *g, int64_t ld, float *d, const float *h, int64_t n))                \
  X(void, lstm,                                                                               \
    (float *g, int64_t ld, const float *c, int64_t ldc, const float *cell, float *y,          \
     int64_t n))                                                                              \
  X(void, lstm_dx,                                                                            \
    (float *g, int64_t ld, const float *d, float *dcell, const float *cell, int64_t n))

/* Tested in tests/kernels/test_scan_kernels.c. */
#define LNSPI_KERNEL_SCAN_LIST(X)                                                        \
  X(void, mul_add, (float *y, const float *a, const float *b, int64_t n))                \
  X(void, scan_rates, (float *rate, const float *a, int64_t states, int64_t lanes))      \
  X(void, scan,                                                                          \
    (float *y, const float *u, const float *delta, const float *rate, const float *b,    \
     int64_t ldb, int64_t steps, int64_t states))                                        \
  X(void, scan_dx,                                                                       \
    (float *du, float *ddelta, float *db, float *drate, const float *dy, const float *u, \
     const float *delta, const float *rate, const float *b, int64_t ldb, int64_t steps,  \
     int64_t states, float *work))

/* Tested in tests/kernels/test_search_kernels.c. */
#define LNSPI_KERNEL_NEAR_LIST(X)                                                              \
  X(void, near_f32,                                                                            \
    (const float *vectors, int64_t rows, int64_t width, const float *x, int64_t ldx,           \
     int64_t queries, float *y, int64_t ldy))                                                  \
  X(void, near_f16,                                                                            \
    (const uint16_t *vectors, int64_t rows, int64_t width, const float *x, int64_t ldx,        \
     int64_t queries, float *y, int64_t ldy))                                                  \
  X(void, near_i8,                                                                             \
    (const int8_t *vectors, const float *scale, int64_t rows, int64_t width, const int8_t *x,  \
     int64_t ldx, const float *s, const int32_t *sum, int64_t queries, float *y, int64_t ldy)) \
  X(int64_t, above, (const float *x, int64_t n, float t, int32_t *places))
#define LNSPI_KERNEL_REST_LIST(X) \
  LNSPI_KERNEL_OTHER_LIST(X)      \
  LNSPI_KERNEL_LOWP_LIST(X)       \
  LNSPI_KERNEL_MOMENT_LIST(X)     \
  LNSPI_KERNEL_RECURRENT_LIST(X) LNSPI_KERNEL_SCAN_LIST(X) LNSPI_KERNEL_NEAR_LIST(X)
#define LNSPI_KERNEL_LIST(X) LNSPI_KERNEL_PRODUCT_LIST(X) LNSPI_KERNEL_REST_LIST(X)

typedef struct lnspi_kernels {
  const char *name;
  uint32_t features; /* LNSPI_CPU_ bits it needs */
#define LNSPI_X(result, name, parameters) result(*name) parameters;
  LNSPI_KERNEL_LIST(LNSPI_X)
#undef LNSPI_X
} lnspi_kernels;

extern const lnspi_kernels lnspi_kernels_scalar;

#if LNSPI_X86_SETS
extern const lnspi_kernels lnspi_kernels_avx2;
extern const lnspi_kernels lnspi_kernels_avx512;
extern const lnspi_kernels lnspi_kernels_avx512vnni; /* the same but for linear_i8 */
#if LNSPI_HAS_AMX
extern const lnspi_kernels lnspi_kernels_avx512amx; /* likewise */
#endif
#endif

#if LNSPI_ARM_SETS
extern const lnspi_kernels lnspi_kernels_neon;
#endif

#if defined(LNSP_CBLAS) /* a set of each kind whose large products a BLAS computes (cblas.h) */
extern const lnspi_kernels lnspi_kernels_cblas_scalar;
#if LNSPI_X86_SETS
extern const lnspi_kernels lnspi_kernels_cblas_avx2;
extern const lnspi_kernels lnspi_kernels_cblas_avx512;
extern const lnspi_kernels lnspi_kernels_cblas_avx512vnni;
#endif
#if LNSPI_ARM_SETS
extern const lnspi_kernels lnspi_kernels_cblas_neon;
#endif
#endif

/* top / most with 16 significant bits, so that a code times it is exact: the codes
 * can be had back from the values. */
static inline float lnspi_moment_scale(float top, float most) {
  return lnspi_bits_float((lnspi_float_bits(top / most) + 0x80u) & 0xffffff00u);
}

static inline int64_t lnspi_round16(int64_t n) { return (n + 15) & ~(int64_t)15; }

static inline int64_t lnspi_packed_floats(int64_t in, int64_t out) {
  return lnspi_round16(out) * in;
}

#endif

/* The reference kernel set: plain C, one element at a time.
 *
 * This file is the contract of kernels.h in code: the tests compare every other set with it by
 * memcmp, and CPUs without vector instructions run it. So it is written to be read against
 * the contract. Kernels that treat each element by itself (activations, updates, conversions)
 * come from the same template as those of the vector sets, elementwise.h, with vectors of one
 * lane; that makes the LV_ macros below the plainest set of them. Products and sums, where
 * the sets differ most, are written out here and share nothing with matrix.h and vector.h, so
 * that a mistake there cannot hide.
 *
 * A sum has 16 lanes in every set. Here they are an array p[16] into which term i goes at
 * i % 16; a compiler may turn that into vectors, which changes no bit, since a lane is still
 * added in order. */
/* Hot: built for speed. */
#include "kernels/scalar.h"

#include "base/bytes.h"
#include "base/min_max.h"
#include "kernels/fma.h"
#include "kernels/kernels.h"
#include "kernels/noise.h"

#include <string.h>
#include "kernels/common.h"

/* The LV_ macros for one lane. Integers are unsigned; comparisons are signed. */
#define LV_F(name) scalar_##name
#define LV_T(name) scalar_##name
#define LV_W 1
#define LV_V float
#define LV_I uint32_t
#define LV_M int
#define LV_LOAD(p) (*(p))
#define LV_LOADN(p, n) ((void)(n), *(p))
#define LV_STORE(p, v) (*(p) = (v))
#define LV_STOREN(p, n, v) ((void)(n), *(p) = (v))
#define LV_LOAD16(p) ((uint32_t) * (p))
#define LV_STORE16(p, i) (*(p) = (uint16_t)(i))
#define LV_LOAD32(p) (*(p))
#define LV_STORE32(p, i) (*(p) = (i))
#define LV_LOADI8(p) ((uint32_t)(int32_t) * (p))
#define LV_LOADU8(p) ((uint32_t) * (p))
#define LV_STORE8(p, i) (*(uint8_t *)(p) = (uint8_t)(i))
#define LV_SET(f) (f)
#if LNSPI_FMA_HARDWARE
#define LV_FMA(a, b, c) lnspi_fma_inline((a), (b), (c))
#else
/* a call: in line it would be most of the code of every function */
static LNSPI_NOINLINE float scalar_fma(float a, float b, float c) {
  return lnspi_fma_software(a, b, c);
}
#define LV_FMA(a, b, c) scalar_fma((a), (b), (c))
#endif
#define LV_MUL(a, b) ((a) * (b))
#define LV_ADD(a, b) ((a) + (b))
#define LV_SUB(a, b) ((a) - (b))
#define LV_DIV(a, b) ((a) / (b))
#define LV_SQRT(a) sqrtf(a)
#define LV_MAX(a, b) lnspi_max_f32((a), (b))
#define LV_MIN(a, b) lnspi_min_f32((a), (b))
#define LV_ABS(a) lnspi_bits_float(lnspi_float_bits(a) & 0x7fffffffu)
#define LV_NEG(a) (-(a))
#define LV_SIGN(a, s) \
  lnspi_bits_float(lnspi_float_bits(a) | (lnspi_float_bits(s) & 0x80000000u))
#define LV_LT(a, b) ((a) < (b))
#define LV_GT(a, b) ((a) > (b))
#define LV_NAN(a) ((a) != (a))
#define LV_HMAX(a) (a)
#define LV_MAXABS(a, b) lnspi_max_f32((a), LV_ABS(b))
#define LV_SELECT(m, a, b) ((m) ? (a) : (b))
#define LV_CLEAR(m, v) ((m) ? 0.0f : (v))
#define LV_BITS(v) lnspi_float_bits(v)
#define LV_FLOAT(i) lnspi_bits_float(i)
#define LV_TOFLOAT(i) ((float)(int32_t)(i))
#define LV_ISET(i) ((uint32_t)(i))
#define LV_IADD(a, b) ((a) + (b))
#define LV_ISUB(a, b) ((a) - (b))
#define LV_IMUL(a, b) ((a) * (b))
#define LV_IAND(a, b) ((a) & (b))
#define LV_IOR(a, b) ((a) | (b))
#define LV_IXOR(a, b) ((a) ^ (b))
#define LV_ISHL(a, n) ((a) << (n))
#define LV_ISHR(a, n) ((a) >> (n))
#define LV_ISAR(a, n) ((uint32_t)((int32_t)(a) >> (n)))
#define LV_IGT(a, b) ((int32_t)(a) > (int32_t)(b))
#define LV_ISELECT(m, a, b) ((m) ? (a) : (b))

#include "kernels/elementwise.h"

/* ---- matrices and sums: written plainly, independent of vector.h ---- */

/* Lanes of a panel of packed weights: 64, or what the last one has. */
static int64_t scalar_panel_lanes(int64_t out, int64_t panel) {
  int64_t left = lnspi_round16(out) - 64 * panel;
  return left < 64 ? left : 64;
}

/* The tree that ends every sum: pairs that are 8, 4 and 2 lanes apart, as halving a vector
 * adds them. */
static float scalar_tree(const float *p) {
  float s[8], t[4];
  for (int i = 0; i < 8; i++) s[i] = p[i] + p[i + 8];
  for (int i = 0; i < 4; i++) t[i] = s[i] + s[i + 4];
  return (t[0] + t[2]) + (t[1] + t[3]);
}

/* 16 outputs of one row: 16 chains side by side. */
static void scalar_chains(const float *w, int64_t lanes, const float *bias, const float *x,
                          float *y, int64_t in) {
  float sum[16] = {0};
  if (bias) memcpy(sum, bias, sizeof sum);
  for (int64_t k = 0; k < in; k++)
    for (int l = 0; l < 16; l++) sum[l] = lnspi_fma_inline(w[k * lanes + l], x[k], sum[l]);
  memcpy(y, sum, sizeof sum);
}

static void scalar_linear(const float *w, const float *bias, const float *x, int64_t ldx,
                          float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  for (int64_t o = 0; o < out; o += 16) {
    int64_t panel = o / 64, lanes = scalar_panel_lanes(out, panel);
    const float *wo = w + 64 * panel * in + (o - 64 * panel);
    for (int64_t r = 0; r < rows; r++)
      scalar_chains(wo, lanes, bias ? bias + o : NULL, x + r * ldx, y + r * ldy + o, in);
  }
}

/* One element of linear_dx. Its terms are outputs, of which lane l of a panel is output
 * 64 * panel + l, so lanes of the sum and lanes of the panel coincide. */
static float scalar_input_gradient(const float *w, const float *d, int64_t k, int64_t in,
                                   int64_t out) {
  float p[16] = {0};
  for (int64_t panel = 0; 64 * panel < out; panel++) {
    int64_t lanes = scalar_panel_lanes(out, panel);
    const float *wk = w + 64 * panel * in + k * lanes;
    for (int64_t l = 0; l < lanes; l++)
      p[l % 16] = lnspi_fma_inline(wk[l], d[64 * panel + l], p[l % 16]);
  }
  return scalar_tree(p);
}

static void scalar_linear_dx(const float *w, const float *d, int64_t ldd, float *dx,
                             int64_t lddx, int64_t rows, int64_t in, int64_t out, int64_t k0,
                             int64_t kn, int pad) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t k = k0; k < k0 + kn; k++)
      dx[r * lddx + k] = scalar_input_gradient(w, d + r * ldd, k, in, out);
    if (pad && k0 + kn == in)
      for (int64_t k = in; k < lnspi_round16(in); k++) dx[r * lddx + k] = 0;
  }
}

static void scalar_grad_strip(float *g, int64_t lanes, const float *d, int64_t ldd,
                              const float *x, int64_t ldx, int64_t rows, int64_t kn, int add) {
  for (int64_t k = 0; k < kn; k++) {
    float *gk = g + k * lanes;
    if (!add) memset(gk, 0, (size_t)lanes * sizeof *gk);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t l = 0; l < lanes; l++)
        gk[l] = lnspi_fma_inline(d[r * ldd + l], x[r * ldx + k], gk[l]);
  }
}

static void scalar_grad_adam(float *w, float *m, float *v, int64_t lanes, const float *d,
                             int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t kn,
                             const lnspi_adam *a) {
  for (int64_t k = 0; k < kn; k++, w += lanes, m += lanes, v += lanes) {
    float g[64];
    scalar_grad_strip(g, lanes, d, ldd, x + k, ldx, rows, 1, 0);
    scalar_adam(w, m, v, g, lanes, a);
  }
}

/* The zero terms from n up to a multiple of 16: they turn a sum of -0 into +0. */
static void scalar_pad_sum(float p[16], int64_t n) {
  for (int64_t i = n; i < lnspi_round16(n); i++) p[i % 16] = p[i % 16] + 0.0f;
}

static float scalar_sum(const float *x, int64_t n) {
  float p[16] = {0};
  for (int64_t i = 0; i < n; i++) p[i % 16] = p[i % 16] + x[i];
  scalar_pad_sum(p, n);
  return scalar_tree(p);
}

static float scalar_dot(const float *a, const float *b, int64_t n) {
  float p[16] = {0};
  for (int64_t i = 0; i < n; i++) p[i % 16] = lnspi_fma_inline(a[i], b[i], p[i % 16]);
  scalar_pad_sum(p, n);
  return scalar_tree(p);
}

static float scalar_diff2(const float *a, const float *b, int64_t n) {
  float p[16] = {0};
  for (int64_t i = 0; i < n; i++) {
    float t = a[i] - b[i];
    p[i % 16] = lnspi_fma_inline(t, t, p[i % 16]);
  }
  scalar_pad_sum(p, n);
  return scalar_tree(p);
}

/* As integers, magnitudes order like floats, with infinity and then NaN on top. */
static uint32_t scalar_top(const float *x, int64_t n) {
  uint32_t top = 0;
  for (int64_t i = 0; i < n; i++) {
    uint32_t u = lnspi_float_bits(x[i]) & 0x7fffffffu;
    if (u > top) top = u;
  }
  return top;
}

static float scalar_max_abs(const float *x, int64_t n) {
  return lnspi_bits_float(scalar_top(x, n));
}

static int scalar_finite(const float *x, int64_t n) { return scalar_top(x, n) < 0x7f800000u; }

/* +0 counts as above -0, as its bits say; the first NaN ends the search. */
static float scalar_maximum(const float *x, int64_t n) {
  float top = x[0];
  for (int64_t i = 0; i < n; i++) {
    if (x[i] != x[i]) return lnspi_bits_float(0x7fc00000u);
    if (x[i] > top || (x[i] == 0 && top == 0 && lnspi_float_bits(x[i]) == 0)) top = x[i];
  }
  return top;
}

static void scalar_softmax(float *y, const float *x, int64_t n) {
  if (n <= 0) return;
  float top = scalar_maximum(x, n);
  for (int64_t i = 0; i < n; i++) y[i] = scalar_exp(x[i] - top);
  float s = scalar_sum(y, n);
  for (int64_t i = 0; i < n; i++) y[i] = y[i] / s;
}

static void scalar_softmax_dx(float *dx, const float *dy, const float *y, int64_t n) {
  float s = scalar_dot(dy, y, n);
  for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (dy[i] - s);
}

static void scalar_layernorm(float *y, const float *x, const float *w, const float *b,
                             int64_t n, float eps, float *stats) {
  float mean = scalar_sum(x, n) / (float)n;
  float p[16] = {0};
  for (int64_t i = 0; i < n; i++) {
    float t = x[i] - mean;
    p[i % 16] = lnspi_fma_inline(t, t, p[i % 16]);
  }
  scalar_pad_sum(p, n);
  float variance = scalar_tree(p) / (float)n;
  float rstd = 1.0f / sqrtf(variance + eps);
  for (int64_t i = 0; i < n; i++) {
    float h = (x[i] - mean) * rstd;
    y[i] = w ? lnspi_fma_inline(h, w[i], b[i]) : h;
  }
  stats[0] = mean;
  stats[1] = rstd;
}

static void scalar_layernorm_dx(float *dx, const float *dy, const float *x, const float *w,
                                const float *stats, int64_t n, float *gw, float *gb) {
  float mean = stats[0], rstd = stats[1];
  float pa[16] = {0}, pc[16] = {0};
  for (int64_t i = 0; i < n; i++) {
    float h = (x[i] - mean) * rstd;
    float u = w ? dy[i] * w[i] : dy[i];
    pa[i % 16] = pa[i % 16] + u;
    pc[i % 16] = lnspi_fma_inline(u, h, pc[i % 16]);
    if (gw) {
      gw[i] = lnspi_fma_inline(dy[i], h, gw[i]);
      gb[i] = gb[i] + dy[i];
    }
  }
  if (!dx) return;
  scalar_pad_sum(pa, n);
  scalar_pad_sum(pc, n);
  float a = scalar_tree(pa) / (float)n, c = scalar_tree(pc) / (float)n;
  for (int64_t i = 0; i < n; i++) {
    float h = (x[i] - mean) * rstd;
    float u = w ? dy[i] * w[i] : dy[i];
    dx[i] = rstd * (lnspi_fma_inline(-h, c, u) - a);
  }
}

static float scalar_unit(float *y, const float *x, int64_t n, float eps) {
  float s = sqrtf(scalar_dot(x, x, n));
  float m = s > eps ? s : eps;
  for (int64_t i = 0; i < n; i++) y[i] = x[i] / m;
  return m;
}

static void scalar_unit_dx(float *dx, const float *dy, const float *y, float m, int64_t n,
                           float eps) {
  float s = m > eps ? scalar_dot(dy, y, n) : 0;
  for (int64_t i = 0; i < n; i++) {
    float t = m > eps ? lnspi_fma_inline(-y[i], s, dy[i]) : dy[i];
    dx[i] = t / m;
  }
}

#include "kernels/lowp_scalar.h"

/* ---- nearest vectors ---- */

static void scalar_near_f32(const float *vectors, int64_t rows, int64_t width, const float *x,
                            int64_t ldx, int64_t queries, float *y, int64_t ldy) {
  for (int64_t q = 0; q < queries; q++)
    for (int64_t r = 0; r < rows; r++)
      y[q * ldy + r] = scalar_dot(vectors + r * width, x + q * ldx, width);
}

static void scalar_near_f16(const uint16_t *vectors, int64_t rows, int64_t width,
                            const float *x, int64_t ldx, int64_t queries, float *y,
                            int64_t ldy) {
  for (int64_t r = 0; r < rows; r++, vectors += width)
    for (int64_t q = 0; q < queries; q++) {
      float p[16] = {0}, wide[16];
      for (int64_t i = 0; i < width; i += 16) {
        int64_t n = width - i < 16 ? width - i : 16;
        lnspi_kernels_scalar.f16_to_f32(wide, vectors + i, n);
        for (int64_t l = 0; l < n; l++)
          p[l] = lnspi_fma_inline(wide[l], x[q * ldx + i + l], p[l]);
      }
      scalar_pad_sum(p, width);
      y[q * ldy + r] = scalar_tree(p);
    }
}

static void scalar_near_i8(const int8_t *vectors, const float *scale, int64_t rows,
                           int64_t width, const int8_t *x, int64_t ldx, const float *s,
                           const int32_t *sum, int64_t queries, float *y, int64_t ldy) {
  (void)sum;
  for (int64_t q = 0; q < queries; q++)
    for (int64_t r = 0; r < rows; r++) {
      int32_t total = 0;
      for (int64_t k = 0; k < width; k++) total += vectors[r * width + k] * x[q * ldx + k];
      y[q * ldy + r] = (float)total * (s[q] * scale[r]);
    }
}

static int64_t scalar_above(const float *x, int64_t n, float t, int32_t *places) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++)
    if (x[i] > t) places[count++] = (int32_t)i;
  return count;
}

#define scalar_noise lnspi_noise

const lnspi_kernels lnspi_kernels_scalar = {"scalar", 0, LNSPI_KERNEL_LIST(LNSPI_KERNEL_ENTRY)};

#include "kernels/cblas.h"
#if defined(LNSP_CBLAS)
const lnspi_kernels lnspi_kernels_cblas_scalar = LNSPI_CBLAS_TABLE(0);
#endif

float lnspi_scalar_exp(float x) { return scalar_exp(x); }

float lnspi_scalar_log(float x) { return scalar_log(x); }

float lnspi_scalar_erf(float x) { return scalar_erf(x); }

float lnspi_scalar_tanh(float x) { return scalar_tanh(x); }

float lnspi_scalar_sigmoid(float x) { return scalar_sigmoid(x); }

float lnspi_scalar_fma(float a, float b, float c) { return lnspi_fma_inline(a, b, c); }

#undef scalar_noise
#include "kernels/undefine.h"

/* Template, at the end of a kernel set in builds with CBLAS: the same set, but for its
 * products of many rows, which a BLAS computes, in an order of its own. Not the bits
 * that kernels.h promises; never chosen by "auto".
 *   LNSPI_CBLAS_TABLE(features)  the table, with the set's other entries as they are */
#include "kernels/common.h"

#include "kernels/kernels.h"

#if defined(LNSP_CBLAS)

/* In cblas.c; 0: too few rows for it, nothing is done. */
#ifndef LNSPI_KERNELS_CBLAS_H
#define LNSPI_KERNELS_CBLAS_H
int lnspi_cblas_linear(const float *w, const float *bias, const float *x, int64_t ldx, float *y,
                       int64_t ldy, int64_t rows, int64_t in, int64_t out);
int lnspi_cblas_linear_dx(const float *w, const float *d, int64_t ldd, float *dx, int64_t lddx,
                          int64_t rows, int64_t in, int64_t out, int64_t k0, int64_t kn,
                          int pad);
int lnspi_cblas_grad(float *g, int64_t lanes, const float *d, int64_t ldd, const float *x,
                     int64_t ldx, int64_t rows, int64_t kn, int add);
#define LNSPI_CBLAS_INPUTS 32 /* of a gradient that is updated at once */
#define LNSPI_CBLAS_PRODUCT(result, name, parameters) LV_F(cblas_##name),
#define LNSPI_CBLAS_TABLE(needs) \
  {"cblas", (needs),             \
   LNSPI_KERNEL_PRODUCT_LIST(LNSPI_CBLAS_PRODUCT) LNSPI_KERNEL_REST_LIST(LNSPI_KERNEL_ENTRY)}
#endif

#if defined(LV_F)
static void LV_F(cblas_linear)(const float *w, const float *bias, const float *x, int64_t ldx,
                               float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  if (!lnspi_cblas_linear(w, bias, x, ldx, y, ldy, rows, in, out))
    LV_F(linear)(w, bias, x, ldx, y, ldy, rows, in, out);
}

static void LV_F(cblas_linear_dx)(const float *w, const float *d, int64_t ldd, float *dx,
                                  int64_t lddx, int64_t rows, int64_t in, int64_t out,
                                  int64_t k0, int64_t kn, int pad) {
  if (!lnspi_cblas_linear_dx(w, d, ldd, dx, lddx, rows, in, out, k0, kn, pad))
    LV_F(linear_dx)(w, d, ldd, dx, lddx, rows, in, out, k0, kn, pad);
}

static void LV_F(cblas_grad_strip)(float *g, int64_t lanes, const float *d, int64_t ldd,
                                   const float *x, int64_t ldx, int64_t rows, int64_t kn,
                                   int add) {
  if (!lnspi_cblas_grad(g, lanes, d, ldd, x, ldx, rows, kn, add))
    LV_F(grad_strip)(g, lanes, d, ldd, x, ldx, rows, kn, add);
}

static void LV_F(cblas_grad_adam)(float *w, float *m, float *v, int64_t lanes, const float *d,
                                  int64_t ldd, const float *x, int64_t ldx, int64_t rows,
                                  int64_t kn, const lnspi_adam *a) {
  float g[64 * LNSPI_CBLAS_INPUTS];
  for (int64_t k = 0; k < kn; k += LNSPI_CBLAS_INPUTS) {
    const int64_t n = kn - k < LNSPI_CBLAS_INPUTS ? kn - k : LNSPI_CBLAS_INPUTS, at = k * lanes;
    if (lnspi_cblas_grad(g, lanes, d, ldd, x + k, ldx, rows, n, 0))
      LV_F(adam)(w + at, m + at, v + at, g, n * lanes, a);
    else
      LV_F(grad_adam)(w + at, m + at, v + at, lanes, d, ldd, x + k, ldx, rows, n, a);
  }
}

#endif
#endif

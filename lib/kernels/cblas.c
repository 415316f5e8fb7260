/* Products of many rows by a BLAS, in builds with CBLAS=1: see cblas.h. Nothing otherwise. */
/* Hot: built for speed. */
#include "kernels/kernels.h"

#if defined(LNSP_CBLAS)
#include <cblas.h>
#include <string.h>

#include "kernels/cblas.h"

#define CBLAS_ROWS 64       /* with fewer the library's own products are faster */
#define CBLAS_GRAD_ROWS 256 /* the same for gradients, whose strips are small   */
#define CBLAS_MOST 0x7fffffff

/* What a BLAS is worth, and what an int holds. */
static int cblas_takes(int64_t rows, int64_t least, int64_t ld0, int64_t ld1) {
  return rows >= least && rows <= CBLAS_MOST && ld0 <= CBLAS_MOST && ld1 <= CBLAS_MOST;
}

static int64_t cblas_lanes(int64_t out, int64_t o) {
  const int64_t left = lnspi_round16(out) - o;
  return left < 64 ? left : 64;
}

/* A panel is a row-major matrix [in][lanes]. */
int lnspi_cblas_linear(const float *w, const float *bias, const float *x, int64_t ldx, float *y,
                       int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  if (!cblas_takes(rows, CBLAS_ROWS, ldx, ldy) || in < 1) return 0;
  for (int64_t o = 0; o < out; o += 64) {
    const int64_t lanes = cblas_lanes(out, o);
    if (bias)
      for (int64_t r = 0; r < rows; r++)
        memcpy(y + r * ldy + o, bias + o, (size_t)lanes * sizeof *y);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)lanes, (int)in, 1.0f,
                x, (int)ldx, w + o * in, (int)lanes, bias ? 1.0f : 0.0f, y + o, (int)ldy);
  }
  return 1;
}

int lnspi_cblas_linear_dx(const float *w, const float *d, int64_t ldd, float *dx, int64_t lddx,
                          int64_t rows, int64_t in, int64_t out, int64_t k0, int64_t kn,
                          int pad) {
  const int64_t pads = pad && k0 + kn == in ? lnspi_round16(in) - in : 0;
  if (!cblas_takes(rows, CBLAS_ROWS, ldd, lddx) || kn < 1) return 0;
  for (int64_t o = 0; o < out; o += 64) {
    const int64_t lanes = cblas_lanes(out, o);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)kn, (int)lanes, 1.0f,
                d + o, (int)ldd, w + o * in + k0 * lanes, (int)lanes, o ? 1.0f : 0.0f, dx + k0,
                (int)lddx);
  }
  if (pads)
    for (int64_t r = 0; r < rows; r++) memset(dx + r * lddx + in, 0, (size_t)pads * sizeof *dx);
  return 1;
}

int lnspi_cblas_grad(float *g, int64_t lanes, const float *d, int64_t ldd, const float *x,
                     int64_t ldx, int64_t rows, int64_t kn, int add) {
  if (!cblas_takes(rows, CBLAS_GRAD_ROWS, ldd, ldx) || kn < 1) return 0;
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)kn, (int)lanes, (int)rows, 1.0f, x,
              (int)ldx, d, (int)ldd, add ? 1.0f : 0.0f, g, (int)lanes);
  return 1;
}
#endif

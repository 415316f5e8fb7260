/* Template: the kernels for weights in bfloat16, float16 and int8 (compact.h). */
#include "kernels/compact.h"

static void LV_F(linear_bf16)(const void *w, const float *bias, const float *x, int64_t ldx,
                              float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  lnspi_kernels_scalar.linear_bf16(w, bias, x, ldx, y, ldy, rows, in, out);
}

static void LV_F(linear_f16)(const void *w, const float *bias, const float *x, int64_t ldx,
                             float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  lnspi_kernels_scalar.linear_f16(w, bias, x, ldx, y, ldy, rows, in, out);
}

static void LV_F(linear_dx_bf16)(const void *w, const float *d, int64_t ldd, float *dx,
                                 int64_t lddx, int64_t rows, int64_t in, int64_t out, int pad) {
  lnspi_kernels_scalar.linear_dx_bf16(w, d, ldd, dx, lddx, rows, in, out, pad);
}

static void LV_F(linear_i8)(const void *w, const float *bias, const float *x, int64_t ldx,
                            float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out,
                            void *scratch) {
  lnspi_kernels_scalar.linear_i8(w, bias, x, ldx, y, ldy, rows, in, out, scratch);
}

/* The reference kernels for weights in bfloat16, float16 and int8 (lowp.h), part
 * of scalar.c: a group of lanes is widened, then goes the way of the float kernels. */
#include "base/bytes.h"
#include "kernels/fma.h"
#include "kernels/kernels.h"
#include "kernels/lowp.h"

/* Lanes of output o's group of 32 that there are, and halves an input takes. */
static int scalar_group(int64_t out, int64_t o, int64_t *step) {
  int64_t panel = lnspi_round32(out) - o / 64 * 64, left = lnspi_round16(out) - o;
  *step = panel < 64 ? panel : 64;
  return left < 32 ? 16 : 32;
}

static const uint16_t *scalar_group_at(const void *w, int64_t in, int64_t o) {
  return (const uint16_t *)w + o / 64 * 64 * in + o % 64;
}

static void scalar_widen(int32_t dtype, float wide[32], const uint16_t *group) {
  if (dtype == LNSP_F16) {
    scalar_f16_to_f32(wide, group, 32);
    return;
  }
  uint32_t words[16];
  memcpy(words, group, sizeof words);
  for (int l = 0; l < 16; l++) {
    wide[l] = lnspi_bits_float(words[l] << 16);
    wide[l + 16] = lnspi_bits_float(words[l] & 0xffff0000u);
  }
}

static void scalar_linear16(int32_t dtype, const void *w, const float *bias, const float *x,
                            int64_t ldx, float *y, int64_t ldy, int64_t rows, int64_t in,
                            int64_t out) {
  for (int64_t o = 0; o < out; o += 32) {
    int64_t step;
    int lanes = scalar_group(out, o, &step);
    for (int64_t r = 0; r < rows; r++) {
      const uint16_t *group = scalar_group_at(w, in, o);
      float sum[32] = {0}, wide[32];
      if (bias) memcpy(sum, bias + o, (size_t)lanes * sizeof sum[0]);
      for (int64_t k = 0; k < in; k++, group += step) {
        scalar_widen(dtype, wide, group);
        for (int l = 0; l < lanes; l++)
          sum[l] = lnspi_fma_inline(wide[l], x[r * ldx + k], sum[l]);
      }
      memcpy(y + r * ldy + o, sum, (size_t)lanes * sizeof sum[0]);
    }
  }
}

static void scalar_linear_bf16(const void *w, const float *bias, const float *x, int64_t ldx,
                               float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  scalar_linear16(LNSP_BF16, w, bias, x, ldx, y, ldy, rows, in, out);
}

static void scalar_linear_f16(const void *w, const float *bias, const float *x, int64_t ldx,
                              float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out) {
  scalar_linear16(LNSP_F16, w, bias, x, ldx, y, ldy, rows, in, out);
}

static void scalar_linear_dx_bf16(const void *w, const float *d, int64_t ldd, float *dx,
                                  int64_t lddx, int64_t rows, int64_t in, int64_t out,
                                  int pad) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t k = 0; k < in; k++) {
      float p[16] = {0}, wide[32];
      for (int64_t o = 0; o < out; o += 32) {
        int64_t step;
        int lanes = scalar_group(out, o, &step);
        scalar_widen(LNSP_BF16, wide, scalar_group_at(w, in, o) + k * step);
        for (int l = 0; l < lanes; l++)
          p[l % 16] = lnspi_fma_inline(wide[l], d[r * ldd + o + l], p[l % 16]);
      }
      dx[r * lddx + k] = scalar_tree(p);
    }
    if (pad) memset(dx + r * lddx + in, 0, (size_t)(lnspi_round16(in) - in) * sizeof *dx);
  }
}

static void scalar_linear_i8(const void *w, const float *bias, const float *x, int64_t ldx,
                             float *y, int64_t ldy, int64_t rows, int64_t in, int64_t out,
                             void *scratch) {
  int64_t round = lnspi_round16(out), padded = lnspi_round4(in);
  int8_t *q = scratch;
  const float *scale = w;
  const int8_t *codes = (const int8_t *)w + 8 * round;
  for (int64_t r = 0; r < rows; r++) {
    float s = lnspi_lowp_quantise(q, 4, x + r * ldx, in);
    for (int64_t k = in; k < padded; k++) q[k] = 0;
    for (int64_t o = 0; o < round; o++) {
      int64_t lanes = scalar_panel_lanes(out, o / 64);
      const int8_t *wo = codes + o / 64 * 64 * padded + o % 64 * 4;
      int32_t sum = 0;
      for (int64_t k = 0; k < padded; k += 4, wo += 4 * lanes)
        sum += wo[0] * q[k] + wo[1] * q[k + 1] + wo[2] * q[k + 2] + wo[3] * q[k + 3];
      float start = bias ? bias[o] : 0.0f;
      y[r * ldy + o] = lnspi_fma_inline((float)sum, s * scale[o], start);
    }
  }
}

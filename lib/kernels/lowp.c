/* Weights in bfloat16, float16 and int8: packing and unpacking.
 *
 * lowp.h has the layouts. Nothing here is fast: a model is packed once. It must be exact
 * about rounding, since the codes are what files and hashes contain: halves by the kernels
 * (to nearest even), int8 by one multiply-add per element. Adding 1.5 * 2^23 to a number of
 * magnitude below 2^22 leaves its nearest integer, ties to even, in the lowest bits of the
 * float, so a code is the lowest byte, and no conversion instruction, which sets might
 * round differently, takes part. */
/* Hot: built for speed. */
#include "kernels/lowp.h"

#include "base/bytes.h"
#include "kernels/kernels.h"
#include "kernels/scalar.h"

enum { LOWP_CHUNK = 64 };

uint64_t lnspi_lowp_bytes(int32_t dtype, int64_t in, int64_t out) {
  if (dtype != LNSP_I8) return 2 * (uint64_t)lnspi_round32(out) * (uint64_t)in;
  return (uint64_t)lnspi_round16(out) * (8 + (uint64_t)lnspi_round4(in));
}

int64_t lnspi_lowp_scratch_floats(int32_t dtype, int64_t rows, int64_t in) {
  if (dtype != LNSP_I8) return 0;
  return (rows < LNSPI_I8_ROWS ? rows : LNSPI_I8_ROWS) * (((in + 63) / 64) * 16 + 1);
}

/* ---- two bytes ---- */

/* Index of the unit that holds output o, input 0: 32 bits for bf16 (two outputs), 16 for f16.
 * *step: units from one input to the next. */
static int64_t lowp_place(int32_t dtype, int64_t in, int64_t out, int64_t o, int64_t *step) {
  int64_t panel = o / 64, lane = o % 64, lanes = lnspi_round32(out) - 64 * panel;
  lanes = lanes < 64 ? lanes : 64;
  int paired = dtype == LNSP_BF16;
  *step = paired ? lanes / 2 : lanes;
  return paired ? 32 * panel * in + lane / 32 * 16 + lane % 16 : 64 * panel * in + lane;
}

static void lowp_put_halves(int32_t dtype, void *packed, int64_t in, int64_t out, int64_t o,
                            const float *row) {
  int64_t step, at = lowp_place(dtype, in, out, o, &step);
  uint16_t half[LOWP_CHUNK];
  for (int64_t k = 0; k < in; k++) {
    int64_t i = k % LOWP_CHUNK, n = in - k < LOWP_CHUNK ? in - k : LOWP_CHUNK;
    if (dtype == LNSP_F16) {
      if (i == 0) lnspi_kernels_scalar.f32_to_f16(half, row + k, n);
      ((uint16_t *)packed)[at + k * step] = half[i];
    } else {
      if (i == 0) lnspi_kernels_scalar.f32_to_bf16(half, row + k, n);
      uint32_t *pair = (uint32_t *)packed + at + k * step;
      *pair = o % 32 < 16 ? (*pair & 0xffff0000u) | half[i]
                          : (*pair & 0xffffu) | (uint32_t)half[i] << 16;
    }
  }
}

static void lowp_get_halves(int32_t dtype, const void *packed, int64_t in, int64_t out,
                            int64_t o, float *row) {
  int64_t step, at = lowp_place(dtype, in, out, o, &step);
  for (int64_t k = 0; k < in; k++) {
    if (dtype == LNSP_F16) {
      lnspi_kernels_scalar.f16_to_f32(row + k, (const uint16_t *)packed + at + k * step, 1);
    } else {
      uint32_t pair = ((const uint32_t *)packed)[at + k * step];
      row[k] = lnspi_bits_float(o % 32 < 16 ? pair << 16 : pair & 0xffff0000u);
    }
  }
}

/* ---- one byte ---- */

float lnspi_lowp_quantise(int8_t *q, int64_t step, const float *x, int64_t n) {
  float m = lnspi_kernels_scalar.max_abs(x, n), factor = lnspi_lowp_quantise_factor(m);
  for (int64_t k = 0; k < n; k++) {
    float near = factor > 0 ? lnspi_scalar_fma(x[k], factor, 0x1.8p23f) : 0;
    q[k / 4 * step + k % 4] = (int8_t)(uint8_t)lnspi_float_bits(near); /* the lowest bits */
  }
  return m / 127.0f;
}

/* Where the codes of row o begin: four inputs, then *step bytes on. */
static int8_t *lowp_codes(void *packed, int64_t in, int64_t out, int64_t o, int64_t *step) {
  int64_t round = lnspi_round16(out), panel = o / 64, lanes = round - 64 * panel;
  lanes = lanes < 64 ? lanes : 64;
  *step = 4 * lanes;
  return (int8_t *)packed + 8 * round + 64 * panel * lnspi_round4(in) + 4 * (o % 64);
}

/* Writes the scale and the sum of a row whose codes are there. */
static void lowp_finish(void *packed, int64_t in, int64_t out, int64_t o, float scale) {
  int64_t step;
  const int8_t *q = lowp_codes(packed, in, out, o, &step);
  int32_t sum = 0;
  for (int64_t k = 0; k < in; k++) sum += q[k / 4 * step + k % 4];
  ((float *)packed)[o] = scale;
  ((int32_t *)packed)[lnspi_round16(out) + o] = sum;
}

void lnspi_lowp_put_codes(void *packed, int64_t in, int64_t out, int64_t o, const int8_t *codes,
                          float scale) {
  int64_t step;
  int8_t *q = lowp_codes(packed, in, out, o, &step);
  for (int64_t k = 0; k < in; k++) q[k / 4 * step + k % 4] = codes[k];
  lowp_finish(packed, in, out, o, scale);
}

float lnspi_lowp_get_codes(const void *packed, int64_t in, int64_t out, int64_t o,
                           int8_t *codes) {
  int64_t step;
  const int8_t *q = lowp_codes((void *)(uintptr_t)packed, in, out, o, &step);
  for (int64_t k = 0; k < in; k++) codes[k] = q[k / 4 * step + k % 4];
  return ((const float *)packed)[o];
}

static void lowp_get_bytes(const void *packed, int64_t in, int64_t out, int64_t o, float *row) {
  int64_t step;
  const int8_t *q = lowp_codes((void *)(uintptr_t)packed, in, out, o, &step);
  float scale = ((const float *)packed)[o];
  for (int64_t k = 0; k < in; k++) row[k] = (float)q[k / 4 * step + k % 4] * scale;
}

/* ---- both ---- */

void lnspi_lowp_pack_rows(int32_t dtype, void *packed, int64_t in, int64_t out, int64_t first,
                          int64_t count, const float *rows, int64_t stride) {
  for (int64_t r = 0; r < count; r++) {
    const float *row = rows + r * stride;
    if (dtype == LNSP_I8) {
      int64_t step;
      int8_t *q = lowp_codes(packed, in, out, first + r, &step);
      float scale = lnspi_lowp_quantise(q, step, row, in);
      lowp_finish(packed, in, out, first + r, scale);
    } else {
      lowp_put_halves(dtype, packed, in, out, first + r, row);
    }
  }
}

void lnspi_lowp_unpack_rows(int32_t dtype, const void *packed, int64_t in, int64_t out,
                            int64_t first, int64_t count, float *rows, int64_t stride) {
  for (int64_t r = 0; r < count; r++) {
    if (dtype == LNSP_I8)
      lowp_get_bytes(packed, in, out, first + r, rows + r * stride);
    else
      lowp_get_halves(dtype, packed, in, out, first + r, rows + r * stride);
  }
}

float lnspi_lowp_value(int32_t dtype, const void *packed, int64_t in, int64_t out, int64_t o,
                       int64_t k) {
  int64_t step, at;
  float value;
  if (dtype == LNSP_I8) {
    const int8_t *q = lowp_codes((void *)(uintptr_t)packed, in, out, o, &step);
    return (float)q[k / 4 * step + k % 4] * ((const float *)packed)[o];
  }
  at = lowp_place(dtype, in, out, o, &step) + k * step;
  if (dtype == LNSP_BF16) {
    uint32_t pair = ((const uint32_t *)packed)[at];
    return lnspi_bits_float(o % 32 < 16 ? pair << 16 : pair & 0xffff0000u);
  }
  lnspi_kernels_scalar.f16_to_f32(&value, (const uint16_t *)packed + at, 1);
  return value;
}

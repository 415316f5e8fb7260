/*
 * Weights stored in two bytes or one: how a matrix of `out` rows and `in` columns
 * is stored. One layout a type for all kernel sets, so that a state can be
 * copied byte by byte. Lanes are outputs; pad lanes and pad inputs are zero.
 *
 * LNSP_BF16, LNSP_F16: panels of 64 lanes as in kernels.h, the last one of 64 or 32
 * (out rounded up to 32). Input k of a panel of n lanes is 2n bytes: n/32 groups of
 * 64 bytes. Panel p starts at byte 128*p*in.
 *   bf16: a group is 16 integers of 32 bits; number l has lane l in its lower half and
 *         lane l + 16 in its upper: a shift or a mask widens it.
 *   f16:  a group is 32 halves, lane after lane.
 *
 * LNSP_I8: R = out rounded up to 16; K = in rounded up to 4.
 *   float scale[R]    largest magnitude of the row / 127
 *   int32_t sum[R]    of the row's codes
 *   int8_t codes[]    panels of n = 64, 48, 32 or 16 lanes as in kernels.h; panel p
 *                     starts at code 64*p*K, and code (k / 4 * n + lane) * 4 + k % 4
 *                     of it is the one of input k.
 */
#ifndef LNSPI_KERNELS_LOWP_H
#define LNSPI_KERNELS_LOWP_H

#include <stdint.h>

static inline int64_t lnspi_round32(int64_t n) { return (n + 31) & ~(int64_t)31; }

static inline int64_t lnspi_round4(int64_t n) { return (n + 3) & ~(int64_t)3; }

#define LNSPI_I8_INPUTS 65536 /* most inputs of linear_i8 */
#define LNSPI_I8_ROWS 64      /* rows that linear_i8 quantises at a time */

/* Bytes of a packed matrix (a multiple of 64); dtype is LNSP_BF16, F16 or I8. */
uint64_t lnspi_lowp_bytes(int32_t dtype, int64_t in, int64_t out);

/* Floats that linear_i8 needs as scratch for up to rows rows; 0 for other types. */
int64_t lnspi_lowp_scratch_floats(int32_t dtype, int64_t rows, int64_t in);

/* Rows first..first+count-1 of a row-major float32 matrix [out][in] into its packed
 * form and back; stride is in floats. Rounds to nearest even; I8 quantises each row
 * as linear_i8 does, and unpacks to code * scale. Pads must be zero beforehand and
 * are not touched. */
void lnspi_lowp_pack_rows(int32_t dtype, void *packed, int64_t in, int64_t out, int64_t first,
                          int64_t count, const float *rows, int64_t stride);
void lnspi_lowp_unpack_rows(int32_t dtype, const void *packed, int64_t in, int64_t out,
                            int64_t first, int64_t count, float *rows, int64_t stride);

/* Element k of row o, as unpacked. */
float lnspi_lowp_value(int32_t dtype, const void *packed, int64_t in, int64_t out, int64_t o,
                       int64_t k);

/* Row o of an I8 matrix as it is in files: in codes in [-127, 127] and their scale.
 * Quantising again what was unpacked might not give the same codes. */
void lnspi_lowp_put_codes(void *packed, int64_t in, int64_t out, int64_t o, const int8_t *codes,
                          float scale);
float lnspi_lowp_get_codes(const void *packed, int64_t in, int64_t out, int64_t o,
                           int8_t *codes);

/* Quantises n floats; code k goes to q[k / 4 * step + k % 4] (step 4: side by side).
 * Returns the scale. */
float lnspi_lowp_quantise(int8_t *q, int64_t step, const float *x, int64_t n);

/* What the codes of a row whose largest magnitude is m are multiplied by, or 0. */
static inline float lnspi_lowp_quantise_factor(float m) {
  return m >= 0x1p-120f && m <= 0x1.fffffep+127f ? 127.0f / m : 0.0f;
}

/* Of x[i] to x[i + width - 1] below n those that are not zero (or all) to px, their
 * places to pk; returns how many. Without branches: half of them may be zero. */
static inline int64_t lnspi_lowp_keep_nonzero(float *px, uint32_t *pk, const float *x,
                                              int64_t i, int64_t n, int64_t width, int all) {
  int64_t count = 0, end = n - i < width ? n : i + width;
  for (; i < end; i++) {
    px[count] = x[i];
    pk[count] = (uint32_t)i;
    count += (x[i] != 0) | all;
  }
  return count;
}

#endif

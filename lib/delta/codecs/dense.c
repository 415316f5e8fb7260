/* float16, float32: every change as a float. Exponents are coded by their probabilities; sign
 * and mantissa, close to random, go raw. Zero and the thirty exponents that changes usually
 * have are in the tree; any other is an escape and its bits. */
/* Hot: built for speed. */
#include "delta/codecs/list.h"
#include "base/arena.h"
#include "delta/coder.h"

typedef struct dense_work {
  lnspi_range_prob exponent[32];
} dense_work;

static uint64_t dense_bound16(const lnspi_codec_config *config, uint64_t elements,
                              uint64_t tensors) {
  (void)config;
  (void)tensors;
  return lnspi_bitstream_bound(21 * elements);
}

static uint64_t dense_bound32(const lnspi_codec_config *config, uint64_t elements,
                              uint64_t tensors) {
  (void)config;
  (void)tensors;
  return lnspi_bitstream_bound(37 * elements);
}

static int32_t dense_start(lnspi_coder *coder, int writing) {
  dense_work *work = coder->work;
  (void)writing;
  LNSPI_RANGE_SET_EVEN(*work);
  return LNSP_OK;
}

/* An exponent: 0 is 0, those from least on are 2 and more, any other is 1 and its bits. */
static inline uint32_t dense_exponent(lnspi_bitstream *bits, int writing, dense_work *work,
                                      int exponent_bits, uint32_t least, uint32_t exponent) {
  uint32_t near =
      exponent < least || exponent >= least + 30 ? exponent != 0 : exponent - least + 2;
  near = lnspi_bitstream_tree(bits, writing, work->exponent, 5, near);
  if (near == 1) return lnspi_bitstream_raw(bits, writing, exponent, exponent_bits);
  return near ? near + least - 2 : 0;
}

/* A float of 1 sign bit, exponent_bits and mantissa_bits. */
static inline uint32_t dense_code(lnspi_bitstream *bits, int writing, dense_work *work,
                                  int exponent_bits, int mantissa_bits, uint32_t value) {
  uint32_t least = exponent_bits == 5 ? 1 : 97; /* 2^-14; 2^-30 */
  uint32_t low = (1u << mantissa_bits) - 1, sign = value >> (exponent_bits + mantissa_bits);
  uint32_t exponent = value >> mantissa_bits & ((1u << exponent_bits) - 1);
  uint32_t rest = sign << mantissa_bits | (value & low);
  exponent = dense_exponent(bits, writing, work, exponent_bits, least, exponent);
  rest = lnspi_bitstream_raw(bits, writing, rest, mantissa_bits + 1);
  return rest >> mantissa_bits << (exponent_bits + mantissa_bits) | exponent << mantissa_bits |
         (rest & low);
}

static inline int32_t dense_span16(lnspi_coder *coder, int writing,
                                   const lnspi_codec_span *span) {
  const lnspi_kernels *k = &lnspi_kernels_scalar;
  uint16_t half[LNSPI_DELTA_SPAN];
  lnspi_bitstream bits = coder->bits;
  uint32_t infinite = 0;
  if (writing) k->f32_to_f16(half, span->change, span->count);
  for (int32_t i = 0; i < span->count; i++) {
    uint32_t value = writing ? half[i] : 0;
    half[i] = (uint16_t)dense_code(&bits, writing, coder->work, 5, 10, value);
    infinite |= (half[i] & 0x7C00u) == 0x7C00u;
  }
  k->f16_to_f32(span->change, half, span->count);
  coder->bits = bits;
  lnspi_codec_span_add(span);
  return infinite ? LNSP_E_NOT_FINITE : LNSP_OK;
}

static inline int32_t dense_span32(lnspi_coder *coder, int writing,
                                   const lnspi_codec_span *span) {
  lnspi_bitstream bits = coder->bits;
  for (int32_t i = 0; i < span->count; i++) {
    uint32_t value = writing ? lnspi_float_bits(span->change[i]) : 0;
    value = dense_code(&bits, writing, coder->work, 8, 23, value);
    span->change[i] = lnspi_bits_float(value);
  }
  coder->bits = bits;
  lnspi_codec_span_add(span);
  return LNSP_OK;
}

static int32_t dense_put16(lnspi_coder *coder, const lnspi_codec_span *span) {
  return dense_span16(coder, 1, span);
}
static int32_t dense_get16(lnspi_coder *coder, const lnspi_codec_span *span) {
  return dense_span16(coder, 0, span);
}
static int32_t dense_put32(lnspi_coder *coder, const lnspi_codec_span *span) {
  return dense_span32(coder, 1, span);
}
static int32_t dense_get32(lnspi_coder *coder, const lnspi_codec_span *span) {
  return dense_span32(coder, 0, span);
}

#define DENSE_CODEC(codec, text, width)                  \
  const lnspi_codec lnspi_codec_##codec = {              \
      .name = #codec,                                    \
      .help = #codec ": every change, rounded to " text, \
      .write_bytes = LNSPI_COUNTED(dense_work, 64),      \
      .read_bytes = LNSPI_COUNTED(dense_work, 64),       \
      .bound = dense_bound##width,                       \
      .start = dense_start,                              \
      .put = dense_put##width,                           \
      .get = dense_get##width,                           \
  }

DENSE_CODEC(float16, "half precision", 16);
DENSE_CODEC(float32, "single precision", 32);

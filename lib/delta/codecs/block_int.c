/* int8, int5, int4: a change is a small whole number times the scale of its block.
 *
 * A block is `block` elements of a tensor (the last may be shorter). Scales are a fixed
 * grid, sixteen to an octave from 2^-126 on, so a scale is an index of 12 bits, and what is
 * decoded depends on no division. The scale of a block is the least with which its largest
 * change is rounded by at most half a scale, as all others are: larger than that is cut off
 * at the largest number. Neighbouring blocks have similar scales, so the index is coded as
 * a folded step from the last one, in a tree of 64; farther steps as the index itself.
 *
 * Of a magnitude, the top four bits are range-coded in one tree for all elements: the
 * distribution of changes is the same for all blocks once it is divided by the scale. Of
 * int8 and int5 the lower bits go raw, except where the top four are zero: those say
 * whether the change is zero. The sign is one raw bit, and zero has none.
 *
 * A block that is all zero costs a fraction of a bit (its own probability). */
/* Hot: built for speed. */
#include "delta/codecs/list.h"
#include "base/arena.h"
#include "delta/coder.h"

#define BLOCK_INT_OCTAVE 16
#define BLOCK_INT_MOST (254 * BLOCK_INT_OCTAVE)
#define BLOCK_INT_NEAR \
  63 /* folded steps below it are in the tree; it means: the index follows */

typedef struct block_int_work {
  int32_t scale; /* index of the last block that was not all zero */
  lnspi_range_prob zero, step[BLOCK_INT_NEAR + 1], magnitude[16], small[8];
} block_int_work;

/* The scale of an index 1..BLOCK_INT_MOST: 16..31 times a power of two, from 2^-126 on. */
static float block_int_scale(int32_t index) {
  uint32_t exponent = (uint32_t)(index - 1) / BLOCK_INT_OCTAVE + 1;
  uint32_t part = (uint32_t)(index - 1) % BLOCK_INT_OCTAVE;
  return lnspi_bits_float(exponent << 23 | part << 19);
}

/* The least index whose scale is at least value: the upper bits of a float are one. */
static int32_t block_int_index(float value) {
  uint32_t bits = lnspi_float_bits(value);
  if (bits <= 1u << 23) return 1;
  int32_t index = (int32_t)((bits + 0x7FFFFu) >> 19) - BLOCK_INT_OCTAVE + 1;
  return index < BLOCK_INT_MOST ? index : BLOCK_INT_MOST;
}

static int32_t block_int_bits(const lnspi_codec_config *config) { /* of a magnitude */
  const char *name = config->codec->name;
  return name[3] - '1'; /* "int8": 7 */
}

static uint64_t block_int_bound(const lnspi_codec_config *config, uint64_t elements,
                                uint64_t tensors) {
  uint64_t blocks = elements / (uint64_t)config->real[0] + tensors;
  return lnspi_bitstream_bound(elements * (uint64_t)(block_int_bits(config) + 1) + 19 * blocks);
}

static const char *block_int_refuse(const double *real) {
  int32_t block = (int32_t)real[0];
  return (double)block == real[0] && !(block & (block - 1)) ? NULL
                                                            : "block must be a power of two";
}

static int32_t block_int_start(lnspi_coder *coder, int writing) {
  block_int_work *work = coder->work;
  (void)writing;
  work->scale = block_int_index(1e-3f);
  work->zero = LNSPI_RANGE_EVEN;
  LNSPI_RANGE_SET_EVEN(work->step);
  LNSPI_RANGE_SET_EVEN(work->magnitude);
  LNSPI_RANGE_SET_EVEN(work->small);
  return LNSP_OK;
}

/* Writes or reads the index of a block's scale; 0 where all is zero. */
static inline int32_t block_int_code_scale(lnspi_bitstream *b, int writing,
                                           block_int_work *work, int32_t index) {
  if (lnspi_bitstream_code(b, writing, &work->zero, index == 0)) return 0;
  int32_t step = index - work->scale;
  uint32_t folded = (uint32_t)(step < 0 ? -2 * step - 1 : 2 * step);
  folded = lnspi_bitstream_tree(b, writing, work->step, 6,
                                folded < BLOCK_INT_NEAR ? folded : BLOCK_INT_NEAR);
  if (folded == BLOCK_INT_NEAR)
    index = (int32_t)lnspi_bitstream_raw(b, writing, (uint32_t)index, 12);
  else if (!writing)
    index = work->scale + (folded & 1 ? -(int32_t)(folded / 2) - 1 : (int32_t)(folded / 2));
  if (index < 1) index = 1; /* hostile bytes; any index is safe */
  if (index > BLOCK_INT_MOST) index = BLOCK_INT_MOST;
  work->scale = index;
  return index;
}

/* The top four bits are coded, and the three below them only where the four are zero. */
static inline uint32_t block_int_magnitude(lnspi_bitstream *b, int writing,
                                           block_int_work *work, int bits, uint32_t magnitude) {
  if (bits <= 4) return lnspi_bitstream_tree(b, writing, work->magnitude, bits, magnitude);
  uint32_t high = lnspi_bitstream_tree(b, writing, work->magnitude, 4, magnitude >> 3);
  uint32_t low = high ? lnspi_bitstream_raw(b, writing, magnitude & 7, 3)
                      : lnspi_bitstream_tree(b, writing, work->small, 3, magnitude);
  return high << 3 | low;
}

static inline void block_int_code(lnspi_bitstream *b, int writing, block_int_work *work,
                                  int bits, float *change, int32_t count) {
  int32_t index = 0;
  float scale = 0, most = 0, levels = (float)((1 << bits) - 1);
  if (writing) {
    for (int32_t i = 0; i < count; i++) {
      float size = change[i] < 0 ? -change[i] : change[i];
      most = size > most ? size : most;
    }
  }
  if (most > 0) index = block_int_index(most / (levels + .5f));
  index = block_int_code_scale(b, writing, work, index);
  if (index) scale = block_int_scale(index);
  for (int32_t i = 0; i < count; i++) {
    uint32_t magnitude = 0, sign = writing && change[i] < 0;
    if (!index) {
      change[i] = 0;
      continue;
    }
    if (writing) {
      float size = (sign ? -change[i] : change[i]) / scale + .5f;
      magnitude = size < levels ? (uint32_t)size : (uint32_t)levels;
    }
    magnitude = block_int_magnitude(b, writing, work, bits, magnitude);
    if (magnitude) sign = lnspi_bitstream_raw(b, writing, sign, 1);
    change[i] = (float)(int32_t)(sign ? 0u - magnitude : magnitude) * scale;
  }
}

static inline int32_t block_int_span(lnspi_coder *coder, int writing,
                                     const lnspi_codec_span *span) {
  lnspi_bitstream bits = coder->bits; /* a copy stays in registers */
  int32_t block = (int32_t)coder->config->real[0], width = block_int_bits(coder->config);
  for (int32_t at = 0, n; at < span->count; at += n) {
    n = span->count - at < block ? span->count - at : block;
    block_int_code(&bits, writing, coder->work, width, span->change + at, n);
  }
  coder->bits = bits;
  lnspi_codec_span_add(span);
  return LNSP_OK;
}

static int32_t block_int_put(lnspi_coder *coder, const lnspi_codec_span *span) {
  return block_int_span(coder, 1, span);
}

static int32_t block_int_get(lnspi_coder *coder, const lnspi_codec_span *span) {
  return block_int_span(coder, 0, span);
}

#define BLOCK_INT_CODEC(codec, text)                                                  \
  const lnspi_codec lnspi_codec_##codec = {                                           \
      .name = #codec,                                                                 \
      .help = #codec " block=64: whole numbers of " text " bits and a scale a block", \
      .keys = "#block=64:8:256",                                                      \
      .refuse = block_int_refuse,                                                     \
      .write_bytes = LNSPI_COUNTED(block_int_work, 192),                              \
      .read_bytes = LNSPI_COUNTED(block_int_work, 192),                               \
      .bound = block_int_bound,                                                       \
      .start = block_int_start,                                                       \
      .put = block_int_put,                                                           \
      .get = block_int_get,                                                           \
  }

BLOCK_INT_CODEC(int8, "8");
BLOCK_INT_CODEC(int5, "5");
BLOCK_INT_CODEC(int4, "4");

/* int8, int5, int4: a change is a small whole number times the scale of its block. The
 * scale is the least of sixteen an octave with which the block's largest change is at most
 * half a scale beyond the largest number, as far as any other change is from its own; it is
 * told as a step from that of the block before. Magnitudes by one set of chances. */
#include "delta/codecs/list.h"

#define BLOCKS_OCTAVE 16
#define BLOCKS_MOST (254 * BLOCKS_OCTAVE)
#define BLOCKS_NEAR 63 /* steps that a tree tells; beyond, the index itself */

typedef struct blocks_work {
  int32_t scale;    /* index of the last block's, 0: all zero */
  lnspi_chance zero, step[BLOCKS_NEAR + 1], magnitude[16], small[8];
} blocks_work;

/* Index 1..BLOCKS_MOST: 16..31 times a power of two, from 2^-126 on. */
static float blocks_scale(int32_t index) {
  uint32_t exponent = (uint32_t)(index - 1) / BLOCKS_OCTAVE + 1;
  uint32_t part = (uint32_t)(index - 1) % BLOCKS_OCTAVE;
  return lnspi_bits_float(exponent << 23 | part << 19);
}

/* The least index whose scale is at least value. */
static int32_t blocks_index(float value) {
  uint32_t bits = lnspi_float_bits(value);
  if (bits <= 1u << 23) return 1;
  int32_t index = (int32_t)((bits + 0x7FFFFu) >> 19) - BLOCKS_OCTAVE + 1;
  return index < BLOCKS_MOST ? index : BLOCKS_MOST;
}

static int32_t blocks_bits(const lnspi_setting *setting) { /* of a magnitude */
  const char *name = setting->codec->name; /* int8: seven and a sign */
  return name[3] - '1';
}

static uint64_t blocks_bound(const lnspi_setting *setting, uint64_t elements,
                             uint64_t tensors) {
  uint64_t blocks = elements / (uint64_t)setting->real[0] + tensors;
  return lnspi_bits_bound(elements * (uint64_t)(blocks_bits(setting) + 1) + 19 * blocks);
}

static const char *blocks_refuse(const double *real) {
  int32_t block = (int32_t)real[0];
  return (double)block == real[0] && !(block & (block - 1)) ? NULL
                                                            : "block must be a power of two";
}

static int32_t blocks_start(lnspi_coder *coder, int writing) {
  blocks_work *work = coder->work;
  (void)writing;
  work->scale = blocks_index(1e-3f);
  work->zero = LNSPI_CHANCE_EVEN;
  LNSPI_CHANCES_EVEN(work->step);
  LNSPI_CHANCES_EVEN(work->magnitude);
  LNSPI_CHANCES_EVEN(work->small);
  return LNSP_OK;
}

/* Writes or reads the index of a block's scale; 0 where all is zero. */
static inline int32_t blocks_code_scale(lnspi_bits *b, int writing, blocks_work *work,
                                        int32_t index) {
  if (lnspi_bits_code(b, writing, &work->zero, index == 0)) return 0;
  int32_t step = index - work->scale;
  uint32_t folded = (uint32_t)(step < 0 ? -2 * step - 1 : 2 * step);
  folded = lnspi_bits_tree(b, writing, work->step, 6,
                           folded < BLOCKS_NEAR ? folded : BLOCKS_NEAR);
  if (folded == BLOCKS_NEAR)
    index = (int32_t)lnspi_bits_raw(b, writing, (uint32_t)index, 12);
  else if (!writing)
    index = work->scale + (folded & 1 ? -(int32_t)(folded / 2) - 1 : (int32_t)(folded / 2));
  if (index < 1) index = 1; /* hostile bytes */
  if (index > BLOCKS_MOST) index = BLOCKS_MOST;
  work->scale = index;
  return index;
}

/* The four topmost bits, and the three below where the four are zero, are foreseen. */
static inline uint32_t blocks_magnitude(lnspi_bits *b, int writing, blocks_work *work,
                                        int bits, uint32_t magnitude) {
  if (bits <= 4) return lnspi_bits_tree(b, writing, work->magnitude, bits, magnitude);
  uint32_t high = lnspi_bits_tree(b, writing, work->magnitude, 4, magnitude >> 3);
  uint32_t low = high ? lnspi_bits_raw(b, writing, magnitude & 7, 3)
                      : lnspi_bits_tree(b, writing, work->small, 3, magnitude);
  return high << 3 | low;
}

static inline void blocks_code(lnspi_bits *b, int writing, blocks_work *work, int bits,
                               float *change, int32_t count) {
  int32_t index = 0;
  float scale = 0, most = 0, levels = (float)((1 << bits) - 1);
  for (int32_t i = 0; writing && i < count; i++) {
    float size = change[i] < 0 ? -change[i] : change[i];
    most = size > most ? size : most;
  }
  if (most > 0) index = blocks_index(most / (levels + .5f));
  index = blocks_code_scale(b, writing, work, index);
  if (index) scale = blocks_scale(index);
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
    magnitude = blocks_magnitude(b, writing, work, bits, magnitude);
    if (magnitude) sign = lnspi_bits_raw(b, writing, sign, 1);
    change[i] = (float)(int32_t)(sign ? 0u - magnitude : magnitude) * scale;
  }
}

static inline int32_t blocks_span(lnspi_coder *coder, int writing, const lnspi_span *span) {
  lnspi_bits bits = coder->bits; /* in registers */
  int32_t block = (int32_t)coder->setting->real[0], width = blocks_bits(coder->setting);
  for (int32_t at = 0, n; at < span->count; at += n) {
    n = span->count - at < block ? span->count - at : block;
    blocks_code(&bits, writing, coder->work, width, span->change + at, n);
  }
  coder->bits = bits;
  lnspi_span_add(span);
  return LNSP_OK;
}

static int32_t blocks_put(lnspi_coder *coder, const lnspi_span *span) {
  return blocks_span(coder, 1, span);
}

static int32_t blocks_get(lnspi_coder *coder, const lnspi_span *span) {
  return blocks_span(coder, 0, span);
}

#define BLOCKS_CODEC(codec, text)                                                     \
  const lnspi_codec lnspi_codec_##codec = {                                           \
      .name = #codec,                                                                 \
      .help = #codec " block=64: whole numbers of " text " bits and a scale a block", \
      .argument = {{"block", 64, 8, LNSPI_DELTA_SPAN}},                               \
      .refuse = blocks_refuse,                                                        \
      .write_bytes = LNSPI_WORK_BYTES(blocks_work, 192),                                             \
      .read_bytes = LNSPI_WORK_BYTES(blocks_work, 192),                                              \
      .bound = blocks_bound,                                                          \
      .start = blocks_start,                                                          \
      .put = blocks_put,                                                              \
      .get = blocks_get,                                                              \
  }

BLOCKS_CODEC(int8, "8");
BLOCKS_CODEC(int5, "5");
BLOCKS_CODEC(int4, "4");

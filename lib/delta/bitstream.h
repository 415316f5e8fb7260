/* Bits in or out of a payload, range-coded or plain. */
#ifndef LNSPI_DELTA_BITSTREAM_H
#define LNSPI_DELTA_BITSTREAM_H

#include <stdint.h>

#include "delta/range.h"

/* Bits in or out, in the payload. */
typedef struct lnspi_bitstream {
  lnspi_range_out out;
  lnspi_range_in in;
  int32_t plain; /* 1: no chances, every bit takes a bit */
} lnspi_bitstream;

/* One bit, in or out. */
static inline uint32_t lnspi_bitstream_raw(lnspi_bitstream *b, int writing, uint32_t value,
                                           int count) {
  if (!writing) return lnspi_range_get_raw(&b->in, count);
  lnspi_range_put_raw(&b->out, value, count);
  return value;
}

static inline uint32_t lnspi_bitstream_code(lnspi_bitstream *b, int writing,
                                            lnspi_range_prob *p, uint32_t bit) {
  if (b->plain) return lnspi_bitstream_raw(b, writing, bit, 1);
  if (!writing) return lnspi_range_get(&b->in, p);
  lnspi_range_put(&b->out, p, bit);
  return bit;
}

/* The lowest count bits of a value, in a tree of 2^count chances. */
static inline uint32_t lnspi_bitstream_tree(lnspi_bitstream *b, int writing,
                                            lnspi_range_prob *tree, int count, uint32_t value) {
  uint32_t node = 1;
  for (int i = count - 1; i >= 0; i--)
    node = 2 * node + lnspi_bitstream_code(b, writing, &tree[node], value >> i & 1);
  return node - (1u << count);
}

/* Bytes for so many bits when none is foreseen, and the head. */
static inline uint64_t lnspi_bitstream_bound(uint64_t bits) { return bits / 8 + 16; }

#endif

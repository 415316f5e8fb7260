/* Bits in or out of a payload, range-coded or plain.
 *
 * A codec describes its format once, for both directions: each function returns the bits,
 * the given ones when writing (they are then written), those read when not. A mistake in
 * one direction only is not possible. `writing` is a constant where they are inlined.
 *
 * plain is for payloads that would not fit into their bound: if the probabilities were
 * always wrong, coded bits could cost far more than a bit, so such a payload is written
 * again with every bit raw, and a flag in its head says so. */
#ifndef LNSPI_DELTA_BITSTREAM_H
#define LNSPI_DELTA_BITSTREAM_H

#include <stdint.h>

#include "delta/range.h"

typedef struct lnspi_bitstream {
  lnspi_range_out out;
  lnspi_range_in in;
  int32_t plain; /* 1: no probabilities, every bit is one bit long */
} lnspi_bitstream;

/* At most 32 bits as they are. */
static inline uint32_t lnspi_bitstream_raw(lnspi_bitstream *b, int writing, uint32_t value,
                                           int count) {
  if (!writing) return lnspi_range_get_raw(&b->in, count);
  lnspi_range_put_raw(&b->out, value, count);
  return value;
}

/* One bit by a probability. */
static inline uint32_t lnspi_bitstream_code(lnspi_bitstream *b, int writing,
                                            lnspi_range_prob *p, uint32_t bit) {
  if (b->plain) return lnspi_bitstream_raw(b, writing, bit, 1);
  if (!writing) return lnspi_range_get(&b->in, p);
  lnspi_range_put(&b->out, p, bit);
  return bit;
}

/* The lowest count bits of a value, in a tree of 2^count probabilities. */
static inline uint32_t lnspi_bitstream_tree(lnspi_bitstream *b, int writing,
                                            lnspi_range_prob *tree, int count, uint32_t value) {
  uint32_t node = 1;
  for (int i = count - 1; i >= 0; i--)
    node = 2 * node + lnspi_bitstream_code(b, writing, &tree[node], value >> i & 1);
  return node - (1u << count);
}

/* The most bytes for so many bits, if no probability helps, and the head. */
static inline uint64_t lnspi_bitstream_bound(uint64_t bits) { return bits / 8 + 16; }

#endif

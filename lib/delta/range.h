/* An adaptive binary range coder, and raw bits, in one buffer.
 *
 *   | range-coded bytes ->      free      <- raw bits |
 *   ^ start          ^ at             raw ^           ^ end
 *
 * The range coder (G. N. N. Martin, 1979; binary, with adaptive probabilities, as in LZMA)
 * keeps an interval [low, low + range) of 32-bit numbers, to be read as the digits that come
 * next. A bit splits it in proportion to the probability of a 0; the part that belongs to
 * the bit becomes the interval. When range falls below 2^24, the top byte of low is settled
 * but for a carry, and moves out. The decoder holds code, the number in the stream minus
 * low, and sees by one comparison in which part it is.
 *
 *   0: [low, low + bound)   1: [low + bound, low + range)   bound = range * P(0)
 *
 * A carry, when low overflows, is added to the bytes already written, which are at hand
 * because the whole payload is in one buffer: so there is no cache of pending 0xFF bytes.
 * Probabilities are 16-bit counters that move by 1/32 of the way to the bit seen. 1/32 keeps
 * them inside [31, 65504]: bound is then neither 0 nor range, whatever the stream.
 *
 * Bits that no model predicts go raw, from the other end: a shift instead of a coding step,
 * and no bit longer. Two streams in one buffer need two lengths, and no copy while written.
 *
 * Both ends read zeros past their end and count them (past), so hostile bytes end in a
 * refusal by lnspi_range_in_whole, never in a read outside the buffer. */
#ifndef LNSPI_DELTA_RANGE_H
#define LNSPI_DELTA_RANGE_H

#include <stddef.h>
#include <stdint.h>

#define LNSPI_RANGE_TOP 0x1000000u /* while range is below it, bytes move out */

/* The probability of a 0 in 1/65536, never 0 or 1. */
typedef uint16_t lnspi_range_prob;

#define LNSPI_RANGE_EVEN 0x8000u

static inline void lnspi_range_set_even(lnspi_range_prob *p, int32_t count) {
  for (int32_t i = 0; i < count; i++) p[i] = LNSPI_RANGE_EVEN;
}

/* Bits of a number without zeros in front; 0 for 0. */
static inline int lnspi_range_bit_length(uint32_t u) {
#if defined(__GNUC__)
  return u ? 32 - __builtin_clz(u) : 0;
#else
  int length = 0;
  for (; u; u >>= 1) length++;
  return length;
#endif
}

/* ---- out ---- */

typedef struct lnspi_range_out {
  uint8_t *start, *at; /* range-coded bytes: start..at */
  uint8_t *raw, *end;  /* raw bytes: raw..end */
  uint32_t low, range;
  uint64_t bits;       /* raw bits not yet written, the first lowest */
  int32_t bit_count;   /* how many, below 32 between calls */
  int32_t full;        /* the two ends met: the buffer is of no use */
} lnspi_range_out;

static inline void lnspi_range_out_start(lnspi_range_out *o, uint8_t *buffer, size_t bytes) {
  o->start = o->at = buffer;
  o->raw = o->end = buffer + bytes;
  o->low = 0;
  o->range = 0xFFFFFFFFu;
  o->bits = 0;
  o->bit_count = o->full = 0;
}

/* Adds a carry to the bytes written so far. */
static inline void lnspi_range_carry(lnspi_range_out *o) {
  uint8_t *back = o->at;
  while (back > o->start && ++*--back == 0) continue;
}

static inline void lnspi_range_byte(lnspi_range_out *o) {
  if (o->at == o->raw)
    o->full = 1;
  else
    *o->at++ = (uint8_t)(o->low >> 24);
  o->low <<= 8;
}

/* One bit, with the probability of a 0, which adapts. Both parts are computed and one is
 * selected by masks: a branch on a bit that carries information is mispredicted. */
static inline void lnspi_range_put(lnspi_range_out *o, lnspi_range_prob *p, uint32_t bit) {
  uint32_t prob = *p, bound = (o->range >> 12) * (prob >> 4), one = 0u - bit;
  uint32_t low = o->low + (bound & one);
  if (low < o->low) lnspi_range_carry(o);
  o->low = low;
  o->range = (bound & ~one) | ((o->range - bound) & one);
  *p = (lnspi_range_prob)(prob + (((0xFFFFu - prob) >> 5) & ~one) - ((prob >> 5) & one));
  while (o->range < LNSPI_RANGE_TOP) {
    lnspi_range_byte(o);
    o->range <<= 8;
  }
}

/* The lowest count bits of value, the highest first, in a tree of 2^count probabilities:
 * that of a bit depends on all bits above it. */
static inline void lnspi_range_put_tree(lnspi_range_out *o, lnspi_range_prob *tree, int count,
                                        uint32_t value) {
  uint32_t node = 1;
  for (int i = count - 1; i >= 0; i--) {
    uint32_t bit = value >> i & 1;
    lnspi_range_put(o, &tree[node], bit);
    node = 2 * node + bit;
  }
}

/* Raw bytes descend, and so do those of four at a time. */
static inline void lnspi_range_store(uint8_t *p, uint32_t v) {
  p[0] = (uint8_t)(v >> 24);
  p[1] = (uint8_t)(v >> 16);
  p[2] = (uint8_t)(v >> 8);
  p[3] = (uint8_t)v;
}

static inline uint32_t lnspi_range_load(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* At most 32 raw bits. */
static inline void lnspi_range_put_raw(lnspi_range_out *o, uint32_t value, int count) {
  o->bits |= (uint64_t)value << o->bit_count;
  o->bit_count += count;
  if (o->bit_count >= 32) {
    if (o->raw - o->at < 4) {
      o->full = 1;
    } else {
      o->raw -= 4;
      lnspi_range_store(o->raw, (uint32_t)o->bits);
    }
    o->bits >>= 32;
    o->bit_count -= 32;
  }
}

/* Ends both streams: start..at and raw..end are the result. Any number in the interval ends
 * the first; this writes the one with the most zero bytes at its end, and leaves those out,
 * since the reader reads zeros there. */
static inline void lnspi_range_out_end(lnspi_range_out *o) {
  uint32_t last = o->low + (o->range - 1), kept = 0xFF000000u, carry = last < o->low;
  while (!carry && (last & kept) < o->low) kept |= kept >> 8;
  if (carry) lnspi_range_carry(o);
  for (o->low = carry ? 0 : last & kept; o->low;) lnspi_range_byte(o);
  for (; o->bit_count > 0; o->bit_count -= 8, o->bits >>= 8) {
    if (o->raw == o->at)
      o->full = 1;
    else
      *--o->raw = (uint8_t)o->bits;
  }
  o->bit_count = 0;
}

/* ---- in ---- */

typedef struct lnspi_range_in {
  const uint8_t *at, *end; /* range-coded bytes that are left */
  const uint8_t *raw, *raw_low; /* raw bytes that are left: raw_low..raw */
  uint32_t code, range;
  uint64_t bits;
  int32_t bit_count;
  int32_t past; /* bytes read past the ends, as zeros */
} lnspi_range_in;

static inline uint32_t lnspi_range_next(lnspi_range_in *in) {
  if (in->at < in->end) return *in->at++;
  in->past++;
  return 0;
}

/* Begins to read: range-coded bytes, and raw ones directly behind them. */
static inline void lnspi_range_in_start(lnspi_range_in *in, const uint8_t *buffer,
                                        size_t range_bytes, size_t raw_bytes) {
  in->at = buffer;
  in->end = in->raw_low = buffer + range_bytes;
  in->raw = in->raw_low + raw_bytes;
  in->range = 0xFFFFFFFFu;
  in->code = 0;
  in->bits = 0;
  in->bit_count = in->past = 0;
  for (int i = 0; i < 4; i++) in->code = in->code << 8 | lnspi_range_next(in);
}

/* The inverse of lnspi_range_put, without a branch on the bit for the same reason. */
static inline uint32_t lnspi_range_get(lnspi_range_in *in, lnspi_range_prob *p) {
  uint32_t prob = *p, bound = (in->range >> 12) * (prob >> 4);
  uint32_t up = prob + ((0xFFFFu - prob) >> 5), down = prob - (prob >> 5);
  uint32_t bit = in->code >= bound, one = 0u - bit;
  in->code -= bound & one;
  in->range = bound ^ ((bound ^ (in->range - bound)) & one);
  *p = (lnspi_range_prob)(up ^ ((up ^ down) & one));
  while (in->range < LNSPI_RANGE_TOP) {
    in->code = in->code << 8 | lnspi_range_next(in);
    in->range <<= 8;
  }
  return bit;
}

static inline uint32_t lnspi_range_get_tree(lnspi_range_in *in, lnspi_range_prob *tree,
                                            int count) {
  uint32_t node = 1;
  for (int i = 0; i < count; i++) node = 2 * node + lnspi_range_get(in, &tree[node]);
  return node - (1u << count);
}

static inline uint32_t lnspi_range_get_raw(lnspi_range_in *in, int count) {
  if (in->bit_count < count) {
    if (in->raw - in->raw_low >= 4) {
      in->raw -= 4;
      in->bits |= (uint64_t)lnspi_range_load(in->raw) << in->bit_count;
      in->bit_count += 32;
    } else {
      for (; in->bit_count < count; in->bit_count += 8) {
        if (in->raw > in->raw_low)
          in->bits |= (uint64_t) * --in->raw << in->bit_count;
        else
          in->past += 8; /* more than lnspi_range_in_whole allows: raw bytes have no end
                            that is left out */
      }
    }
  }
  uint32_t value = (uint32_t)(in->bits & (((uint64_t)1 << count) - 1));
  in->bits >>= count;
  in->bit_count -= count;
  return value;
}

/* 1 if exactly the bytes that are there were used; the first stream may miss up to four. */
static inline int lnspi_range_in_whole(const lnspi_range_in *in) {
  return in->at == in->end && in->past <= 4 && in->raw == in->raw_low && in->bit_count < 8 &&
         in->bits == 0;
}

/* Sets a field that consists of probabilities to 1/2. */
#define LNSPI_RANGE_SET_EVEN(field)                          \
  lnspi_range_set_even((lnspi_range_prob *)(void *)&(field), \
                       (int32_t)(sizeof(field) / sizeof(lnspi_range_prob)))

#endif

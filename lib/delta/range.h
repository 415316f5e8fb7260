/* An adaptive binary range coder within one buffer, 32-bit arithmetic, carries propagated
 * into the bytes already written (G. N. N. Martin, 1979; binary with adaptive
 * probabilities as in LZMA); and raw bits that grow from the buffer's other end. */
#ifndef LNSPI_DELTA_RANGE_H
#define LNSPI_DELTA_RANGE_H

#include <stddef.h>
#include <stdint.h>

#define LNSPI_RANGE_TOP 0x1000000u /* below it a byte is moved out */

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

/* ---- out: range-coded bytes upward from at, raw bits in whole words downward ---- */

typedef struct lnspi_range_out {
  uint8_t *start, *at; /* range-coded bytes: start..at */
  uint8_t *raw, *end;  /* raw bytes: raw..end */
  uint32_t low, range;
  uint64_t bits;       /* raw bits that wait, the first lowest */
  int32_t bit_count;   /* below 32 */
  int32_t full;        /* did not fit: what is in the buffer is of no use */
} lnspi_range_out;

static inline void lnspi_range_out_start(lnspi_range_out *o, uint8_t *buffer, size_t bytes) {
  o->start = o->at = buffer;
  o->raw = o->end = buffer + bytes;
  o->low = 0;
  o->range = 0xFFFFFFFFu;
  o->bits = 0;
  o->bit_count = o->full = 0;
}

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

static inline void lnspi_range_put(lnspi_range_out *o, lnspi_range_prob *p, uint32_t bit) {
  uint32_t chance = *p, bound = (o->range >> 12) * (chance >> 4), one = 0u - bit;
  uint32_t low = o->low + (bound & one);
  if (low < o->low) lnspi_range_carry(o);
  o->low = low;
  o->range = (bound & ~one) | ((o->range - bound) & one);
  *p = (lnspi_range_prob)(chance + (((0xFFFFu - chance) >> 5) & ~one) - ((chance >> 5) & one));
  while (o->range < LNSPI_RANGE_TOP) {
    lnspi_range_byte(o);
    o->range <<= 8;
  }
}

/* The lowest count bits of value, the highest first, in a tree of 2^count chances. */
static inline void lnspi_range_put_tree(lnspi_range_out *o, lnspi_range_prob *tree, int count,
                                        uint32_t value) {
  uint32_t node = 1;
  for (int i = count - 1; i >= 0; i--) {
    uint32_t bit = value >> i & 1;
    lnspi_range_put(o, &tree[node], bit);
    node = 2 * node + bit;
  }
}

/* The raw bytes descend, and so do those of a word. */
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

/* Ends both: the bytes stand in start..at and raw..end. Of the numbers that end the first,
 * the one with the fewest bytes; those that the reader misses are zeros. */
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
  int32_t past; /* bytes taken behind the ends, read as zeros */
} lnspi_range_in;

static inline uint32_t lnspi_range_next(lnspi_range_in *in) {
  if (in->at < in->end) return *in->at++;
  in->past++;
  return 0;
}

/* The bytes of both lie behind each other. */
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

/* No branch on the bit: those that carry information are guessed wrong. */
static inline uint32_t lnspi_range_get(lnspi_range_in *in, lnspi_range_prob *p) {
  uint32_t chance = *p, bound = (in->range >> 12) * (chance >> 4);
  uint32_t up = chance + ((0xFFFFu - chance) >> 5), down = chance - (chance >> 5);
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
          in->past += 8; /* none may be missing here */
      }
    }
  }
  uint32_t value = (uint32_t)(in->bits & (((uint64_t)1 << count) - 1));
  in->bits >>= count;
  in->bit_count -= count;
  return value;
}

/* 1 if exactly the bytes were used that were there. */
static inline int lnspi_range_in_whole(const lnspi_range_in *in) {
  return in->at == in->end && in->past <= 4 && in->raw == in->raw_low && in->bit_count < 8 &&
         in->bits == 0;
}

/* A field that is made of chances. */
#define LNSPI_RANGE_SET_EVEN(field)                          \
  lnspi_range_set_even((lnspi_range_prob *)(void *)&(field), \
                       (int32_t)(sizeof(field) / sizeof(lnspi_range_prob)))

#endif

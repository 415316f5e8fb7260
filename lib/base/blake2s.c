/* BLAKE2s (RFC 7693), 32-byte digest, with a key or without.
 *
 * The hash of weights, files and the store's chain. BLAKE2s because it works on 32-bit
 * integers (microcontrollers), is faster than SHA-256 without special instructions, and has
 * a mode with a key, so that no HMAC is needed. */
/* Hot: built for speed. */
#include "base/blake2s.h"

#include <string.h>

#include "base/bytes.h"

static const uint32_t blake2s_iv[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                       0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};

/* The mixing function of RFC 7693, section 3.1. */
#define BLAKE2S_ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define BLAKE2S_MIX(a, b, c, d, x, y) \
  do {                                \
    a += b + (x);                     \
    d = BLAKE2S_ROTATE(d ^ a, 16);    \
    c += d;                           \
    b = BLAKE2S_ROTATE(b ^ c, 12);    \
    a += b + (y);                     \
    d = BLAKE2S_ROTATE(d ^ a, 8);     \
    c += d;                           \
    b = BLAKE2S_ROTATE(b ^ c, 7);     \
  } while (0)

/* A round, written out: every hash of a model goes through here, and a loop over a table
 * is four times as slow. The arguments are the order in which the message enters. */
#define BLAKE2S_ROUND(i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, iA, iB, iC, iD, iE, iF) \
  do {                                                                                \
    BLAKE2S_MIX(v0, v4, v8, vC, m[i0], m[i1]);                                        \
    BLAKE2S_MIX(v1, v5, v9, vD, m[i2], m[i3]);                                        \
    BLAKE2S_MIX(v2, v6, vA, vE, m[i4], m[i5]);                                        \
    BLAKE2S_MIX(v3, v7, vB, vF, m[i6], m[i7]);                                        \
    BLAKE2S_MIX(v0, v5, vA, vF, m[i8], m[i9]);                                        \
    BLAKE2S_MIX(v1, v6, vB, vC, m[iA], m[iB]);                                        \
    BLAKE2S_MIX(v2, v7, v8, vD, m[iC], m[iD]);                                        \
    BLAKE2S_MIX(v3, v4, v9, vE, m[iE], m[iF]);                                        \
  } while (0)

/* One block of 64 bytes; state->total already counts it. */
static void blake2s_compress(lnspi_blake2s *state, const uint8_t *block, int last) {
  uint32_t *h = state->h, m[16];
  uint32_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6];
  uint32_t v7 = h[7], v8 = blake2s_iv[0], v9 = blake2s_iv[1], vA = blake2s_iv[2];
  uint32_t vB = blake2s_iv[3], vC = blake2s_iv[4] ^ (uint32_t)state->total;
  uint32_t vD = blake2s_iv[5] ^ (uint32_t)(state->total >> 32);
  uint32_t vE = last ? ~blake2s_iv[6] : blake2s_iv[6], vF = blake2s_iv[7];
  for (int i = 0; i < 16; i++) m[i] = lnspi_load32(block + 4 * i);
  /* RFC 7693, section 2.7 */
  BLAKE2S_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  BLAKE2S_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
  BLAKE2S_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
  BLAKE2S_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
  BLAKE2S_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
  BLAKE2S_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
  BLAKE2S_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
  BLAKE2S_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
  BLAKE2S_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
  BLAKE2S_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
  h[0] ^= v0 ^ v8;
  h[1] ^= v1 ^ v9;
  h[2] ^= v2 ^ vA;
  h[3] ^= v3 ^ vB;
  h[4] ^= v4 ^ vC;
  h[5] ^= v5 ^ vD;
  h[6] ^= v6 ^ vE;
  h[7] ^= v7 ^ vF;
}

void lnspi_blake2s_init(lnspi_blake2s *state) {
  memset(state, 0, sizeof(*state));
  memcpy(state->h, blake2s_iv, sizeof(blake2s_iv));
  state->h[0] ^= 0x01010020u; /* 32-byte digest, no key, fanout and depth 1 */
}

void lnspi_blake2s_init_keyed(lnspi_blake2s *state, const void *key, size_t bytes) {
  lnspi_blake2s_init(state);
  state->h[0] ^= (uint32_t)bytes << 8;
  if (bytes == 0) return;
  memcpy(state->buffer, key, bytes); /* the key, with zeros to a block, goes first */
  state->filled = 64;
}

void lnspi_blake2s_update(lnspi_blake2s *state, const void *data, size_t bytes) {
  const uint8_t *at = data;
  /* The last block is compressed differently, so a full one is kept until more
   * comes. */
  while (bytes) {
    size_t n = 64 - state->filled;
    if (n == 0) {
      state->total += 64;
      blake2s_compress(state, state->buffer, 0);
      state->filled = 0;
      n = 64;
    }
    if (state->filled == 0 && bytes > 64) {
      state->total += 64;
      blake2s_compress(state, at, 0);
      n = 64;
    } else {
      if (n > bytes) n = bytes;
      memcpy(state->buffer + state->filled, at, n);
      state->filled += (uint32_t)n;
    }
    at += n;
    bytes -= n;
  }
}

void lnspi_blake2s_final(lnspi_blake2s *state, uint8_t digest[32]) {
  memset(state->buffer + state->filled, 0, 64 - state->filled);
  state->total += state->filled;
  blake2s_compress(state, state->buffer, 1);
  for (int i = 0; i < 8; i++) lnspi_store32(digest + 4 * i, state->h[i]);
}

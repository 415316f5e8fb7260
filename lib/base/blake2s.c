/* BLAKE2s (RFC 7693), unkeyed, 32-byte digest; and digests as hex digits. */
#include "base/bytes.h"

static const uint32_t blake2s_iv[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                       0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};

/* RFC 7693, section 2.7: the order in which a round takes the message words. */
static const uint8_t blake2s_order[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static uint32_t blake2s_rotate(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

static void blake2s_mix(uint32_t v[16], int a, int b, int c, int d, uint32_t x, uint32_t y) {
  v[a] = v[a] + v[b] + x;
  v[d] = blake2s_rotate(v[d] ^ v[a], 16);
  v[c] = v[c] + v[d];
  v[b] = blake2s_rotate(v[b] ^ v[c], 12);
  v[a] = v[a] + v[b] + y;
  v[d] = blake2s_rotate(v[d] ^ v[a], 8);
  v[c] = v[c] + v[d];
  v[b] = blake2s_rotate(v[b] ^ v[c], 7);
}

/* One block of 64 bytes; state->total already counts it. */
static void blake2s_compress(lnspi_blake2s *state, const uint8_t *block, int last) {
  uint32_t v[16], m[16];
  int i;
  for (i = 0; i < 16; i++) m[i] = lnspi_load32(block + 4 * i);
  for (i = 0; i < 8; i++) {
    v[i] = state->h[i];
    v[i + 8] = blake2s_iv[i];
  }
  v[12] ^= (uint32_t)state->total;
  v[13] ^= (uint32_t)(state->total >> 32);
  if (last) v[14] = ~v[14];
  for (i = 0; i < 10; i++) {
    const uint8_t *s = blake2s_order[i];
    blake2s_mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    blake2s_mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    blake2s_mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    blake2s_mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    blake2s_mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    blake2s_mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    blake2s_mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    blake2s_mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
  }
  for (i = 0; i < 8; i++) state->h[i] ^= v[i] ^ v[i + 8];
}

void lnspi_blake2s_start(lnspi_blake2s *state) {
  memset(state, 0, sizeof(*state));
  memcpy(state->h, blake2s_iv, sizeof(blake2s_iv));
  state->h[0] ^= 0x01010020u; /* 32-byte digest, no key, fanout and depth 1 */
}

void lnspi_blake2s_add(lnspi_blake2s *state, const void *data, size_t bytes) {
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

void lnspi_blake2s_end(lnspi_blake2s *state, uint8_t digest[32]) {
  int i;
  memset(state->buffer + state->filled, 0, 64 - state->filled);
  state->total += state->filled;
  blake2s_compress(state, state->buffer, 1);
  for (i = 0; i < 8; i++) lnspi_store32(digest + 4 * i, state->h[i]);
}

void lnspi_hex(const uint8_t digest[32], char text[65]) {
  static const char digits[] = "0123456789abcdef";
  int i;
  for (i = 0; i < 32; i++) {
    text[2 * i] = digits[digest[i] >> 4];
    text[2 * i + 1] = digits[digest[i] & 15];
  }
  text[64] = 0;
}

static int blake2s_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

int lnspi_unhex(const char *text, uint8_t digest[32]) {
  uint8_t made[32];
  int i;
  for (i = 0; i < 32; i++) {
    int high = blake2s_digit(text[2 * i]);
    int low = high < 0 ? -1 : blake2s_digit(text[2 * i + 1]); /* never past the end */
    if (low < 0) return 0;
    made[i] = (uint8_t)(high << 4 | low);
  }
  if (text[64]) return 0;
  memcpy(digest, made, 32);
  return 1;
}

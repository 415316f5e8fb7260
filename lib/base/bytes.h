/* Little-endian loads and stores, checksums, hashes. */
#ifndef LNSPI_BASE_BYTES_H
#define LNSPI_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t lnspi_load16(const uint8_t *p) {
  return (uint16_t)(p[0] | (uint16_t)(p[1] << 8));
}
static inline uint32_t lnspi_load32(const uint8_t *p) {
  return (uint32_t)lnspi_load16(p) | ((uint32_t)lnspi_load16(p + 2) << 16);
}
static inline uint64_t lnspi_load64(const uint8_t *p) {
  return (uint64_t)lnspi_load32(p) | ((uint64_t)lnspi_load32(p + 4) << 32);
}
static inline void lnspi_store16(uint8_t *p, uint16_t v) {
  p[0] = (uint8_t)v;
  p[1] = (uint8_t)(v >> 8);
}
static inline void lnspi_store32(uint8_t *p, uint32_t v) {
  lnspi_store16(p, (uint16_t)v);
  lnspi_store16(p + 2, (uint16_t)(v >> 16));
}
static inline void lnspi_store64(uint8_t *p, uint64_t v) {
  lnspi_store32(p, (uint32_t)v);
  lnspi_store32(p + 4, (uint32_t)(v >> 32));
}
static inline uint32_t lnspi_float_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  return u;
}
static inline float lnspi_bits_float(uint32_t u) {
  float f;
  memcpy(&f, &u, 4);
  return f;
}

/* CRC-32C (Castagnoli); crc is 0 to start, or the result so far. */
uint32_t lnspi_crc32c(uint32_t crc, const void *data, size_t bytes);

/* BLAKE2s (RFC 7693), unkeyed, 32-byte digest. */
typedef struct lnspi_blake2s {
  uint32_t h[8];
  uint64_t total;
  uint32_t filled;
  uint8_t buffer[64];
} lnspi_blake2s;

void lnspi_blake2s_start(lnspi_blake2s *state);
/* Keyed: a MAC. The key has 1 to 32 bytes; 0: none. */
void lnspi_blake2s_start_keyed(lnspi_blake2s *state, const void *key, size_t bytes);
/* In a time that does not depend on where they differ. */
int lnspi_digest_equal(const uint8_t a[32], const uint8_t b[32]);
void lnspi_blake2s_add(lnspi_blake2s *state, const void *data, size_t bytes);
void lnspi_blake2s_end(lnspi_blake2s *state, uint8_t digest[32]);

/* 64 lower-case hex digits and a zero, and back (1 on success; only lower-case
 * digits, exactly 64 of them). */
void lnspi_hex(const uint8_t digest[32], char text[65]);
int lnspi_unhex(const char *text, uint8_t digest[32]);

#endif

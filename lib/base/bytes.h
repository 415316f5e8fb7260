/* Little-endian loads and stores at any address; the bits of a float. */
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

/* 1 if the host stores the highest byte of a number first. */
static inline int lnspi_host_is_big(void) {
  const uint16_t one = 1;
  uint8_t first;
  memcpy(&first, &one, 1);
  return first == 0;
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

#endif

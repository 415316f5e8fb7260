/* BLAKE2s (RFC 7693), 32-byte digest, with a key or without. */
#ifndef LNSPI_BASE_BLAKE2S_H
#define LNSPI_BASE_BLAKE2S_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct lnspi_blake2s {
  uint32_t h[8];
  uint64_t total;     /* bytes compressed so far */
  uint32_t filled;    /* of buffer; full is allowed, for the last block is special */
  uint8_t buffer[64];
} lnspi_blake2s;

void lnspi_blake2s_init(lnspi_blake2s *state);

/* Keyed: a MAC. The key has 1 to 32 bytes; 0: none. */
void lnspi_blake2s_init_keyed(lnspi_blake2s *state, const void *key, size_t bytes);
void lnspi_blake2s_update(lnspi_blake2s *state, const void *data, size_t bytes);
void lnspi_blake2s_final(lnspi_blake2s *state, uint8_t digest[32]);

#endif

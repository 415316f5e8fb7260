/* 32-byte digests */
#ifndef LNSPI_BASE_DIGEST_H
#define LNSPI_BASE_DIGEST_H

#include <stdint.h>

/* In a time that does not depend on where they differ. */
int lnspi_digest_equal(const uint8_t a[32], const uint8_t b[32]);

/* 64 lower-case hex digits and a zero, and back (1 on success; only lower-case
 * digits, exactly 64 of them). */
void lnspi_digest_to_hex(const uint8_t digest[32], char text[65]);
int lnspi_digest_from_hex(const char *text, uint8_t digest[32]);

#endif

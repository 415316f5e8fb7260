/* 32-byte digests: compared, and as hex digits. */
#include "base/digest.h"

#include <string.h>

int lnspi_digest_equal(const uint8_t a[32], const uint8_t b[32]) {
  unsigned different = 0;
  for (int i = 0; i < 32; i++) different |= (unsigned)(a[i] ^ b[i]);
  return different == 0;
}

void lnspi_digest_to_hex(const uint8_t digest[32], char text[65]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 32; i++) {
    text[2 * i] = digits[digest[i] >> 4];
    text[2 * i + 1] = digits[digest[i] & 15];
  }
  text[64] = 0;
}

static int digest_hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

int lnspi_digest_from_hex(const char *text, uint8_t digest[32]) {
  uint8_t made[32];
  for (int i = 0; i < 32; i++) {
    int high = digest_hex_value(text[2 * i]);
    int low = high < 0 ? -1 : digest_hex_value(text[2 * i + 1]); /* never past the end */
    if (low < 0) return 0;
    made[i] = (uint8_t)(high << 4 | low);
  }
  if (text[64]) return 0;
  memcpy(digest, made, 32);
  return 1;
}

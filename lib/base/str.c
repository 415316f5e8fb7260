/* Strings without the C library: length, comparison, UTF-8, patterns. */
#include "base/str.h"

#include <string.h>

size_t lnspi_str_length(const char *string) {
  const char *at = string;
  while (*at) at++;
  return (size_t)(at - string);
}

int lnspi_str_equal(const char *a, const char *b) { return lnspi_str_compare(a, b) == 0; }

int lnspi_str_starts_with(const char *string, const char *prefix) {
  while (*prefix && *prefix == *string) prefix++, string++;
  return *prefix == 0;
}

size_t lnspi_str_utf8_bytes(const char *at, size_t available) {
  const unsigned char *p = (const unsigned char *)at;
  unsigned low = 0x80, high = 0xbf; /* of the second byte: no overlong, no surrogate */
  if (available == 0) return 0;
  if (p[0] < 0x80) return 1;
  if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
  size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
  if (p[0] == 0xe0) low = 0xa0;
  if (p[0] == 0xed) high = 0x9f;
  if (p[0] == 0xf0) low = 0x90;
  if (p[0] == 0xf4) high = 0x8f;
  for (size_t i = 1; i < n; i++) {
    if (i >= available || p[i] < low || p[i] > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return n;
}

/* The next character of a pattern or string: UTF-8 or one stray byte. */
static size_t str_step(const char *at) {
  size_t n = *at ? lnspi_str_utf8_bytes(at, 4) : 0;
  return n ? n : 1;
}

int lnspi_str_match(const char *pattern, const char *string) {
  const char *star = NULL, *retry = NULL;
  while (*string) {
    if (*pattern == '*') {
      star = ++pattern; /* try the empty run first, longer ones on failure */
      retry = string;
    } else if (*pattern == '?') {
      pattern++;
      string += str_step(string);
    } else if (*pattern == *string) {
      pattern++;
      string++;
    } else if (star) {
      pattern = star;
      retry += str_step(retry);
      string = retry;
    } else {
      return 0;
    }
  }
  while (*pattern == '*') pattern++;
  return *pattern == 0;
}

int lnspi_str_compare(const char *a, const char *b) {
  while (*a && *a == *b) {
    a++;
    b++;
  }
  return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

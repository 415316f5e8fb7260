/* Strings without the C library. */
#ifndef LNSPI_BASE_STR_H
#define LNSPI_BASE_STR_H

#include <stddef.h>

int lnspi_str_compare(const char *a, const char *b); /* strcmp */

/* Pattern with * (any run) and ? (any one character); no recursion. */
int lnspi_str_match(const char *pattern, const char *string);

/* strlen and strcmp == 0, which a freestanding C library need not have. */
size_t lnspi_str_length(const char *string);
int lnspi_str_equal(const char *a, const char *b);
int lnspi_str_starts_with(const char *string, const char *prefix);

/* Bytes of the valid UTF-8 character at the start, 0 if there is none among the
 * available bytes. Never reads past the first byte that does not belong. */
size_t lnspi_str_utf8_bytes(const char *at, size_t available);

#endif

/* A small printf: text with strings and integers, without stdio. */
#ifndef LNSPI_BASE_FORMAT_H
#define LNSPI_BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#if defined(__GNUC__)
#define LNSPI_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define LNSPI_PRINTF(f, a)
#endif

/* Formats into buffer (capacity > 0), always terminated; returns the length that the whole
 * text has, without the terminator. Knows %s %c %d %u %x %lld %llu %zu %%, no widths; control
 * characters in strings become '?'; a text that is too long is cut at a whole character. */
size_t lnspi_format(char *buffer, size_t capacity, const char *format, ...) LNSPI_PRINTF(3, 4);

/* The same of an argument list. */
size_t lnspi_format_va(char *buffer, size_t capacity, const char *format, va_list *list);

#endif

/* A small printf: text with strings and integers, without stdio. */
#include "base/format.h"

#include <stdint.h>
#include <stdarg.h>
#include <string.h>

#include "base/str.h"

typedef struct format_out {
  char *at;
  size_t capacity; /* with the terminator */
  size_t length;   /* of the whole text, fitting or not */
  int full;        /* something was left out: nothing may follow it */
} format_out;

/* Puts one whole character, so that a cut never splits one. */
static void format_put(format_out *out, const char *bytes, size_t count) {
  if (!out->full && out->length + count < out->capacity)
    memcpy(out->at + out->length, bytes, count);
  else if (!out->full) {
    out->full = 1;
    out->at[out->length] = 0;
  }
  out->length += count;
  if (!out->full) out->at[out->length] = 0;
}

static void format_put_char(format_out *out, char c) { format_put(out, &c, 1); }

/* Strings may come from hostile files: control characters and bytes that are
 * not UTF-8 become '?'. */
static void format_put_string(format_out *out, const char *string) {
  if (!string) string = "(null)";
  size_t left = lnspi_str_length(string);
  while (left) {
    size_t n = lnspi_str_utf8_bytes(string, left);
    if (n == 0 || (unsigned char)*string < 32 || *string == 127)
      format_put_char(out, '?');
    else
      format_put(out, string, n);
    string += n ? n : 1;
    left -= n ? n : 1;
  }
}

static void format_put_unsigned(format_out *out, uint64_t value, unsigned base) {
  char digits[24];
  size_t n = sizeof(digits);
  do {
    digits[--n] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (n < sizeof(digits)) format_put_char(out, digits[n++]);
}

static void format_put_signed(format_out *out, int64_t value) {
  if (value < 0) format_put_char(out, '-');
  format_put_unsigned(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

size_t lnspi_format_va(char *buffer, size_t capacity, const char *format, va_list *list) {
  format_out out = {buffer, capacity, 0, 0};
  buffer[0] = 0;
  for (; *format; format++) {
    char c;
    if (*format != '%') {
      size_t n = lnspi_str_utf8_bytes(format, 4);
      if (n == 0) n = 1;
      format_put(&out, format, n);
      format += n - 1;
      continue;
    }
    c = *++format;
    if (c == 's') {
      format_put_string(&out, va_arg(*list, const char *));
    } else if (c == 'c') {
      char one = (char)va_arg(*list, int);
      format_put_char(&out, one < 32 || one > 126 ? '?' : one);
    } else if (c == 'd') {
      format_put_signed(&out, va_arg(*list, int));
    } else if (c == 'u') {
      format_put_unsigned(&out, va_arg(*list, unsigned), 10);
    } else if (c == 'x') {
      format_put_unsigned(&out, va_arg(*list, unsigned), 16);
    } else if (c == 'z' && format[1] == 'u') {
      format++;
      format_put_unsigned(&out, va_arg(*list, size_t), 10);
    } else if (c == 'l' && format[1] == 'l' && format[2] == 'd') {
      format += 2;
      format_put_signed(&out, va_arg(*list, long long));
    } else if (c == 'l' && format[1] == 'l' && format[2] == 'u') {
      format += 2;
      format_put_unsigned(&out, va_arg(*list, unsigned long long), 10);
    } else if (c == '%') {
      format_put_char(&out, '%');
    } else {
      break; /* not a conversion that we know: stop before a wrong argument */
    }
  }
  return out.length;
}

size_t lnspi_format(char *buffer, size_t capacity, const char *format, ...) {
  va_list list;
  va_start(list, format);
  size_t length = lnspi_format_va(buffer, capacity, format, &list);
  va_end(list);
  return length;
}

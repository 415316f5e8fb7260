/* Filling in an lnsp_problem: a small formatter that needs no stdio. */
#include "base/problem.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

typedef struct problem_out {
  char *at;
  size_t capacity; /* with the terminator */
  size_t length;   /* of the whole text, fitting or not */
  int full;        /* something was left out: nothing may follow it */
} problem_out;

/* Puts one whole character, so that a cut never splits one. */
static void problem_put(problem_out *out, const char *bytes, size_t count) {
  if (!out->full && out->length + count < out->capacity)
    memcpy(out->at + out->length, bytes, count);
  else if (!out->full) {
    out->full = 1;
    out->at[out->length] = 0;
  }
  out->length += count;
  if (!out->full) out->at[out->length] = 0;
}

static void problem_put_char(problem_out *out, char c) { problem_put(out, &c, 1); }

/* Strings may come from hostile files: control characters and bytes that are
 * not UTF-8 become '?'. */
static void problem_put_string(problem_out *out, const char *string) {
  size_t left;
  if (!string) string = "(null)";
  left = lnspi_length(string);
  while (left) {
    size_t n = lnspi_utf8(string, left);
    if (n == 0 || (unsigned char)*string < 32 || *string == 127)
      problem_put_char(out, '?');
    else
      problem_put(out, string, n);
    string += n ? n : 1;
    left -= n ? n : 1;
  }
}

static void problem_put_number(problem_out *out, uint64_t value, unsigned base) {
  char digits[24];
  size_t n = sizeof(digits);
  do {
    digits[--n] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (n < sizeof(digits)) problem_put_char(out, digits[n++]);
}

static void problem_put_signed(problem_out *out, int64_t value) {
  if (value < 0) problem_put_char(out, '-');
  problem_put_number(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

static size_t problem_format(char *buffer, size_t capacity, const char *format, va_list *list) {
  problem_out out = {buffer, capacity, 0, 0};
  buffer[0] = 0;
  for (; *format; format++) {
    char c;
    if (*format != '%') {
      size_t n = lnspi_utf8(format, 4);
      if (n == 0) n = 1;
      problem_put(&out, format, n);
      format += n - 1;
      continue;
    }
    c = *++format;
    if (c == 's') {
      problem_put_string(&out, va_arg(*list, const char *));
    } else if (c == 'c') {
      char one = (char)va_arg(*list, int);
      problem_put_char(&out, one < 32 || one > 126 ? '?' : one);
    } else if (c == 'd') {
      problem_put_signed(&out, va_arg(*list, int));
    } else if (c == 'u') {
      problem_put_number(&out, va_arg(*list, unsigned), 10);
    } else if (c == 'x') {
      problem_put_number(&out, va_arg(*list, unsigned), 16);
    } else if (c == 'z' && format[1] == 'u') {
      format++;
      problem_put_number(&out, va_arg(*list, size_t), 10);
    } else if (c == 'l' && format[1] == 'l' && format[2] == 'd') {
      format += 2;
      problem_put_signed(&out, va_arg(*list, long long));
    } else if (c == 'l' && format[1] == 'l' && format[2] == 'u') {
      format += 2;
      problem_put_number(&out, va_arg(*list, unsigned long long), 10);
    } else if (c == '%') {
      problem_put_char(&out, '%');
    } else {
      break; /* not a conversion that we know: stop before a wrong argument */
    }
  }
  return out.length;
}

size_t lnspi_format(char *buffer, size_t capacity, const char *format, ...) {
  va_list list;
  size_t length;
  va_start(list, format);
  length = problem_format(buffer, capacity, format, &list);
  va_end(list);
  return length;
}

/* Arguments may point into the problem itself (a call that adds to another's
 * message), so it is put together aside. */
static void problem_fill(lnsp_problem *problem, int32_t code, int32_t line, int32_t column,
                         int64_t offset, const char *name, const char *format,
                         va_list *list) {
  lnsp_problem made;
  memset(&made, 0, sizeof(made));
  made.code = code;
  made.line = line;
  made.column = column;
  made.offset = offset;
  if (name) lnspi_format(made.name, sizeof(made.name), "%s", name);
  problem_format(made.message, sizeof(made.message), format, list);
  memcpy(problem, &made, sizeof(made));
}

int32_t lnspi_fail(lnsp_problem *problem, int32_t code, const char *name, const char *format,
                   ...) {
  if (problem) {
    va_list list;
    va_start(list, format);
    problem_fill(problem, code, 0, 0, -1, name, format, &list);
    va_end(list);
  }
  return code;
}

int32_t lnspi_fail_at(lnsp_problem *problem, int32_t code, int64_t offset, const char *name,
                      const char *format, ...) {
  if (problem) {
    va_list list;
    va_start(list, format);
    problem_fill(problem, code, 0, 0, offset, name, format, &list);
    va_end(list);
  }
  return code;
}

int32_t lnspi_fail_text(lnsp_problem *problem, int32_t code, int32_t line, int32_t column,
                        const char *format, ...) {
  if (problem) {
    va_list list;
    va_start(list, format);
    problem_fill(problem, code, line, column, -1, NULL, format, &list);
    va_end(list);
  }
  return code;
}

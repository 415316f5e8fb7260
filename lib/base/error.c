/* Filling in an lnsp_error, without stdio. */
#include "base/error.h"

#include <stdarg.h>
#include <string.h>

/* Arguments may point into the error itself (a call that adds to another's
 * message), so it is put together aside. */
static void error_fill(lnsp_error *error, int32_t code, int32_t line, int32_t column,
                       int64_t offset, const char *name, const char *format, va_list *list) {
  lnsp_error made;
  memset(&made, 0, sizeof(made));
  made.code = code;
  made.line = line;
  made.column = column;
  made.offset = offset;
  if (name) lnspi_format(made.name, sizeof(made.name), "%s", name);
  lnspi_format_va(made.message, sizeof(made.message), format, list);
  memcpy(error, &made, sizeof(made));
}

int32_t lnspi_error_set(lnsp_error *error, int32_t code, const char *name, const char *format,
                        ...) {
  if (error) {
    va_list list;
    va_start(list, format);
    error_fill(error, code, 0, 0, -1, name, format, &list);
    va_end(list);
  }
  return code;
}

int32_t lnspi_error_set_at(lnsp_error *error, int32_t code, int64_t offset, const char *name,
                           const char *format, ...) {
  if (error) {
    va_list list;
    va_start(list, format);
    error_fill(error, code, 0, 0, offset, name, format, &list);
    va_end(list);
  }
  return code;
}

int32_t lnspi_error_set_line(lnsp_error *error, int32_t code, int32_t line, int32_t column,
                             const char *format, ...) {
  if (error) {
    va_list list;
    va_start(list, format);
    error_fill(error, code, line, column, -1, NULL, format, &list);
    va_end(list);
  }
  return code;
}

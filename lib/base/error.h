/* Filling in an lnsp_error without stdio. */
#ifndef LNSPI_BASE_ERROR_H
#define LNSPI_BASE_ERROR_H

#include "base/format.h"
#include "lnsp.h"

/* Fills error (nullable) and returns code. The format knows %s %c %d %u %x
 * %lld %llu %zu %%, no widths; a text that does not fit is cut at a whole UTF-8
 * character. name: the tensor, key or file concerned, or NULL. offset is -1,
 * line and column 0. Control characters in strings become '?'. */
int32_t lnspi_error_set(lnsp_error *error, int32_t code, const char *name, const char *format,
                        ...) LNSPI_PRINTF(4, 5);

/* The same with a byte offset. */
int32_t lnspi_error_set_at(lnsp_error *error, int32_t code, int64_t offset, const char *name,
                           const char *format, ...) LNSPI_PRINTF(5, 6);

/* The same with a place in a text. */
int32_t lnspi_error_set_line(lnsp_error *error, int32_t code, int32_t line, int32_t column,
                             const char *format, ...) LNSPI_PRINTF(5, 6);

#endif

/* Filling in an lnsp_problem without stdio. */
#ifndef LNSPI_BASE_PROBLEM_H
#define LNSPI_BASE_PROBLEM_H

#include "lnsp.h"

#if defined(__GNUC__)
#define LNSPI_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define LNSPI_PRINTF(f, a)
#endif

/* Fills problem (nullable) and returns code. The format knows %s %c %d %u %x
 * %lld %llu %zu %%, no widths; a text that does not fit is cut at a whole UTF-8
 * character. name: the tensor, key or file concerned, or NULL. offset is -1,
 * line and column 0. Control characters in strings become '?'. */
int32_t lnspi_fail(lnsp_problem *problem, int32_t code, const char *name,
                   const char *format, ...) LNSPI_PRINTF(4, 5);

/* The same with a byte offset. */
int32_t lnspi_fail_at(lnsp_problem *problem, int32_t code, int64_t offset, const char *name,
                      const char *format, ...) LNSPI_PRINTF(5, 6);

/* The same with a place in a text. */
int32_t lnspi_fail_text(lnsp_problem *problem, int32_t code, int32_t line, int32_t column,
                        const char *format, ...) LNSPI_PRINTF(5, 6);

/* Formats as above into buffer (capacity > 0), always terminated; returns the
 * length that the whole text has, without the terminator. */
size_t lnspi_format(char *buffer, size_t capacity, const char *format, ...) LNSPI_PRINTF(3, 4);

#endif

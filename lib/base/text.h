/* A text that is written piece by piece into memory of a fixed size. */
#ifndef LNSPI_BASE_TEXT_H
#define LNSPI_BASE_TEXT_H

#include "base/format.h"

/* Writing goes on when the room is used up, but only counts: `used` is always the length of
 * the whole text, and used >= capacity says that its end is missing. to[] is terminated. */
typedef struct lnspi_text {
  char *to;
  size_t capacity; /* at least 1 */
  size_t used;     /* without the terminator */
} lnspi_text;

/* Appends; the format is lnspi_format's. */
void lnspi_text_add(lnspi_text *text, const char *format, ...) LNSPI_PRINTF(2, 3);

#endif

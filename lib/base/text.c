/* A text that is written piece by piece into memory of a fixed size. */
#include "base/text.h"

void lnspi_text_add(lnspi_text *text, const char *format, ...) {
  char nowhere[1];
  va_list list;
  va_start(list, format);
  if (text->used < text->capacity)
    text->used +=
        lnspi_format_va(text->to + text->used, text->capacity - text->used, format, &list);
  else
    text->used += lnspi_format_va(nowhere, 1, format, &list);
  va_end(list);
}

/* Memory that is there, or the program ends with a sentence. */
#include "cli/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/refuse.h"

void memory_refuse(void) {
  refuse("not enough memory: use a smaller --batch or a machine with more");
}

void *memory_new(int64_t count, size_t size) {
  void *block = count < 0 ? NULL : calloc((size_t)count + (count == 0), size);
  if (!block) memory_refuse();
  return block;
}

void *memory_grow(void *block, int64_t count, size_t size) {
  void *more = (uint64_t)count > SIZE_MAX / size ? NULL : realloc(block, (size_t)count * size);
  if (!more) memory_refuse();
  return more;
}

char *memory_format(const char *format, ...) {
  va_list list, again;
  char *text;
  int length;

  va_start(list, format);
  va_copy(again, list);
  length = vsnprintf(NULL, 0, format, list);
  text = memory_new(length + 1, 1);
  vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  va_end(list);
  return text;
}

char *memory_text(const char *text, size_t length) {
  return memory_format("%.*s", (int)length, text);
}

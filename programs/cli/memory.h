/* Memory that is there, or the program ends with a sentence. */
#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Zeros for count things of a size, at least one byte; to be freed. */
void *memory_new(int64_t count, size_t size);
/* The same block with room for count things, as realloc gives it. */
void *memory_grow(void *block, int64_t count, size_t size);
/* What printf would print; the first `length` bytes of a text; to be freed. */
char *memory_format(const char *format, ...);
char *memory_text(const char *text, size_t length);
_Noreturn void memory_refuse(void);

#endif

/* Pieces of one block: counted first, handed out later. */
#ifndef LNSPI_BASE_ARENA_H
#define LNSPI_BASE_ARENA_H

#include <stdint.h>

#define LNSPI_ALIGN 64

/* Gives out pieces of one block. With base NULL it only counts. A piece that
 * overflows sets failed, and all later pieces are NULL. */
typedef struct lnspi_arena {
  uint8_t *base;
  uint64_t used;
  uint64_t capacity;
  int failed;
} lnspi_arena;

/* count pieces of each bytes, aligned to LNSPI_ALIGN; NULL while counting. */
void *lnspi_arena_alloc(lnspi_arena *arena, uint64_t count, uint64_t each);

/* Structs differ in size between hosts because pointers do: they are counted at
 * a fixed size instead, so that a measure call says the same everywhere. */
#define LNSPI_ARENA_STRUCT(arena, type, counted)                                       \
  ((type *)lnspi_arena_alloc((arena),                                                  \
                             1 + 0 * sizeof(char[sizeof(type) <= (counted) ? 1 : -1]), \
                             (counted)))

#endif

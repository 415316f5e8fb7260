/* Pieces of one block: counted first, handed out later.
 *
 * A handle has a function that allocates all of its arrays from an arena, in order. It runs
 * twice: with an arena without memory, which only adds up sizes, so that the handle's size
 * is known before anything is allocated; and with the block, which gives the pointers. As it
 * is one function, the two cannot disagree. */
#ifndef LNSPI_BASE_ARENA_H
#define LNSPI_BASE_ARENA_H

#include <stdint.h>

#define LNSPI_ALIGN 64

/* base NULL: only counts. A piece that overflows sets failed, and all later pieces are NULL. */
typedef struct lnspi_arena {
  uint8_t *base; /* aligned to LNSPI_ALIGN, or NULL */
  uint64_t used; /* bytes so far, with the gaps of alignment */
  uint64_t capacity; /* of base */
  int failed;
} lnspi_arena;

/* count pieces of each bytes, aligned to LNSPI_ALIGN; NULL while counting. */
void *lnspi_arena_alloc(lnspi_arena *arena, uint64_t count, uint64_t each);

/* Structs differ in size between hosts because pointers do: they are counted at a fixed size
 * instead, so that a measure call says the same everywhere. This is that size, and does not
 * compile where the struct is larger. */
#define LNSPI_COUNTED(type, counted)                                                       \
  ((counted) * sizeof(struct {                                                             \
     _Static_assert(sizeof(type) <= (counted), "the struct is larger than it is counted"); \
     char one;                                                                             \
   }))

#define LNSPI_ARENA_STRUCT(arena, type, counted) \
  ((type *)lnspi_arena_alloc((arena), 1, LNSPI_COUNTED(type, counted)))

#endif

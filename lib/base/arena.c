/* Pieces of one block: counted first, handed out later. */
#include "base/arena.h"

#include <stdint.h>
#include <stddef.h>

#include "base/checked.h"

void *lnspi_arena_alloc(lnspi_arena *arena, uint64_t count, uint64_t each) {
  uint64_t start, bytes, end;
  if (arena->failed) return NULL;
  if (!lnspi_checked_align_up(arena->used, LNSPI_ALIGN, &start) ||
      !lnspi_checked_mul(count, each, &bytes) || !lnspi_checked_add(start, bytes, &end) ||
      (arena->base && end > arena->capacity)) {
    arena->failed = 1;
    return NULL;
  }
  arena->used = end;
  return arena->base ? arena->base + (size_t)start : NULL;
}

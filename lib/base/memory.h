/* A handle is one block: laid out once to measure it, once to hand out the
 * pointers; checked size arithmetic. */
#ifndef LNSPI_BASE_MEMORY_H
#define LNSPI_BASE_MEMORY_H

#include "lnsp.h"

#define LNSPI_ALIGN 64

/* Checked arithmetic: 1 and *out on success, 0 on overflow. */
int lnspi_add(uint64_t a, uint64_t b, uint64_t *out);
int lnspi_mul(uint64_t a, uint64_t b, uint64_t *out);
int lnspi_align_up(uint64_t a, uint64_t to, uint64_t *out);

/* Gives out pieces of one block. With base NULL it only counts. A piece that
 * overflows sets failed, and all later pieces are NULL. */
typedef struct lnspi_arena {
  uint8_t *base;
  uint64_t used;
  uint64_t capacity;
  int failed;
} lnspi_arena;

/* count pieces of each bytes, aligned to LNSPI_ALIGN; NULL while counting. */
void *lnspi_take(lnspi_arena *arena, uint64_t count, uint64_t each);

/* Structs differ in size between hosts because pointers do: they are counted at
 * a fixed size instead, so that a measure call says the same everywhere. */
#define LNSPI_TAKE_STRUCT(arena, type, counted)                                        \
  ((type *)lnspi_take((arena), 1 + 0 * sizeof(char[sizeof(type) <= (counted) ? 1 : -1]), \
                      (counted)))

/* Where a handle's block came from, kept inside the handle. */
typedef struct lnspi_block {
  void *memory;  /* aligned start of the handle's bytes                        */
  size_t bytes;
  int owned;     /* 0: the caller's block                                      */
  lnsp_allocator allocator; /* used when owned                                 */
} lnspi_block;

/* Gets bytes bytes, zeroed and aligned, from options (already read by
 * lnspi_options_read): its block, its allocator, or malloc. */
int32_t lnspi_block_open(lnspi_block *block, const lnsp_options *options, uint64_t bytes,
                         lnsp_problem *problem);

/* Gives it back. The block struct may lie inside the memory: it is copied first. */
void lnspi_block_close(const lnspi_block *block);

/* Reads a caller's struct of any size: shorter ones are filled up with zeros,
 * longer ones are accepted if the unknown tail is zero. NULL gives all zeros.
 * The first word of what is read is the smaller of the caller's size and
 * known_bytes, so that it can be read again. */
int32_t lnspi_struct_read(void *to, size_t known_bytes, const void *from, const char *what,
                          lnsp_problem *problem);

/* lnspi_struct_read for lnsp_options, with the allocator struct checked too. */
int32_t lnspi_options_read(const lnsp_options *from, lnsp_options *to, lnsp_problem *problem);

/* Writes a struct that the caller sized: copies min(struct_size, known_bytes)
 * bytes and leaves the caller's struct_size in place. */
int32_t lnspi_struct_write(void *to, const void *from, size_t known_bytes, const char *what,
                           lnsp_problem *problem);

#endif

/* One block for each handle; arena.h divides it. */
#ifndef LNSPI_BASE_BLOCK_H
#define LNSPI_BASE_BLOCK_H

#include "lnsp.h"

/* Where a handle's block came from, kept inside the handle. */
typedef struct lnspi_block {
  void *memory;  /* aligned start of the handle's bytes                        */
  size_t bytes;
  int owned;     /* 0: the caller's block                                      */
  lnsp_allocator allocator; /* used when owned                                 */
  lnsp_progress progress;   /* of the options, for the handle's own long calls */
} lnspi_block;

/* Gets bytes bytes, zeroed and aligned, from options (already read by
 * lnspi_struct_read_options): its block, its allocator, or malloc. */
int32_t lnspi_block_open(lnspi_block *block, const lnsp_options *options, uint64_t bytes,
                         lnsp_error *error);

/* Options for what a handle's own calls make: its allocator and its progress. */
lnsp_options lnspi_block_options(const lnspi_block *block);

/* Releases it. The block struct may be inside the memory: it is copied first. */
void lnspi_block_close(const lnspi_block *block);

#endif

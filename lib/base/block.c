/* One block for each handle: the caller's, the allocator's, or from malloc.
 *
 * Every handle is one allocation, made when it is created, and nothing is allocated after
 * that. So a program knows its memory before it starts, and a failure to allocate can only
 * happen in a call that creates something. A block is zeroed and aligned to 64 bytes. */
#include "base/block.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/struct.h"

#if !defined(LNSP_FREESTANDING)
#include <stdlib.h>
#endif

#if !defined(LNSP_FREESTANDING)
/* Large weights are read at the speed of memory, and every page of 4096 bytes costs a look
 * into the page table. So Linux is told that it may use pages of 2 MiB. That changes nothing
 * but the time. */
#if defined(__linux__)
#define BLOCK_LARGE (INT64_C(16) << 20)
#define BLOCK_PAGE 4096
#define BLOCK_HUGE_PAGES 14 /* MADV_HUGEPAGE */
extern int madvise(void *from, size_t bytes, int advice);

static void block_advise(uint8_t *raw, size_t bytes) {
  const size_t skip = BLOCK_PAGE - (size_t)((uintptr_t)raw % BLOCK_PAGE);
  if (bytes >= BLOCK_LARGE)
    (void)madvise(raw + skip, (bytes - skip) / BLOCK_PAGE * BLOCK_PAGE, BLOCK_HUGE_PAGES);
}
#else
static void block_advise(uint8_t *raw, size_t bytes) {
  (void)raw;
  (void)bytes;
}
#endif

/* From calloc, moved up to the alignment; the byte before the block says by how
 * much. Fresh pages from calloc are zero without being touched. */
static void *block_allocate(void *user, size_t bytes) {
  (void)user;
  uint8_t *raw = calloc(1, bytes + LNSPI_ALIGN);
  if (!raw) return NULL;
  block_advise(raw, bytes + LNSPI_ALIGN);
  size_t gap = LNSPI_ALIGN - (size_t)((uintptr_t)raw % LNSPI_ALIGN);
  raw[gap - 1] = (uint8_t)gap;
  return raw + gap;
}

static void block_release(void *user, void *block, size_t bytes) {
  uint8_t *at = block;
  (void)user;
  (void)bytes;
  free(at - at[-1]);
}
#endif

/* The caller's own memory, moved up to the alignment. */
static int32_t block_borrow(lnspi_block *block, const lnsp_options *options, uint64_t bytes,
                            lnsp_error *error) {
  size_t shift = (size_t)((uintptr_t)options->block % LNSPI_ALIGN);
  shift = shift ? LNSPI_ALIGN - shift : 0;
  if (options->block_bytes < shift || options->block_bytes - shift < bytes)
    return lnspi_error_set(
        error, LNSP_E_MEMORY, NULL,
        "options->block has %zu bytes but the handle needs %llu: give a block of "
        "that size, aligned to 64",
        options->block_bytes, (unsigned long long)bytes + shift);
  memset(block, 0, sizeof(*block));
  block->memory = (uint8_t *)options->block + shift;
  block->bytes = (size_t)bytes;
  memset(block->memory, 0, block->bytes);
  return LNSP_OK;
}

static int32_t block_take(lnspi_block *block, const lnsp_options *options, uint64_t bytes,
                          lnsp_error *error) {
  lnsp_allocator allocator;
  void *memory;
  int32_t status;
  if (bytes > SIZE_MAX / 2 - LNSPI_ALIGN) /* no object is larger than PTRDIFF_MAX */
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL,
                           "the handle needs %llu bytes, more than this machine can address",
                           (unsigned long long)bytes);
  if (options && options->block) return block_borrow(block, options, bytes, error);

  memset(&allocator, 0, sizeof(allocator));
  if (options && options->allocator) {
    status = lnspi_struct_read(&allocator, sizeof(allocator), options->allocator,
                               "options->allocator", error);
    if (status) return status;
  } else {
#if defined(LNSP_FREESTANDING)
    return lnspi_error_set(
        error, LNSP_E_MEMORY, NULL,
        "this build has no malloc: set options->block or options->allocator");
#else
    allocator.struct_size = sizeof allocator; /* a handle may pass it on */
    allocator.allocate = block_allocate;
    allocator.release = block_release;
#endif
  }
  memory = allocator.allocate(allocator.user, (size_t)bytes);
  if (!memory)
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL,
                           "out of memory: the allocator has no %llu bytes",
                           (unsigned long long)bytes);
  if ((uintptr_t)memory % LNSPI_ALIGN) {
    allocator.release(allocator.user, memory, (size_t)bytes);
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL,
                           "options->allocator returned a block that is not aligned to 64");
  }
  if (options && options->allocator) memset(memory, 0, (size_t)bytes);
  block->memory = memory;
  block->bytes = (size_t)bytes;
  block->owned = 1;
  block->allocator = allocator;
  return LNSP_OK;
}

int32_t lnspi_block_open(lnspi_block *block, const lnsp_options *options, uint64_t bytes,
                         lnsp_error *error) {
  int32_t status = block_take(block, options, bytes, error);
  if (status) return status;
  memset(&block->progress, 0, sizeof block->progress);
  if (options && options->progress) block->progress = *options->progress;
  return LNSP_OK;
}

lnsp_options lnspi_block_options(const lnspi_block *block) {
  lnsp_options options = LNSP_OPTIONS_INIT;
  if (block->owned) options.allocator = &block->allocator;
  if (block->progress.report) options.progress = &block->progress;
  return options;
}

void lnspi_block_close(const lnspi_block *block) {
  lnspi_block copy = *block;
  if (copy.memory && copy.owned)
    copy.allocator.release(copy.allocator.user, copy.memory, copy.bytes);
}

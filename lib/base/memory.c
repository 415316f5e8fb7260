/* Checked sizes, one block a handle, and structs that callers size. */
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

#include "base/problem.h"

#if !defined(LNSP_FREESTANDING)
#include <stdlib.h>
#endif

/* A caller's struct_size beyond this was never set. */
#define MEMORY_MAX_STRUCT 4096u

int lnspi_add(uint64_t a, uint64_t b, uint64_t *out) {
  if (a > UINT64_MAX - b) return 0;
  *out = a + b;
  return 1;
}

int lnspi_mul(uint64_t a, uint64_t b, uint64_t *out) {
  if (b != 0 && a > UINT64_MAX / b) return 0;
  *out = a * b;
  return 1;
}

int lnspi_align_up(uint64_t a, uint64_t to, uint64_t *out) {
  uint64_t rest = a % to;
  return lnspi_add(a, rest ? to - rest : 0, out);
}

void *lnspi_take(lnspi_arena *arena, uint64_t count, uint64_t each) {
  uint64_t start, bytes, end;
  if (arena->failed) return NULL;
  if (!lnspi_align_up(arena->used, LNSPI_ALIGN, &start) || !lnspi_mul(count, each, &bytes) ||
      !lnspi_add(start, bytes, &end) || (arena->base && end > arena->capacity)) {
    arena->failed = 1;
    return NULL;
  }
  arena->used = end;
  return arena->base ? arena->base + (size_t)start : NULL;
}

#if !defined(LNSP_FREESTANDING)
/* Weights of many megabytes are read through at the pace of memory, and each page of 4096
 * bytes costs a look into the page table: Linux is told that they may have pages of 2 MiB,
 * where it waits to be told. Without them nothing but the time changes. */
#if defined(__linux__)
#define MEMORY_LARGE (INT64_C(16) << 20)
#define MEMORY_PAGE 4096
#define MEMORY_HUGE_PAGES 14 /* MADV_HUGEPAGE */
extern int madvise(void *from, size_t bytes, int advice);

static void memory_advise(uint8_t *raw, size_t bytes) {
  const size_t skip = MEMORY_PAGE - (size_t)((uintptr_t)raw % MEMORY_PAGE);
  if (bytes >= MEMORY_LARGE)
    (void)madvise(raw + skip, (bytes - skip) / MEMORY_PAGE * MEMORY_PAGE, MEMORY_HUGE_PAGES);
}
#else
static void memory_advise(uint8_t *raw, size_t bytes) {
  (void)raw;
  (void)bytes;
}
#endif

/* From calloc, moved up to the alignment; the byte before the block says by how
 * much. Fresh pages from calloc are zero without being touched. */
static void *memory_allocate(void *user, size_t bytes) {
  uint8_t *raw;
  size_t gap;
  (void)user;
  raw = calloc(1, bytes + LNSPI_ALIGN);
  if (!raw) return NULL;
  memory_advise(raw, bytes + LNSPI_ALIGN);
  gap = LNSPI_ALIGN - (size_t)((uintptr_t)raw % LNSPI_ALIGN);
  raw[gap - 1] = (uint8_t)gap;
  return raw + gap;
}

static void memory_release(void *user, void *block, size_t bytes) {
  uint8_t *at = block;
  (void)user;
  (void)bytes;
  free(at - at[-1]);
}
#endif

/* The caller's own memory, moved up to the alignment. */
static int32_t memory_borrow(lnspi_block *block, const lnsp_options *options, uint64_t bytes,
                             lnsp_problem *problem) {
  size_t shift = (size_t)((uintptr_t)options->block % LNSPI_ALIGN);
  shift = shift ? LNSPI_ALIGN - shift : 0;
  if (options->block_bytes < shift || options->block_bytes - shift < bytes)
    return lnspi_fail(problem, LNSP_E_MEMORY, NULL,
                      "options->block has %zu bytes but the handle needs %llu: give a block of "
                      "that size, aligned to 64",
                      options->block_bytes, (unsigned long long)bytes + shift);
  memset(block, 0, sizeof(*block));
  block->memory = (uint8_t *)options->block + shift;
  block->bytes = (size_t)bytes;
  memset(block->memory, 0, block->bytes);
  return LNSP_OK;
}

int32_t lnspi_block_open(lnspi_block *block, const lnsp_options *options, uint64_t bytes,
                         lnsp_problem *problem) {
  lnsp_allocator allocator;
  void *memory;
  int32_t status;
  if (bytes > SIZE_MAX / 2 - LNSPI_ALIGN) /* no object is larger than PTRDIFF_MAX */
    return lnspi_fail(problem, LNSP_E_MEMORY, NULL,
                      "the handle needs %llu bytes, more than this machine can address",
                      (unsigned long long)bytes);
  if (options && options->block) return memory_borrow(block, options, bytes, problem);

  memset(&allocator, 0, sizeof(allocator));
  if (options && options->allocator) {
    status = lnspi_struct_read(&allocator, sizeof(allocator), options->allocator,
                               "options->allocator", problem);
    if (status) return status;
  } else {
#if defined(LNSP_FREESTANDING)
    return lnspi_fail(problem, LNSP_E_MEMORY, NULL,
                      "this build has no malloc: set options->block or options->allocator");
#else
    allocator.struct_size = sizeof allocator; /* others may pass it on */
    allocator.allocate = memory_allocate;
    allocator.release = memory_release;
#endif
  }
  memory = allocator.allocate(allocator.user, (size_t)bytes);
  if (!memory)
    return lnspi_fail(problem, LNSP_E_MEMORY, NULL, "the allocator has no %llu bytes to give",
                      (unsigned long long)bytes);
  if ((uintptr_t)memory % LNSPI_ALIGN) {
    allocator.release(allocator.user, memory, (size_t)bytes);
    return lnspi_fail(problem, LNSP_E_MEMORY, NULL,
                      "options->allocator returned a block that is not aligned to 64");
  }
  if (options && options->allocator) memset(memory, 0, (size_t)bytes);
  block->memory = memory;
  block->bytes = (size_t)bytes;
  block->owned = 1;
  block->allocator = allocator;
  return LNSP_OK;
}

void lnspi_block_close(const lnspi_block *block) {
  lnspi_block copy = *block;
  if (copy.memory && copy.owned)
    copy.allocator.release(copy.allocator.user, copy.memory, copy.bytes);
}

int32_t lnspi_struct_read(void *to, size_t known_bytes, const void *from, const char *what,
                          lnsp_problem *problem) {
  uint32_t size = (uint32_t)known_bytes;
  if (from) {
    const uint8_t *bytes = from;
    size_t i;
    memcpy(&size, from, sizeof(size));
    if (size < sizeof(size) || size > MEMORY_MAX_STRUCT)
      return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                        "%s: struct_size is %u: zero the struct and set struct_size to its "
                        "sizeof",
                        what, (unsigned)size);
    for (i = known_bytes; i < size; i++)
      if (bytes[i])
        return lnspi_fail(problem, LNSP_E_UNSUPPORTED, NULL,
                          "%s: a field at byte %zu is set that this version of the library "
                          "does not know: leave it zero or update the library",
                          what, i);
    memset(to, 0, known_bytes);
    memcpy(to, from, size < known_bytes ? size : known_bytes);
  } else {
    memset(to, 0, known_bytes);
  }
  if (size > known_bytes) size = (uint32_t)known_bytes; /* what was read may be read again */
  memcpy(to, &size, sizeof(size));
  return LNSP_OK;
}

int32_t lnspi_options_read(const lnsp_options *from, lnsp_options *to, lnsp_problem *problem) {
  int32_t status = lnspi_struct_read(to, sizeof(*to), from, "options", problem);
  if (status) return status;
  if (!to->block && to->block_bytes)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "options->block_bytes is %zu but options->block is NULL", to->block_bytes);
  if (to->storage && to->storage != LNSP_F32 && to->storage != LNSP_F16 &&
      to->storage != LNSP_BF16 && to->storage != LNSP_I8)
    return lnspi_fail(problem, LNSP_E_DTYPE, NULL,
                      "options->storage is %d: matrices are stored as LNSP_F32, LNSP_F16, "
                      "LNSP_BF16 or LNSP_I8; 0 leaves the choice to the call", to->storage);
  if (to->allocator) {
    lnsp_allocator allocator;
    status = lnspi_struct_read(&allocator, sizeof(allocator), to->allocator,
                               "options->allocator", problem);
    if (status) return status;
    if (!allocator.allocate || !allocator.release)
      return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                        "options->allocator needs both allocate and release");
  }
  if (to->parallel) {
    lnsp_parallel parallel;
    status = lnspi_struct_read(&parallel, sizeof(parallel), to->parallel, "options->parallel",
                               problem);
    if (status) return status;
    if (!parallel.run)
      return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL, "options->parallel has no run function");
  }
  return LNSP_OK;
}

int32_t lnspi_struct_write(void *to, const void *from, size_t known_bytes, const char *what,
                           lnsp_problem *problem) {
  uint32_t size;
  if (!to) return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL, "%s is NULL", what);
  memcpy(&size, to, sizeof(size));
  if (size < sizeof(size) || size > MEMORY_MAX_STRUCT)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "%s: struct_size is %u: set it to the struct's sizeof before the call",
                      what, (unsigned)size);
  memcpy(to, from, size < known_bytes ? size : known_bytes);
  memcpy(to, &size, sizeof(size));
  return LNSP_OK;
}

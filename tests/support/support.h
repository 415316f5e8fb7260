/* Shared by tests of handles: counting allocators, memory sinks, vectors. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "check.h"
#include "lnsp.h"

/* An allocator that counts, checks sizes, and fails the k-th call. */
typedef struct support_heap {
  int calls, live, releases;
  int fail_at, fail_all; /* fail_at: 1-based, 0 never */
  size_t bytes, live_bytes, last_bytes;
} support_heap;

static void *support_allocate(void *user, size_t bytes) {
  support_heap *heap = user;
  heap->calls++;
  if (heap->fail_at &&
      (heap->calls == heap->fail_at || (heap->fail_all && heap->calls > heap->fail_at)))
    return NULL;
  heap->live++;
  heap->bytes += bytes;
  heap->live_bytes += bytes;
  heap->last_bytes = bytes;
  size_t whole = (bytes + 63) / 64 * 64;
  return aligned_alloc(64, whole ? whole : 64);
}

static void support_release(void *user, void *block, size_t bytes) {
  support_heap *heap = user;
  heap->live--;
  heap->releases++;
  heap->live_bytes -= bytes;
  free(block);
}

static lnsp_allocator support_allocator(support_heap *heap) {
  lnsp_allocator allocator = {sizeof allocator, heap, support_allocate, support_release};
  memset(heap, 0, sizeof *heap);
  return allocator;
}

/* A file in this build's folder: runs under sanitizers and emulators go on at the same time.
 * Four names are kept, in turn. */
static inline const char *support_path(const char *name) {
  static char paths[4][256];
  static int turn;
  const char *folder = getenv("BUILD");
  char *path = paths[turn++ % 4];
  snprintf(path, sizeof paths[0], "%.150s/%.60s", folder && *folder ? folder : ".", name);
  return path;
}

/* A sink into growing memory. */
typedef struct support_bytes {
  unsigned char *data;
  size_t size;
} support_bytes;

static int32_t support_write(void *user, const void *from, size_t bytes) {
  support_bytes *to = user;
  unsigned char *grown = realloc(to->data, to->size + bytes + 1);
  if (!grown) return 1;
  memcpy(grown + to->size, from, bytes);
  to->data = grown;
  to->size += bytes;
  return 0;
}

static lnsp_sink support_sink(support_bytes *to) {
  lnsp_sink sink = {sizeof sink, to, support_write};
  to->data = NULL;
  to->size = 0;
  return sink;
}

/* Pseudo-random values in [-1, 1), the same everywhere. */
static void support_fill(float *x, size_t n, uint32_t seed) {
  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)((int32_t)(seed >> 8) - (1 << 23)) / (float)(1 << 23);
  }
}

#define CHECK_OK(call)                                                \
  do {                                                                \
    int32_t check_status = (call);                                    \
    CHECK_SAY(check_status == LNSP_OK, "%s gave %s: %s", #call,       \
              lnsp_status_name(check_status), support_error.message); \
  } while (0)

/* The same, and leaves the test: for calls that give what the test works with. */
#define REQUIRE_OK(call)                                                           \
  do {                                                                             \
    int32_t check_status = (call);                                                 \
    if (check_status != LNSP_OK)                                                   \
      printf("# %s: %s\n", lnsp_status_name(check_status), support_error.message); \
    REQUIRE(check_status == LNSP_OK);                                              \
  } while (0)

#define CHECK_REFUSED(call, status)                                            \
  do {                                                                         \
    memset(&support_error, 0, sizeof support_error);                           \
    int32_t check_status = (call);                                             \
    CHECK_SAY(check_status == (status), "%s gave %s (%s), expected %s", #call, \
              lnsp_status_name(check_status), support_error.message,           \
              lnsp_status_name(status));                                       \
    CHECK(support_error.code == check_status && support_error.message[0]);     \
  } while (0)

static lnsp_error support_error;

/* Not every program uses every helper. */
static inline void support_use_all(void) {
  (void)support_allocator;
  (void)support_sink;
  (void)support_fill;
  (void)support_error;
}

#endif

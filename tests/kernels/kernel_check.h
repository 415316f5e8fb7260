/* Shared by tests of kernels: memory with guard zones, values of all kinds,
 * comparison by bits. Include it before any system header. */
#ifndef TESTS_KERNEL_CHECK_H
#define TESTS_KERNEL_CHECK_H

#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE 1
#endif
#if !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE 1
#endif
#include "check.h"

#include "base/bytes.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif
#define GUARDED 1
#else
#define GUARDED 0
#endif

static const lnspi_kernels *const ref = &lnspi_kernels_scalar;
static const lnspi_kernels *set; /* the one under test */

/* ---- memory that ends, or begins, at a page that cannot be touched ---- */

enum { SLOTS = 24, SLOT = 1 << 19, SLACK = 1024 };
static uint8_t *slots[SLOTS];
static uint8_t *slot_at[SLOTS];
static size_t slot_bytes[SLOTS];
static int slot_used, at_end;

static int slots_open(void) {
#if GUARDED
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t each = page + SLOT;
  void *all = mmap(NULL, each * SLOTS + page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return 0;
  for (int i = 0; i <= SLOTS; i++)
    if (mprotect((uint8_t *)all + (size_t)i * each, page, PROT_NONE)) return 0;
  for (int i = 0; i < SLOTS; i++) slots[i] = (uint8_t *)all + (size_t)i * each + page;
#else
  for (int i = 0; i < SLOTS; i++)
    if (!(slots[i] = malloc(SLOT))) return 0;
#endif
  return 1;
}

/* bytes at the end (at_end) or the start of a slot; marks beside them. */
static void *take_bytes(size_t bytes) {
  if (slot_used == SLOTS || bytes > SLOT - SLACK) {
    printf("# tests/kernels/kernel_check.h: out of slots\n");
    exit(1);
  }
  int i = slot_used++;
  slot_bytes[i] = bytes;
  slot_at[i] = at_end ? slots[i] + SLOT - bytes : slots[i];
  memset(at_end ? slot_at[i] - SLACK : slot_at[i] + bytes, 0xa5, SLACK);
  return slot_at[i];
}

static float *take(int64_t n) { return take_bytes((size_t)n * sizeof(float)); }

/* 1 if no mark beside any block was touched; gives all blocks back. */
static int slots_close(void) {
  int whole = 1;
  for (int i = 0; i < slot_used; i++) {
    const uint8_t *mark = at_end ? slot_at[i] - SLACK : slot_at[i] + slot_bytes[i];
    for (int j = 0; j < SLACK; j++) whole &= mark[j] == 0xa5;
  }
  slot_used = 0;
  return whole;
}

/* ---- values ---- */

static uint64_t state = 88172645463325252u;
static uint32_t draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 20);
}

enum { PLAIN, HARD, SPECIAL, KINDS };

/* PLAIN: about 1. HARD: all magnitudes, subnormals, both zeros. SPECIAL: also
 * infinities and NaN, now and then. */
static float value(int kind) {
  float f = (float)(int32_t)draw() * 0x1p-31f;
  if (kind == PLAIN) return f;
  uint32_t pick = draw() % 16;
  if (kind == SPECIAL && draw() % 64 == 0)
    return pick < 6 ? INFINITY : pick < 12 ? -INFINITY : NAN;
  switch (pick) {
    case 0: return 0.0f;
    case 1: return -0.0f;
    case 2: return f * 1e-38f;
    case 3: return f * 1e-41f;
    case 4: return f * 1e-20f;
    case 5: return f * 1e18f;
    case 6: return f * 100;
    case 7: return f < 0 ? -FLT_MIN : FLT_MIN;
    default: return f * 4;
  }
}

static float *values(int64_t n, int kind) {
  float *p = take(n);
  for (int64_t i = 0; i < n; i++) p[i] = value(kind);
  return p;
}

static inline float *copy(const float *from, int64_t n) {
  float *p = take(n);
  if (n) memcpy(p, from, (size_t)n * sizeof(float));
  return p;
}

/* Same bits, or both NaN. */
static int same(const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (lnspi_float_bits(a[i]) != lnspi_float_bits(b[i]) && !(a[i] != a[i] && b[i] != b[i]))
      return 0;
  return 1;
}
static inline int same1(float a, float b) { return same(&a, &b, 1); }

/* RUN for a test of one kernel of one set. */
static inline void run_kernel(const char *kernel, void (*test)(void)) {
  check_failures = 0;
  test();
  if (check_failures) {
    check_failed++;
    printf("not ok %s %s (%d failures)\n", set->name, kernel, check_failures);
  } else {
    check_passed++;
    printf("ok %s %s\n", set->name, kernel);
  }
  fflush(stdout);
}

#define KERNEL_CHECK_RUN(result, name, parameters) run_kernel(#name, test_kernel_##name);

/* The test of every kernel of a list, for each set that this CPU runs. */
#define RUN_KERNELS(LIST)                                          \
  for (int32_t i = 0; (set = lnspi_dispatch_at(i)) != NULL; i++) { \
    if (!lnspi_dispatch_can_run(set)) {                            \
      check_skipped++;                                             \
      printf("ok %s # skip: this CPU cannot run it\n", set->name); \
      continue;                                                    \
    }                                                              \
    LIST(KERNEL_CHECK_RUN)                                         \
  }

#endif

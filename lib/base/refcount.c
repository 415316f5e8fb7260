/* Reference counts, the only thing that handles share. */
#include "base/refcount.h"

#include "lnsp.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#if defined(LNSP_SINGLE_THREAD)
int32_t lnspi_refcount_increment(int32_t *count) { return ++*count; }
int32_t lnspi_refcount_decrement(int32_t *count) { return --*count; }
#elif defined(_MSC_VER) && !defined(__clang__)
int32_t lnspi_refcount_increment(int32_t *count) {
  return (int32_t)_InterlockedIncrement((volatile long *)count);
}
int32_t lnspi_refcount_decrement(int32_t *count) {
  return (int32_t)_InterlockedDecrement((volatile long *)count);
}
#else
int32_t lnspi_refcount_increment(int32_t *count) {
  return __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
}
/* The last owner must see what the others did before it frees. */
int32_t lnspi_refcount_decrement(int32_t *count) {
  return __atomic_sub_fetch(count, 1, __ATOMIC_ACQ_REL);
}
#endif

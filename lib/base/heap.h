/* A binary heap over an array, and the sort that it gives: defined by one macro for any type
 * of element, so that the comparison is inlined. No recursion, no memory, and never
 * quadratic, which matters because the names of a file's tensors, chosen by whoever wrote
 * the file, are sorted too.
 *
 * heap[0] is on top; the children of heap[i] are heap[2i+1] and heap[2i+2], and none of them
 * is above its parent. */
#ifndef LNSPI_BASE_HEAP_H
#define LNSPI_BASE_HEAP_H

#include <stdint.h>

/* Defines NAME_sink, which moves heap[root] down to its place among count elements that are
 * else a heap, and NAME_sort, which orders elements from the bottom of a heap to its top.
 * above(context, a, b): whether a belongs above b. */
#define LNSPI_HEAP(name, type, context_type, above)                                        \
  static void name##_sink(context_type context, type *heap, int32_t root, int32_t count) { \
    const type moved = heap[root];                                                         \
    while (root < count / 2) {                                                             \
      int32_t child = 2 * root + 1;                                                        \
      if (child + 1 < count && above(context, heap[child + 1], heap[child])) child++;      \
      if (!above(context, heap[child], moved)) break;                                      \
      heap[root] = heap[child];                                                            \
      root = child;                                                                        \
    }                                                                                      \
    heap[root] = moved;                                                                    \
  }                                                                                        \
                                                                                           \
  static void name##_sort(context_type context, type *heap, int32_t count) {               \
    for (int32_t i = count / 2; i > 0; i--) name##_sink(context, heap, i - 1, count);      \
    for (int32_t last = count - 1; last > 0; last--) {                                     \
      const type top = heap[0];                                                            \
      heap[0] = heap[last];                                                                \
      heap[last] = top;                                                                    \
      name##_sink(context, heap, 0, last);                                                 \
    }                                                                                      \
  }

#endif

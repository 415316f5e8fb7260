/* Selection against sorting. */
#include <stdlib.h>

#include "base/select.h"
#include "support.h"

static int ascending(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* Every place of numbers that are all different, or of three values only. */
static void every_place_is_that_of_the_sorted_numbers(void) {
  float numbers[60], sorted[60], x[60];
  for (int64_t n = 1; n <= 60; n++)
    for (int kind = 0; kind < 2; kind++) {
      support_fill(numbers, (size_t)n, (uint32_t)n);
      if (kind)
        for (int64_t i = 0; i < n; i++) numbers[i] = (float)(int)(2 * numbers[i]);
      memcpy(sorted, numbers, sizeof sorted);
      qsort(sorted, (size_t)n, sizeof *sorted, ascending);
      for (int64_t at = 0; at < n; at++) {
        memcpy(x, numbers, sizeof x);
        CHECK(lnspi_select_f32(x, n, at) == sorted[at]);
        qsort(x, (size_t)n, sizeof *x, ascending); /* nothing is lost */
        CHECK(memcmp(x, sorted, (size_t)n * sizeof *x) == 0);
      }
    }
}

int main(void) {
  support_use_all();
  RUN(every_place_is_that_of_the_sorted_numbers);
  FINISH();
}

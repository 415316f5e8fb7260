/* Chooses the rows of a step: a permutation for each epoch, or a random draw for each step.
 *
 * Both are functions of their arguments alone, so that a run that was interrupted, or that
 * another program repeats, takes the same rows in the same order. The generator is splitmix64,
 * whose state is one word, and which any language writes in five lines. The remainder that the
 * shuffle takes favours low numbers by less than rows / 2^64. */
#include "train/order.h"

/* Fisher and Yates, from the last place down. */
void lnspi_order_shuffle(uint64_t seed, uint64_t epoch, int32_t *order, int64_t rows) {
  uint64_t state = seed + epoch * UINT64_C(0x9e3779b97f4a7c15);
  for (int64_t i = 0; i < rows; i++) order[i] = (int32_t)i;
  for (int64_t i = rows - 1; i > 0; i--) {
    const int64_t j = (int64_t)(lnspi_order_random(&state) % (uint64_t)(i + 1));
    const int32_t swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
}

/* Each row with the same probability, independently: the top 53 bits of its number as a
 * fraction of 1. */
int64_t lnspi_order_draw(uint64_t seed, uint64_t step, double share, int64_t rows,
                         int32_t *order, int64_t capacity) {
  uint64_t state = seed ^ (step + 1) * UINT64_C(0xd1342543de82ef95);
  int64_t count = 0;
  for (int64_t i = 0; i < rows && count < capacity; i++)
    if ((double)(lnspi_order_random(&state) >> 11) * 0x1p-53 < share)
      order[count++] = (int32_t)i;
  return count;
}

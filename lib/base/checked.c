/* Checked arithmetic on sizes. */
#include "base/checked.h"

#include <stdint.h>

int lnspi_checked_add(uint64_t a, uint64_t b, uint64_t *out) {
  if (a > UINT64_MAX - b) return 0;
  *out = a + b;
  return 1;
}

int lnspi_checked_mul(uint64_t a, uint64_t b, uint64_t *out) {
  if (b != 0 && a > UINT64_MAX / b) return 0;
  *out = a * b;
  return 1;
}

int lnspi_checked_align_up(uint64_t a, uint64_t to, uint64_t *out) {
  uint64_t rest = a % to;
  return lnspi_checked_add(a, rest ? to - rest : 0, out);
}

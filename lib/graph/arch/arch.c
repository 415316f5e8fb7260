/* The table of named architectures, and what they share. */
#include "graph/arch/arch.h"

#include <string.h>

#include "graph/arch/list.h"

#define ARCH_DECLARE(name) extern const lnspi_arch lnspi_arch_##name;
LNSPI_ARCH_LIST(ARCH_DECLARE)
#undef ARCH_DECLARE

static const lnspi_arch *const arch_table[] = {
#define ARCH_ENTRY(name) &lnspi_arch_##name,
    LNSPI_ARCH_LIST(ARCH_ENTRY)
#undef ARCH_ENTRY
};

const lnspi_arch *lnspi_arch_at(int32_t index) {
  const int32_t count = (int32_t)(sizeof arch_table / sizeof *arch_table);
  return index >= 0 && index < count ? arch_table[index] : NULL;
}

int32_t lnspi_arch_find(const char *name, int32_t length) {
  const lnspi_arch *arch;
  int32_t i;
  for (i = 0; (arch = lnspi_arch_at(i)) != NULL; i++)
    if (lnspi_length(arch->name) == (size_t)length && !memcmp(arch->name, name, (size_t)length))
      return i;
  return -1;
}

const char *lnspi_arch_act(int32_t choice) {
  static const char *const names[] = {NULL, "relu", "gelu", "silu", "tanh"};
  return choice >= 0 && choice < 5 ? names[choice] : NULL;
}

int32_t lnspi_arch_heads(lnspi_builder *builder, int64_t width, int32_t used) {
  const int32_t heads =
      (int32_t)lnspi_arg_integer(builder, "heads", 1, LNSPI_MAX_WIDTH, 8);
  if (used && width > 0 && width % heads)
    LNSPI_BUILD_FAIL(builder, LNSP_E_SHAPE, lnspi_arg_place(builder, "heads"),
                     "heads=%d does not divide the width %lld that attention works on: give "
                     "heads= a divisor of it",
                     heads, (long long)width);
  return heads;
}

/* The table of named architectures, and what they share.
 *
 * A named architecture is a function from arguments to lines of text: it computes nothing and
 * knows no tensors but their names. It exists for two reasons. A name with a few numbers is
 * easier to say than thirty lines; and files of networks that were trained elsewhere do not
 * say what they are, so that the architecture also reads widths and optional parts from the
 * tensors' shapes (arg.h). The defaults are those of the networks that the files came from,
 * the "origin". */
#include "graph/arch/arch.h"

#include <string.h>

#include "base/decimal.h"
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/arch/list.h"

#define ARCH_DECLARE(name) extern const lnspi_arch lnspi_arch_##name;
LNSPI_ARCH_LIST(ARCH_DECLARE)
#undef ARCH_DECLARE

static const void *const arch_table[] = {
#define ARCH_ENTRY(name) &lnspi_arch_##name,
    LNSPI_ARCH_LIST(ARCH_ENTRY)
#undef ARCH_ENTRY
        NULL,
};

const lnspi_arch *lnspi_arch_at(int32_t index) {
  const int32_t count = (int32_t)(sizeof arch_table / sizeof *arch_table) - 1;
  return index >= 0 && index < count ? arch_table[index] : NULL;
}

int32_t lnspi_arch_find(lnspi_unknown *name) { return lnspi_unknown_find(arch_table, name); }

const char *lnspi_arch_act(int32_t choice) {
  static const char *const names[] = {NULL, "relu", "gelu", "silu", "tanh"};
  return choice >= 0 && choice < 5 ? names[choice] : NULL;
}

int32_t lnspi_arch_heads(lnspi_builder *builder, int64_t width, int32_t used) {
  const int32_t heads = (int32_t)lnspi_arg_integer(builder, "heads", 1, LNSPI_MAX_WIDTH, 8);
  if (used && width > 0 && width % heads)
    LNSPI_BUILD_FAIL(builder, LNSP_E_SHAPE, lnspi_arg_place(builder, "heads"),
                     "heads=%d does not divide the width %lld that attention works on: give "
                     "heads= a divisor of it",
                     heads, (long long)width);
  return heads;
}

int32_t lnspi_arch_layers(lnspi_builder *b, const char *key, const char *tensor,
                          int32_t initial) {
  char name[LNSPI_NAME_BYTES];
  int32_t there = 0, value;
  for (; there < LNSPI_MAX_NODES; there++) {
    lnspi_format(name, sizeof name, tensor, there);
    if (!lnspi_arg_file_dim(b, name, 0)) break; /* also without a file */
  }
  value = (int32_t)lnspi_arg_integer(b, key, 1, 256, b->shapes && there ? there : initial);
  if (b->shapes && value != there && b->status == LNSP_OK) {
    lnspi_format(name, sizeof name, tensor, there);
    LNSPI_BUILD_FAIL(b, there ? LNSP_E_SHAPE : LNSP_E_MISSING, lnspi_arg_place(b, key),
                     "%s is %d, but the file has %d: there is no tensor '%s'", key, value,
                     there, name);
  }
  return value;
}

float lnspi_arch_dropout(lnspi_builder *b) { return lnspi_arg_real(b, "dropout", 0, .99, 0); }

void lnspi_arch_drop(lnspi_builder *b, const char *value, float p) {
  char text[32];
  if (!(p > 0)) return;
  lnspi_decimal_write(p, text);
  LNSPI_LINE(b, "%s = dropout %s p=%s", value, value, text);
}

void lnspi_arch_head(lnspi_builder *b, const char *stem, int64_t width, const char *act,
                     int64_t out, float dropout) {
  LNSPI_LINE(b, "h = linear h %lld w=%s.0", (long long)width, stem);
  LNSPI_LINE(b, "h = %s h", act);
  LNSPI_LINE(b, "h = layernorm h w=%s.2", stem);
  lnspi_arch_drop(b, "h", dropout);
  LNSPI_LINE(b, "h = linear h %lld w=%s.3", (long long)out, stem);
}

void lnspi_arch_outputs(lnspi_builder *b, int32_t normalise, const char *more) {
  if (normalise) {
    LNSPI_LINE(b, "o = l2norm raw");
    LNSPI_LINE(b, "output output=o raw=raw%s", more);
  } else {
    LNSPI_LINE(b, "output output=raw%s", more);
  }
}

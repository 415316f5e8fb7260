/* One named architecture: it reads its arguments and feeds lines to the builder.
 * A new one is a file in arch/ and a line in arch/list.h. */
#ifndef LNSPI_GRAPH_ARCH_ARCH_H
#define LNSPI_GRAPH_ARCH_ARCH_H

#include "graph/builder.h"

typedef struct lnspi_arch {
  const char *name;
  const char *help; /* "student [d=384] ...: what it is" */
  /* Reads all arguments (lnspi_arg_, lnspi_arch_), calls lnspi_arg_finish, then
   * gives the lines (LNSPI_LINE). */
  void (*emit)(lnspi_builder *builder);
  const char *const *examples; /* texts for the tests, NULL at the end */
} lnspi_arch;

const lnspi_arch *lnspi_arch_at(int32_t index); /* NULL past the end */
int32_t lnspi_arch_find(const char *name, int32_t length); /* or -1 */

/* act=: the choices, and the layer's name for each; NULL for none */
#define LNSPI_ARCH_ACTS "none,relu,gelu,silu,tanh"
#define LNSPI_ARCH_GELU 2
const char *lnspi_arch_act(int32_t choice);
/* heads=H, which must divide the width unless attention is off. */
int32_t lnspi_arch_heads(lnspi_builder *builder, int64_t width, int32_t used);

#endif

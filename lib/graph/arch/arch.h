/* One named architecture: it reads its arguments and feeds lines to the builder.
 * A new one is a file in arch/ and a line in arch/list.h. */
#ifndef LNSPI_GRAPH_ARCH_ARCH_H
#define LNSPI_GRAPH_ARCH_ARCH_H

#include <stdint.h>

#include "graph/layer.h"

typedef struct lnspi_arch {
  const char *name;
  const char *help; /* "student [d=384] ...: what it is" */
  /* Reads all arguments (lnspi_arg_, lnspi_arch_), calls lnspi_arg_finish, then
   * gives the lines (LNSPI_LINE). */
  void (*emit)(lnspi_builder *builder);
} lnspi_arch;

const lnspi_arch *lnspi_arch_at(int32_t index); /* NULL past the end */
int32_t lnspi_arch_find(lnspi_unknown *name); /* or -1, after offering all */

/* act=: the choices, and the layer's name for each; NULL for none */
#define LNSPI_ARCH_ACTS "none,relu,gelu,silu,tanh"
#define LNSPI_ARCH_GELU 2

const char *lnspi_arch_act(int32_t choice);

/* heads=H, which must divide the width unless attention is off. */
int32_t lnspi_arch_heads(lnspi_builder *builder, int64_t width, int32_t used);

/* How often a part is repeated: the key, or as many as the file has of the tensor whose
 * name has the number 0, 1, ... in place of %d; refused if they differ. */
int32_t lnspi_arch_layers(lnspi_builder *builder, const char *key, const char *tensor,
                          int32_t initial);

/* dropout=P, usually 0; and the line that drops out of a value, if P is more. */
float lnspi_arch_dropout(lnspi_builder *builder);
void lnspi_arch_drop(lnspi_builder *builder, const char *value, float p);

/* Lines from value h to h: STEM.0 linear to its own width, act, STEM.2 layernorm, STEM.3
 * linear to out. */
void lnspi_arch_head(lnspi_builder *builder, const char *stem, int64_t width, const char *act,
                     int64_t out, float dropout);

/* The last lines: `raw`, and `o`, which is raw or its unit vector; outputs "output" and
 * "raw", and those that more names (" code=c"). */
void lnspi_arch_outputs(lnspi_builder *builder, int32_t normalise, const char *more);

#endif

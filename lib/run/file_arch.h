/* A file's description of its network: the architecture's text, and the shapes that
 * the text leaves open. */
#ifndef LNSPI_RUN_FILE_ARCH_H
#define LNSPI_RUN_FILE_ARCH_H

#include "format/safetensors.h"
#include "graph/graph.h"

typedef struct lnspi_file_shapes {
  lnspi_shapes shapes; /* its user points to this struct: do not copy it */
  const lnsp_file *file;
  const char *prefix;
} lnspi_file_shapes;

/* Shapes of the file's tensors under the prefix (NULL: none), by name or alias. */
void lnspi_file_arch_shapes(lnspi_file_shapes *shapes, const lnsp_file *file,
                            const char *prefix);

/* options->architecture, or the file's lnsp.arch, or its lnsp.graph;
 * LNSP_E_MISSING if there is none of them. options: already read. */
int32_t lnspi_file_arch_text(const lnsp_file *file, const lnsp_options *options,
                             const char **text, lnsp_error *error);

#endif

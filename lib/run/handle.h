/* A handle that holds its graph: the graph must be built before the handle's
 * size is known. With the caller's block it is built in place; otherwise in a
 * temporary block, and moved. */
#ifndef LNSPI_RUN_HANDLE_H
#define LNSPI_RUN_HANDLE_H

#include "format/safetensors.h"
#include "graph/graph.h"

#define LNSPI_HANDLE_BYTES 2048 /* counted for a handle's own struct */

typedef struct lnspi_handle {
  lnspi_block block;
  lnsp_graph *graph;
} lnspi_handle;

/* Builds the graph of a text (and a file's shapes, or NULL) after the first
 * LNSPI_HANDLE_BYTES of the block. */
int32_t lnspi_handle_begin(lnspi_handle *stage, const char *text, const lnspi_shapes *shapes,
                           const lnsp_options *options, lnsp_error *error);

/* The architecture of a file: options->architecture, lnsp.arch or lnsp.graph. A state
 * of the graph is stored as options->storage says, or as the file is. */
int32_t lnspi_handle_begin_file(lnspi_handle *stage, lnsp_file *file,
                                const lnsp_options *options, lnsp_error *error);

/* The handle's block of total bytes, zeroed but for the graph, which is at
 * memory + LNSPI_HANDLE_BYTES. Ends the stage on success and on failure. */
int32_t lnspi_handle_finish(lnspi_handle *stage, uint64_t total, const lnsp_options *options,
                            lnspi_block *block, lnsp_graph **graph, lnsp_error *error);
void lnspi_handle_cancel(lnspi_handle *stage);

#endif

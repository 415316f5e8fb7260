/* Building a graph inside the block of the handle that will hold it.
 *
 * A model, trainer or delta of a text cannot know its size before the graph is built, and the
 * graph needs memory. With a block of the caller's, the whole block is taken at once and the
 * graph built in its final place; if the handle then turns out larger than the block, the call
 * fails with the size that is needed. With an allocator, the graph is built in a block of its
 * own, its copy moved into the handle's block, and the first block released: both exist for a
 * moment, and the second is exactly as large as was measured. */
#include "run/handle.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "run/file_arch.h"
#include "run/load.h"

int32_t lnspi_handle_begin(lnspi_handle *stage, const char *text, const lnspi_shapes *shapes,
                           const lnsp_options *options, lnsp_error *error) {
  uint64_t bytes = 0;
  memset(stage, 0, sizeof *stage);
  int32_t status = lnspi_graph_measure(text, shapes, &bytes, error);
  if (status) return status;
  uint64_t whole = LNSPI_HANDLE_BYTES + bytes;
  if (options->block) {
    uint64_t skip = (LNSPI_ALIGN - (uintptr_t)options->block % LNSPI_ALIGN) % LNSPI_ALIGN;
    if (options->block_bytes > skip + whole) whole = options->block_bytes - skip;
  }
  status = lnspi_block_open(&stage->block, options, whole, error);
  if (status) return status;
  status = lnspi_graph_build(text, shapes, (uint8_t *)stage->block.memory + LNSPI_HANDLE_BYTES,
                             bytes, &stage->graph, error);
  if (status) {
    lnspi_block_close(&stage->block);
    memset(stage, 0, sizeof *stage);
    return status;
  }
  stage->graph->bytes = bytes; /* so that every copy takes what was measured */
  if (options->storage) lnspi_graph_set_storage(stage->graph, options->storage);
  return LNSP_OK;
}

int32_t lnspi_handle_begin_file(lnspi_handle *stage, lnsp_file *file,
                                const lnsp_options *options, lnsp_error *error) {
  lnspi_file_shapes shapes;
  const char *text = NULL;
  int32_t status = lnspi_file_arch_text(file, options, &text, error);
  if (status) return status;
  lnspi_file_arch_shapes(&shapes, file, options->prefix);
  status = lnspi_handle_begin(stage, text, &shapes.shapes, options, error);
  if (!status && !options->storage)
    lnspi_graph_set_storage(stage->graph, lnspi_load_type(file, stage->graph, options->prefix));
  return status;
}

int32_t lnspi_handle_finish(lnspi_handle *stage, uint64_t total, const lnsp_options *options,
                            lnspi_block *block, lnsp_graph **graph, lnsp_error *error) {
  int32_t status = LNSP_OK;
  if (!stage->block.owned) { /* in place already */
    if (total > stage->block.bytes)
      status = lnspi_error_set(
          error, LNSP_E_MEMORY, NULL,
          "the block holds %llu bytes but %llu are needed: give the total_bytes of the measure "
          "call, and 63 more if it is not aligned to 64",
          (unsigned long long)stage->block.bytes, (unsigned long long)total);
    if (!status) {
      *block = stage->block;
      block->bytes = (size_t)total;
      *graph = stage->graph;
    }
    memset(stage, 0, sizeof *stage);
    return status;
  }
  status = lnspi_block_open(block, options, total, error);
  if (!status)
    *graph = lnspi_graph_move(stage->graph, (uint8_t *)block->memory + LNSPI_HANDLE_BYTES);
  lnspi_handle_cancel(stage);
  return status;
}

void lnspi_handle_cancel(lnspi_handle *stage) {
  if (stage->block.memory) lnspi_block_close(&stage->block);
  memset(stage, 0, sizeof *stage);
}

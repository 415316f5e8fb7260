/* States into a safetensors stream. */
#ifndef LNSPI_RUN_SAVE_H
#define LNSPI_RUN_SAVE_H

#include "run/state.h"

typedef struct lnspi_save_part {
  const char *prefix; /* before every tensor name, "" for the weights */
  const void *state;
  int32_t array;      /* 1: floats laid out like a float32 state, written as F32 */
  int32_t reserved;
  lnspi_row_read *read; /* NULL: state as it is; else rows come from this, with state as
                           user and array = 1 */
} lnspi_save_part;

/* Writes all tensors of each part, and the metadata "format", the architecture
 * and the extra pairs. dtype F32, F16, BF16 or I8 is that of the matrices; all other
 * tensors are F32. options gives the allocator of a small block, which is freed
 * before return. */
int32_t lnspi_save(const lnsp_graph *graph, const lnspi_save_part *parts, int32_t part_count,
                   const lnsp_key_value *extra, int32_t extra_count, int32_t dtype,
                   const lnsp_sink *sink, const lnsp_options *options, lnsp_error *error);

/* "lnsp.graph" if the architecture is written out, else "lnsp.arch". */
const char *lnspi_save_architecture_key(const lnsp_graph *graph);

#endif

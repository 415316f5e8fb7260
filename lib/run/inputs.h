/* What goes into a network */
#ifndef LNSPI_RUN_INPUTS_H
#define LNSPI_RUN_INPUTS_H

#include "run/engine.h"

/* 1 if some layer of the graph looks at a mask. */
int lnspi_inputs_use_mask(const lnsp_graph *graph);

/* The same for what goes into the network: "input" F32, or "ids" of integers [rows,
 * concepts] where the network begins with ids. role NULL: that name. */
const char *lnspi_inputs_name(const lnsp_graph *graph);
int32_t lnspi_inputs_check_tensor(const lnspi_engine *engine, const lnsp_tensor *tensor,
                                  const char *role, int64_t *batch, int64_t *concepts,
                                  lnsp_error *error);

/* Copies it to rows (of node 0), refusing what is not finite, or no id. */
int32_t lnspi_inputs_load_tensor(const lnspi_engine *engine, const lnsp_tensor *tensor,
                                 const char *role, float *rows, lnsp_error *error);

/* The mask of the name, if it was given, of batch rows from row on; all ones if not. It
 * is refused where a layer could not honour it. Rows after those keep what they had. */
int32_t lnspi_inputs_load_mask(lnspi_engine *engine, const lnsp_tensor *inputs,
                               int32_t input_count, const char *name, int64_t row,
                               int64_t batch, int64_t concepts, lnsp_error *error);

/* Shared with the trainer: one "input", and wanted outputs checked. */
int32_t lnspi_inputs_check(const lnspi_engine *engine, const lnsp_tensor *inputs,
                           int32_t input_count, int64_t most_rows, int64_t *batch,
                           int64_t *concepts, lnsp_error *error);

/* Then takes them in: the checked input, and the mask if one was given. */
int32_t lnspi_inputs_load(lnspi_engine *engine, const lnsp_tensor *inputs, int32_t input_count,
                          int64_t batch, int64_t concepts, lnsp_error *error);

#endif

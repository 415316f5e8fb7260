/* Outputs that a caller wants: checked against the network, and copied out. */
#ifndef LNSPI_RUN_OUTPUTS_H
#define LNSPI_RUN_OUTPUTS_H

#include "run/engine.h"

/* Before a run of rows of concepts. */
int32_t lnspi_outputs_check(const lnspi_engine *engine, const lnsp_tensor *outputs,
                            int32_t output_count, int64_t rows, int64_t concepts,
                            lnsp_error *error);

/* After it: outputs that were checked. */
void lnspi_outputs_store(const lnspi_engine *engine, const lnsp_tensor *outputs,
                         int32_t output_count);

#endif

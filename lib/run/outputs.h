/* Wanted outputs */
#ifndef LNSPI_RUN_OUTPUTS_H
#define LNSPI_RUN_OUTPUTS_H

#include "run/engine.h"

int32_t lnspi_outputs_check_or_store(const lnspi_engine *engine, const lnsp_tensor *outputs,
                                     int32_t output_count, int64_t batch, int64_t concepts,
                                     int store, lnsp_error *error);

#endif

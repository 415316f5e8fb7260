/* Applying a delta */
#ifndef LNSPI_DELTA_DELTA_APPLY_H
#define LNSPI_DELTA_DELTA_APPLY_H

#include "delta/delta.h"

int32_t lnspi_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, lnsp_model **out, lnsp_error *error);

#endif

/* Applies a delta. */
#ifndef LNSPI_DELTA_DELTA_APPLY_H
#define LNSPI_DELTA_DELTA_APPLY_H

#include "delta/delta.h"

/* The result has the type options->storage, float32 if that is 0. */
int32_t lnspi_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, lnsp_model **out, lnsp_error *error);

#endif

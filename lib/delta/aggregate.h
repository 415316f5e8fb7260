/* One delta made of many on one base */
#ifndef LNSPI_DELTA_AGGREGATE_H
#define LNSPI_DELTA_AGGREGATE_H

#include "delta/delta.h"

int32_t lnspi_aggregate_deltas(const lnsp_model *base, const lnsp_delta *const *deltas,
                               const double *weights, int32_t count, const char *rule,
                               const lnsp_options *options, int32_t *refused, lnsp_delta **out,
                               lnsp_error *error);

#endif

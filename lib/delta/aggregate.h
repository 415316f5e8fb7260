/* Aggregates many deltas of one base into one. */
#ifndef LNSPI_DELTA_AGGREGATE_H
#define LNSPI_DELTA_AGGREGATE_H

#include "base/setting.h"
#include "delta/delta.h"

/* lnsp_delta_aggregate. weights and rule may be NULL; refused (nullable) gets a status each. */
int32_t lnspi_aggregate_deltas(const lnsp_model *base, const lnsp_delta *const *deltas,
                               const double *weights, int32_t count, const char *rule,
                               const lnsp_options *options, int32_t *refused, lnsp_delta **out,
                               lnsp_error *error);

/* Refuses a text that is not a rule. */
int32_t lnspi_aggregate_check(const char *text, lnsp_error *error);

const lnspi_setting_owner *lnspi_aggregate_at(int32_t index); /* a rule; NULL past the end */

#endif

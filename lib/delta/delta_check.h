/* The rules for a delta that somebody sent; see lnsp_delta_check. */
#ifndef LNSPI_DELTA_DELTA_CHECK_H
#define LNSPI_DELTA_DELTA_CHECK_H

#include "delta/delta.h"

int32_t lnspi_delta_check(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_delta_check_options *rules, const lnsp_options *options,
                          lnsp_error *error);
int32_t lnspi_delta_check_and_apply(const lnsp_delta *delta, const lnsp_model *base,
                                    const lnsp_delta_check_options *rules,
                                    const lnsp_options *options, lnsp_model **out,
                                    lnsp_error *error);

#endif

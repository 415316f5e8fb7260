/* A delta of a trainer's live weights, with error feedback. */
#ifndef LNSPI_DELTA_LIVE_DELTA_H
#define LNSPI_DELTA_LIVE_DELTA_H

#include "delta/delta.h"
#include "train/trainer.h"

struct lnsp_trainer;

/* See lnsp_delta_create_live. */
int32_t lnspi_live_delta_create(const lnsp_model *base, struct lnsp_trainer *trainer,
                                const char *codec, int snap, const lnsp_options *options,
                                lnsp_delta **out, lnsp_error *error);

#endif

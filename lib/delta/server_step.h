/* A server's step: see lnsp_trainer_step_delta. */
#ifndef LNSPI_DELTA_SERVER_STEP_H
#define LNSPI_DELTA_SERVER_STEP_H

#include "delta/delta.h"
#include "train/trainer.h"

int32_t lnspi_server_step(lnsp_trainer *trainer, const lnsp_delta *delta, lnsp_error *error);

#endif

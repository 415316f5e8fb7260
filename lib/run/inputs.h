/* The values of a bound batch, copied in: vectors or ids, masks, and the data of a loss. */
#ifndef LNSPI_RUN_INPUTS_H
#define LNSPI_RUN_INPUTS_H

#include "run/batch.h"
#include "run/engine.h"

/* Group g goes to rows g * batch->rows and on of node 0 and of the mask, data to where
 * batch->needs says. Refuses a value that is not finite, an id that is not there, a mask
 * with anything but 0 and 1; the rows of the last pass are then overwritten in part. */
int32_t lnspi_inputs_load(lnspi_engine *engine, const lnspi_batch *batch, lnsp_error *error);

#endif

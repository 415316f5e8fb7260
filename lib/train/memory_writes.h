/* Writes of layers into fixed tensors at an update (lnspi_layer.update). */
#ifndef LNSPI_TRAIN_MEMORY_WRITES_H
#define LNSPI_TRAIN_MEMORY_WRITES_H

#include "train/trainer.h"

/* Into fixed tensors, from the values of the last pass. The largest magnitude
 * that they would get; and doing it. */
double lnspi_memory_writes_bound(lnsp_trainer *trainer);
void lnspi_memory_writes_apply(lnsp_trainer *trainer);

#endif

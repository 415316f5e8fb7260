/* Gradients handed out. */
#ifndef LNSPI_TRAIN_GRADIENT_H
#define LNSPI_TRAIN_GRADIENT_H

#include "train/trainer.h"

/* Of the last call alone, row-major. */
int32_t lnspi_gradient_read(lnsp_trainer *trainer, int32_t weight, float *out,
                            lnsp_error *error);

#endif

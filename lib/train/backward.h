/* The second half of phase one */
#ifndef LNSPI_TRAIN_BACKWARD_H
#define LNSPI_TRAIN_BACKWARD_H

#include "train/trainer.h"

/* From the output gradients that are in dvalues and marked reached. */
void lnspi_backward(lnsp_trainer *trainer);
void lnspi_backward_start(lnsp_trainer *trainer); /* nothing reached, all zero */
void lnspi_backward_seed(lnsp_trainer *trainer, int32_t node); /* zeroes it once */

#endif

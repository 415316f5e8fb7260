/* What a loss needs of the caller: the tensors of a batch, checked and copied in. */
#ifndef LNSPI_TRAIN_LOSS_INPUTS_H
#define LNSPI_TRAIN_LOSS_INPUTS_H

#include "train/trainer.h"

int32_t lnspi_loss_inputs_check(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                                int64_t *batch, int64_t *concepts, lnsp_error *error);
int32_t lnspi_loss_inputs_load(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                               lnsp_error *error);

#endif

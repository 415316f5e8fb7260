/* A step with the caller's own loss: forward, the caller's gradients of outputs, backward. */
#ifndef LNSPI_TRAIN_USER_LOSS_H
#define LNSPI_TRAIN_USER_LOSS_H

#include "train/trainer.h"

int32_t lnspi_user_loss_forward(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                int32_t input_count, const lnsp_tensor *outputs,
                                int32_t output_count, lnsp_error *error);

/* In the phase after forward. */
int32_t lnspi_user_loss_backward(lnsp_trainer *trainer, const lnsp_tensor *gradients,
                                 int32_t gradient_count, lnsp_error *error);

#endif

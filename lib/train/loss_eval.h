/* The evaluation of a loss */
#ifndef LNSPI_TRAIN_LOSS_EVAL_H
#define LNSPI_TRAIN_LOSS_EVAL_H

#include "train/trainer.h"

/* Loads the inputs, runs forward, writes output gradients; *loss in double. */
int32_t lnspi_loss_eval_gradients(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                  int32_t input_count, double *loss, lnsp_error *error);

/* The loss alone. */
int32_t lnspi_loss_eval(lnsp_trainer *trainer, const lnsp_tensor *inputs, int32_t input_count,
                        int average, double *loss, lnsp_error *error);

#endif

/* Another model's weights into a trainer that goes on. */
#ifndef LNSPI_TRAIN_SET_WEIGHTS_H
#define LNSPI_TRAIN_SET_WEIGHTS_H

#include "train/trainer.h"

/* See lnsp_trainer_set_weights. */
int32_t lnspi_set_weights(lnsp_trainer *trainer, const lnsp_model *model, int reset,
                          lnsp_error *error);

#endif

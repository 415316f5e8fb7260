/* The update */
#ifndef LNSPI_TRAIN_UPDATE_H
#define LNSPI_TRAIN_UPDATE_H

#include "train/trainer.h"

int32_t lnspi_update_apply(lnsp_trainer *trainer, lnsp_error *error);

/* A step from gradients: for each weight row-major float32, or NULL: it stays. The
 * pointers may be in trainer->grad.given_room. */
int32_t lnspi_update_apply_given(lnsp_trainer *trainer, const float *const *gradients,
                                 lnsp_error *error);

#endif

/* Differential privacy of a step: each example's gradient is clipped, and normal noise
 * is added to their sum. docs/privacy.md says what that gives and what it does not. */
#ifndef LNSPI_TRAIN_PRIVACY_H
#define LNSPI_TRAIN_PRIVACY_H

#include "train/grad_tiles.h"

/* After backward, with clip_each: the norm of each example's gradient, without forming
 * it, and then every recorded output gradient scaled, so that the gradients that follow
 * from them are sums of clipped ones, divided by the lot. */
void lnspi_privacy_clip(lnsp_trainer *trainer);

/* With noise: LNSP_E_STATE without a key. */
int32_t lnspi_privacy_check_key(const lnsp_trainer *trainer, lnsp_error *error);

/* Standard deviation of the noise on the gradient, 0: none. */
double lnspi_privacy_noise_deviation(const lnsp_trainer *trainer);

/* Adds it, once a step: to a tile's gradient, to a small tensor's. */
void lnspi_privacy_noise_tile(const lnsp_trainer *trainer, const lnspi_grad_tile *tile);
void lnspi_privacy_noise_flat(lnsp_trainer *trainer, int32_t weight);

#endif

/* Differential privacy of a step: each example's gradient is clipped, and normal noise
 * is added to their sum. docs/privacy.md says what that gives and what it does not. */
#ifndef LNSPI_TRAIN_PRIVACY_H
#define LNSPI_TRAIN_PRIVACY_H

#include "train/strips.h"

/* After backward, with clip_each: the norm of each example's gradient, without forming
 * it, and then every recorded output gradient scaled, so that the gradients that follow
 * from them are sums of clipped ones, divided by the lot. */
void lnspi_privacy_clip(lnsp_trainer *trainer);

/* With noise: LNSP_E_STATE without a key. */
int32_t lnspi_privacy_check(const lnsp_trainer *trainer, lnsp_problem *problem);
/* Standard deviation of the noise on the gradient, 0: none. */
double lnspi_privacy_deviation(const lnsp_trainer *trainer);
/* Adds it, once a step: to a strip's gradient, to a small tensor's. */
void lnspi_privacy_strip(const lnsp_trainer *trainer, const lnspi_strip *strip);
void lnspi_privacy_small(lnsp_trainer *trainer, int32_t weight);

#endif

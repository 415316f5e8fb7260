/* The gradient's global norm, and the factor that clips it. */
#ifndef LNSPI_TRAIN_CLIP_H
#define LNSPI_TRAIN_CLIP_H

#include "train/trainer.h"

/* The factor of the gradient: of a sum, what makes it a mean; and, as that of
 * torch.nn.utils.clip_grad_norm_, what bounds its norm. */
int32_t lnspi_clip(lnsp_trainer *t, double *scale, double *mean_norm, lnsp_error *error);

#endif

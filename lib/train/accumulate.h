/* Gradient accumulation */
#ifndef LNSPI_TRAIN_ACCUMULATE_H
#define LNSPI_TRAIN_ACCUMULATE_H

#include "train/trainer.h"

/* All of it does nothing, or is not called, without accumulate=N. */
int lnspi_accumulate_is_partial(
    const lnsp_trainer *trainer); /* for more calls after this one */
void lnspi_accumulate_reset(lnsp_trainer *trainer);       /* drops the sum */

/* Bound of the sum with this call's gradient, whose bound is given; beyond most it looks
 * at the sum. */
double lnspi_accumulate_bound(lnsp_trainer *trainer, double gradient, double most);
void lnspi_accumulate_add(lnsp_trainer *trainer, double bound);

/* Around the use of the sum: tensors that only earlier calls touched are touched too. */
void lnspi_accumulate_begin(lnsp_trainer *trainer);
void lnspi_accumulate_end(lnsp_trainer *trainer);
int lnspi_accumulate_has(const lnsp_trainer *trainer, int32_t weight);
double lnspi_accumulate_square_norm(const lnsp_trainer *trainer, int32_t weight);
void lnspi_accumulate_merge(lnsp_trainer *trainer, int32_t weight);

#endif

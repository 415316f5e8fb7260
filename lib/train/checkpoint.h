/* Trainer state to a file and back, to the same bits. */
#ifndef LNSPI_TRAIN_CHECKPOINT_H
#define LNSPI_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

#define LNSPI_CHECKPOINT_PAIRS 64 /* most pairs of the caller's own */

/* If progress, of parameters, is cancelled, out is worthless. */
void lnspi_checkpoint_hash(const lnsp_trainer *trainer, int32_t what, lnspi_progress *progress,
                           uint8_t out[32]);
int32_t lnspi_checkpoint_save(const lnsp_trainer *trainer, const lnsp_sink *sink, int32_t what,
                              const lnsp_key_value *own, int32_t own_count, lnsp_error *error);
int32_t lnspi_checkpoint_load(lnsp_trainer *trainer, lnsp_file *file, lnsp_error *error);

#endif

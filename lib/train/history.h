/* Marks */
#ifndef LNSPI_TRAIN_HISTORY_H
#define LNSPI_TRAIN_HISTORY_H

#include "train/trainer.h"

/* Before the live state changes: gives a mark that rollback left pending its copy. */
void lnspi_history_copy_pending(lnsp_trainer *trainer);
/* Words of 8 bytes that a mark has beside its arrays. */
size_t lnspi_history_words(const lnsp_trainer *trainer);

void lnspi_history_mark(lnsp_trainer *trainer);
void lnspi_history_rollback(lnsp_trainer *trainer, int32_t back);

#endif

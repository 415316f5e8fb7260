/* Marks */
#ifndef LNSPI_TRAIN_HISTORY_H
#define LNSPI_TRAIN_HISTORY_H

#include "train/trainer.h"

/* Before the live state changes: gives a mark that rollback left pending its copy. */
void lnspi_history_copy_pending(lnsp_trainer *trainer);
void lnspi_history_mark(lnsp_trainer *trainer);
void lnspi_history_rollback(lnsp_trainer *trainer, int32_t back);

#endif

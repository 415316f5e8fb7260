/* The state of a trainer as ranges of its own memory. */
#ifndef LNSPI_TRAIN_STATE_RANGES_H
#define LNSPI_TRAIN_STATE_RANGES_H

#include "train/trainer.h"

/* The whole state as pieces of the trainer's own memory, for whoever keeps it as
 * words (on this host's byte order). They hold until rollback exchanges them. */
#define LNSPI_STATE_RANGES (2 * LNSPI_MOMENTS + 9)

typedef struct lnspi_state_range {
  void *at;       /* aligned to 4 */
  uint64_t bytes; /* a multiple of 4 */
  int32_t kind;   /* for the check */
  int32_t moment;
} lnspi_state_range;

int32_t lnspi_state_ranges(const lnsp_trainer *trainer,
                           lnspi_state_range pieces[LNSPI_STATE_RANGES]);

/* 1 if bytes from at on (multiples of 8, or up to the piece's end) may be words[]: finite
 * and in range, so that wherever they come from, the trainer stays sound. */
int lnspi_state_ranges_valid(const lnsp_trainer *trainer, const lnspi_state_range *piece,
                             uint64_t at, const void *words, uint64_t bytes);

/* Around the writing of pieces, all of them checked before. */
void lnspi_state_ranges_begin(lnsp_trainer *trainer);
void lnspi_state_ranges_end(lnsp_trainer *trainer);

#endif

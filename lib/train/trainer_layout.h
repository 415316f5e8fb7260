/* The memory of a trainer: every array taken from an arena, to count or to place. */
#ifndef LNSPI_TRAIN_TRAINER_LAYOUT_H
#define LNSPI_TRAIN_TRAINER_LAYOUT_H

#include "train/trainer.h"

/* Sets the pointers of a trainer whose graph, plan, limits and texts' results are there, and
 * copies its objective; memory gets the bytes of each kind. */
void lnspi_trainer_layout(lnsp_trainer *trainer, lnspi_arena *arena, lnsp_memory_info *memory);

#endif

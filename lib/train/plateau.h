/* Lowers the learning rate when a held-out value stops improving; early stopping. */
#ifndef LNSPI_TRAIN_PLATEAU_H
#define LNSPI_TRAIN_PLATEAU_H

#include "train/trainer.h"

/* Before the first value, at the rate of the optimizer's text. */
void lnspi_plateau_start(lnsp_trainer *trainer);
/* Takes a value; 1 if the learning rate fell. */
int lnspi_plateau_report(lnsp_trainer *trainer, double value);

#define LNSPI_PLATEAU_TEXT 96
/* As four integers for a state file, and back. */
void lnspi_plateau_write(const lnsp_trainer *trainer, char to[LNSPI_PLATEAU_TEXT]);
int32_t lnspi_plateau_read(lnsp_trainer *trainer, const char *text, lnsp_error *error);
/* 1 if these 32 bytes may be a plateau's state. */
int lnspi_plateau_valid(const void *bytes);

/* 1 if this value is the best so far; equal ones and NaN are not better. */
int lnspi_plateau_stops(lnsp_early_stop *stop, double value);

#endif

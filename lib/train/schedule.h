/* Learning-rate schedules */
#ifndef LNSPI_TRAIN_SCHEDULE_H
#define LNSPI_TRAIN_SCHEDULE_H

#include "base/lexer.h"
#include "train/optimizer.h"

const char *lnspi_schedule_name(int32_t index); /* NULL past the end */
const char *lnspi_schedule_help(int32_t index);

/* 1 if the key is one of a schedule's, and *status what became of it. */
int lnspi_schedule_key(const lnspi_key *key, lnspi_optimizer_config *rule, int32_t *status,
                       lnsp_error *error);

/* After all keys: what is wrong with the values together, or NULL. */
const char *lnspi_schedule_finish(lnspi_optimizer_config *rule);

/* 1 if the rate falls by what lnsp_trainer_report is told. */
int lnspi_schedule_is_plateau(const lnspi_optimizer_config *rule);

/* Learning rate of step number step (from 0), schedule included. */
double lnspi_schedule_rate(const lnspi_optimizer_config *rule, uint64_t step);

#endif

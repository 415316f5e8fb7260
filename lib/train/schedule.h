/* Learning-rate schedules */
#ifndef LNSPI_TRAIN_SCHEDULE_H
#define LNSPI_TRAIN_SCHEDULE_H

#include "train/optimizer.h"

const lnspi_setting_owner *lnspi_schedule_at(int32_t index); /* NULL past the end */

/* Its keys, with places in an lnspi_optimizer_config. */
lnspi_settings lnspi_schedule_settings(int32_t schedule);

/* Refuses a key that only other schedules have; LNSP_OK if none has it. */
int32_t lnspi_schedule_refuse(lnspi_token key, int32_t schedule, lnsp_error *error);

/* After all keys: what is wrong with the values together, or NULL. */
const char *lnspi_schedule_finish(lnspi_optimizer_config *rule);

/* 1 if the rate falls by what lnsp_trainer_report is told. */
int lnspi_schedule_is_plateau(const lnspi_optimizer_config *rule);

/* Learning rate of step number step (from 0), schedule included. */
double lnspi_schedule_rate(const lnspi_optimizer_config *rule, uint64_t step);

#endif

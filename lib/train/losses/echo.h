/* Echo */
#ifndef LNSPI_TRAIN_LOSSES_ECHO_H
#define LNSPI_TRAIN_LOSSES_ECHO_H

#include <stdint.h>

#include "train/loss.h"

/* 1 if operand 1 may come from the caller's echo function; how many rows it is asked for. */
int lnspi_echo_is(const lnspi_loss *loss);
int64_t lnspi_echo_rows(const lnspi_loss_call *call);

#endif

/* A loss text against a graph */
#ifndef LNSPI_TRAIN_LOSS_BIND_H
#define LNSPI_TRAIN_LOSS_BIND_H

#include "train/trainer.h"

int32_t lnspi_loss_bind(const char *text, const lnsp_graph *graph, lnspi_objective *objective,
                        lnsp_error *error);
int64_t lnspi_loss_bind_scratch_floats(const lnspi_objective *objective,
                                       const lnsp_graph *graph, int64_t rows, int64_t concepts,
                                       int64_t replay_rows);

#endif

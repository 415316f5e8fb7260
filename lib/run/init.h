/* Fresh values from the weights' initial distributions. */
#ifndef LNSPI_RUN_INIT_H
#define LNSPI_RUN_INIT_H

#include "base/progress.h"
#include "graph/graph.h"

int32_t lnspi_init_weight(const lnsp_graph *graph, int32_t index, uint64_t seed, void *state,
                          float *row, lnspi_progress *progress, lnsp_error *error);

/* Fresh values from the weights' initial distributions. */
int32_t lnspi_init(const lnsp_graph *graph, uint64_t seed, void *state, float *row,
                   const lnsp_options *options, lnsp_error *error);

#endif

/* Ranks of predictions among candidates. */
#ifndef LNSPI_METRICS_RANKS_H
#define LNSPI_METRICS_RANKS_H

#include "lnsp.h"

typedef struct lnspi_ranks_job {
  const float *candidates, *queries; /* row-major, width apart */
  int64_t candidate_count, query_count, width;
  const int64_t *truth;    /* [query_count]: places among the candidates */
  const int64_t *left_out; /* [query_count][left_out_count], or NULL; negative: none */
  int64_t left_out_count;
} lnspi_ranks_job;

/* Floats of scratch that a job needs. */
uint64_t lnspi_ranks_scratch_floats(const lnspi_ranks_job *job);

/* All places are checked. LNSP_E_NOT_FINITE if a score is NaN. */
int32_t lnspi_ranks(const lnspi_ranks_job *job, const lnsp_options *options, float *scratch,
                    lnsp_rank *ranks, lnsp_error *error);

#endif

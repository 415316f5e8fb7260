/* Cosine, error and ranks of predictions on data. */
#ifndef SCORE_SCORE_H
#define SCORE_SCORE_H

#include <stdint.h>

#include "common/gates.h"
#include "data/data.h"
#include "score/candidates.h"
#include "score/predictor.h"
#include "lnsp.h"

typedef struct score_result {
  int64_t rows;
  lnsp_score_info score; /* over all vectors */
  double val_cosine;   /* mean of the batches' means, lengths + 1e-8 */
  int ranked;          /* whether what follows is there */
  lnsp_rank_info retrieval;
  double echo, echo_pass; /* cosine with the nearest of the pool; share of at least .82 */
  lnsp_rank *ranks;     /* [rows] */
  float *predictions;     /* [vectors, width] of length 1, where asked for */
  gates_mini mini;
} score_result;
/* pool may be NULL; keep: predictions stay in out. */
void score_predictor(data *d, predictor *p, int64_t batch, const candidates *pool, int keep,
                     score_result *out);
void score_free(score_result *j);

#endif

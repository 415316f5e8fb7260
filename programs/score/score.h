/* Cosine, error and ranks of predictions on data. */
#ifndef SCORE_SCORE_H
#define SCORE_SCORE_H

#include <stdint.h>

#include "cli/progress.h"
#include "data/data.h"
#include "score/candidates.h"
#include "score/metrics.h"
#include "score/predictor.h"

typedef struct score_result {
  int64_t rows, vectors;
  double cosine;       /* mean over all vectors */
  double val_cosine;   /* mean of the batches' means, lengths + 1e-8 */
  double mse;
  int ranked;          /* whether what follows is there */
  metric_retrieval retrieval;
  double echo, echo_pass; /* cosine with the nearest of the pool; share of at least .82 */
  metric_rank *ranks;     /* [rows] */
  float *predictions;     /* [vectors, width] of length 1, where asked for */
  metric_mini mini;
} score_result;
/* pool may be NULL; keep: predictions stay in out. */
int score_predictor(data *d, predictor *p, int64_t batch, const candidates *pool, int keep,
                    progress *show, score_result *out);
void score_free(score_result *j);

#endif

/* The vectors that predictions are ranked among. */
#ifndef SCORE_CANDIDATES_H
#define SCORE_CANDIDATES_H

#include <stdint.h>

#include "data/data.h"
#include "score/metrics.h"

/* Distinct targets, and what of them each row's context has. */
typedef struct candidates {
  metric_pool pool;
  float *vectors;
  int32_t *truth;   /* [rows] */
  int32_t *without; /* [rows, concepts], or NULL */
  int64_t rows, concepts;
} candidates;

/* Whether there are ranks to tell: one target a row, and other ones than the input. */
int candidates_exist(const data *d);
/* The pool of d's targets, with the rows that extra (FILE:TENSOR of row numbers, or NULL)
 * names beside them. keep_context: nothing is left out. d: input and target are needed,
 * and room for batch rows is reserved. */
int candidates_open(data *d, int64_t batch, const char *extra, int keep_context,
                    candidates *pool);
void candidates_close(candidates *pool);

#endif

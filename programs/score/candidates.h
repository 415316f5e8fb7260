/* The vectors that predictions are ranked among. */
#ifndef SCORE_CANDIDATES_H
#define SCORE_CANDIDATES_H

#include <stdint.h>

#include "data/data.h"

/* Distinct targets, and what of them each row's context has. */
typedef struct candidates {
  float *vectors;   /* [count, width], of length 1 */
  int64_t count, width;
  int64_t *truth;   /* [rows]: places among the vectors */
  int64_t *without; /* [rows, concepts], LNSP_NO_ID where there is none; or NULL */
  int64_t rows, concepts;
} candidates;

/* Whether there are ranks to tell: one target a row, and other ones than the input. */
int candidates_exist(data *d);
/* The pool of d's targets, with the rows that extra (FILE:TENSOR of row numbers, or NULL)
 * names beside them. keep_context: nothing is left out. d: input and target are needed,
 * and room for batch rows is reserved. */
void candidates_open(data *d, int64_t batch, const char *extra, int keep_context,
                     candidates *pool);
void candidates_close(candidates *pool);

#endif

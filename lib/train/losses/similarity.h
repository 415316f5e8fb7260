/* Helpers of the losses that compare every row with every target of the batch. */
#ifndef LNSPI_TRAIN_LOSSES_SIMILARITY_H
#define LNSPI_TRAIN_LOSSES_SIMILARITY_H

#include <stdint.h>

#include "train/loss.h"

typedef struct lnspi_similarity {
  float *q;             /* rows of operand 0 at unit length, ld = width rounded up */
  float *packed;        /* those of operand 1, as a matrix of the kernels         */
  float *s;             /* scores, row i at s + i*lds: cos(row i, target j)       */
  float *norm[2];       /* what the rows of both were divided by                  */
  float *toward, *work; /* LNSPI_SIMILARITY_ROWS rows and one                          */
  float *more;          /* the loss's own                                         */
  int64_t ld, lds;
} lnspi_similarity;

#define LNSPI_SIMILARITY_ROWS 16

/* Lays out the scratch and computes the scores; extra: columns of s besides, after
 * those of the targets, which are left to the caller. */
lnspi_similarity lnspi_similarity_open(const lnspi_loss_call *call, int64_t extra);
int64_t lnspi_similarity_floats(const lnspi_loss_call *shape, int64_t extra); /* without more */

/* Adds the gradients of both operands; s has the slopes, times 1 / factor. */
void lnspi_similarity_push(const lnspi_loss_call *call, const lnspi_similarity *batch,
                           float factor);

#endif

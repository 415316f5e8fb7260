/* What the losses share that compare every row with every target of the batch. */
#ifndef LNSPI_TRAIN_LOSSES_BATCH_H
#define LNSPI_TRAIN_LOSSES_BATCH_H

#include "train/losses/pair.h"

typedef struct lnspi_batch {
  float *q;             /* rows of operand 0 at unit length, ld = width rounded up */
  float *packed;        /* those of operand 1, as a matrix of the kernels         */
  float *s;             /* scores, row i at s + i*lds: cos(row i, target j)       */
  float *norm[2];       /* what the rows of both were divided by                  */
  float *toward, *work; /* LNSPI_BATCH_ROWS rows and one                          */
  float *more;          /* the loss's own                                         */
  int64_t ld, lds;
} lnspi_batch;

#define LNSPI_BATCH_ROWS 16

/* Lays out the scratch and computes the scores; extra: columns of s besides, after
 * those of the targets, which are left to the caller. */
lnspi_batch lnspi_batch_open(const lnspi_loss_call *call, int64_t extra);
int64_t lnspi_batch_floats(const lnspi_loss_call *shape, int64_t extra); /* without more */

/* Adds the gradients of both operands; s has the slopes, times 1 / factor. */
void lnspi_batch_push(const lnspi_loss_call *call, const lnspi_batch *batch, float factor);

#endif

/* The parts of `lnsp train`: cmd_train.c runs it, train_setup.c makes the
 * trainer and ends with the report. */
#ifndef TRAIN_H
#define TRAIN_H

#include "program.h"

#define TRAIN_TEXT_BYTES 512

typedef struct train_point {
  int64_t step;
  double cosine, mse;
} train_point;

typedef struct train_job {
  const args *args;
  data_spec spec;
  data d, held_out;
  lnsp_trainer *trainer;
  lnsp_session *session; /* for held_out */
  const char *path;
  char optimizer[TRAIN_TEXT_BYTES];
  int average, interrupted;
  int32_t type;
  int64_t room;  /* most rows of a step; batch is their number, or expected number */
  double share;  /* --poisson: chance of a row, else 0 */
  int64_t batch, steps, epochs, epoch_steps, eval_every, eval_batch;
  uint64_t seed;
  int32_t *order;
  uint64_t order_epoch;
  int64_t done;
  float loss, loss_first;
  double loss_sum, seconds;
  train_point *points;
  int64_t point_count;
} train_job;

int train_open(train_job *job);
int train_evaluate(train_job *job); /* nothing without held-out data */
int train_report(const train_job *job);
/* train_private.c */
int train_private_plan(train_job *job);
int train_private_key(train_job *job);
int64_t train_private_rows(train_job *job, uint64_t step);
void train_close(train_job *job);

#endif

/* The parts of `lnsp train`: cmd_train.c runs it, train_setup.c makes the
 * trainer and ends with the report. cmd_prove.c trains as it does. */
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

/* The options that say what is learnt, and how. */
#define TRAIN_RECIPE                                                                          \
  { "--loss", "TEXT", "default mse; terms are joined by +: \"cosine + 4*replay rows=7\"" },   \
  { "--optimizer", "TEXT", "default adamw (lr 1e-3, betas .9,.999, eps 1e-8, decay .01)" },   \
  { "--lr", "X", "learning rate" },                                                           \
  { "--clip", "X", "largest global norm of the gradient; default off" },                      \
  { "--ema", "X", "moving average of the weights, e.g. .999; it is what is kept" },           \
  { "--schedule", "TEXT", "\"cosine warmup=100 min_lr=0\" over all steps; default constant" }, \
  { "--batch", "N|all", "rows a step; default 32, or all rows where there are fewer" },       \
  { "--steps", "N", "steps to make; wraps around the data" },                                 \
  { "--epochs", "N", "passes over the data; default 1" },                                     \
  { "--shuffle", NULL, "another order of rows each epoch; default: file order" },             \
  { "--poisson", NULL, "draw each row of a step by chance, --batch of them on average" },     \
  { "--seed", "N", "seed of --shuffle, default 0, or of --poisson, by chance" },              \
  { "--noise-key", "FILE", "32 secret bytes for noise=; default: of the system's generator" }, \
  { "--freeze", "PATTERN", "tensors that stay as they are; * and ? match; may be repeated" }, \
  { "--replay", "FILE", "statistics for a replay term, from `lnsp replay fit`" },             \
  { "--input", "FILE:TENSOR", "vectors [N, width], instead of DATA" },                        \
  { "--rows", "FILE:TENSOR",                                                                  \
    "which rows of them: I32 [M] (TENSOR=N: where it is N), or [M, 3]" },                     \
  { "--target", "FILE:TENSOR", "vectors of the target; default: those of --input" },          \
  { "--target-rows", "FILE:TENSOR", "rows of the target; default: those of --rows" },         \
  { "--normalise", NULL, "scale every vector to length 1 as it is loaded" }

/* The recipe from the command's arguments, its data, and the trainer. */
int train_prepare(train_job *job);
int train_loop(train_job *job);
int train_open(train_job *job);
int train_evaluate(train_job *job); /* nothing without held-out data */
int train_report(const train_job *job);
/* train_private.c */
int train_private_plan(train_job *job);
int train_private_key(train_job *job);
int64_t train_private_rows(train_job *job, uint64_t step);
void train_close(train_job *job);

#endif

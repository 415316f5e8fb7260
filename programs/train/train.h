/* The parts of `lnsp train`: train.c runs it, open.c makes the trainer, options.c reads
 * schedules and lengths of time, validation.c evaluates held-out data, log.c writes what
 * happens and ends with the report, checkpoint.c continues after an interruption, echo.c and
 * poisson.c serve --echo and --poisson. delta/verify.c trains as train.c does. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include <stdio.h>

#include "cli/args.h"
#include "data/data.h"
#include "score/candidates.h"
#include "score/predictor.h"
#include "lnsp.h"

#define TRAIN_TEXT_BYTES 512

/* What a look at the held-out data says; NaN where it says nothing. */
typedef struct train_point {
  int64_t step;
  double cosine, mse, loss;
  double rank; /* MRR or R@k, where --best asks for it */
} train_point;

/* The measure of --best. */
#define TRAIN_LOSS 0
#define TRAIN_COSINE 1
#define TRAIN_MRR 2
#define TRAIN_RECALL 3

typedef struct train_validation {
  data d;
  int there, has_cosine, has_loss, has_plateau, keeps; /* keeps: the best weights */
  int measure, started;     /* started: the look before the first step was made */
  int64_t k;                /* of R@k */
  int64_t batch, every;     /* rows a call; calls of the trainer between looks */
  lnsp_session *session;
  predictor predict;
  candidates pool;
  lnsp_early_stop watch;
  lnsp_model *best;
  int64_t best_step, looked; /* looked: step of the last look, or -1 */
  train_point *points;
  int64_t point_count;
} train_validation;

typedef struct train_echo train_echo;

typedef struct train_job {
  const args *args;
  data_spec spec;
  data d;
  train_validation valid;
  lnsp_trainer *trainer;
  const char *path;
  char optimizer[TRAIN_TEXT_BYTES];
  int average, interrupted, stopped; /* stopped: early, by --patience */
  int64_t room;  /* most rows of a call; batch is their number, or expected number */
  double share;  /* --poisson: chance of a row, else 0 */
  int64_t accumulate; /* calls for a step, of batch rows each */
  int64_t batch, steps, epochs, epoch_calls;
  uint64_t seed;
  int32_t *order;
  uint64_t order_epoch;
  int64_t first, done; /* steps of the trainer before the run; of the run */
  float loss, loss_first;
  double loss_sum, seconds, wall; /* wall: of the run's parts before this one */
  double started;
  int64_t step_rows;            /* rows of the last step */
  double flops, step_flops, rate; /* of all steps, of the last; its learning rate */
  FILE *log;
  const char *checkpoint;
  int64_t checkpoint_every; /* calls */
  lnsp_file *from;          /* checkpoint to go on from, or NULL */
  char *options;            /* what a checkpoint must agree with */
  train_echo *echo;         /* of --echo, or NULL */
} train_job;

/* The options that say what is learned and how, for the tables of commands. */
extern const option train_recipe[];

/* ---- train.c ---- */

/* How many rows a call has, and calls an epoch. */
void train_batches(train_job *job, int64_t rows);
/* The recipe from the command's arguments, its data, and the trainer. */
void train_prepare(train_job *job);
void train_loop(train_job *job);
void train_close(train_job *job);

/* ---- open.c ---- */

void train_open(train_job *job);
/* Freezes the tensors that --freeze names and gives the trainer the statistics of --replay; for
 * `lnsp loop` and losses in `lnsp eval`, too. Whether the trainer keeps an average. */
int train_open_extras(const args *a, lnsp_trainer *trainer);

/* ---- options.c ---- */

/* The optimizer's text from --optimizer and the options that are keys of it. */
void train_options_optimizer(train_job *job);
/* Value of a key in an optimizer's text, or NULL; it ends with a blank or the text. */
const char *train_options_key(const char *text, const char *key);
/* The option of this name in calls: "10" steps, "1epoch", ".5epoch"; one epoch without it. */
int64_t train_options_every(const train_job *job, const char *name);

/* ---- validation.c ---- */

/* The held-out data, before there is a trainer; then what looks at them. */
void train_validation_data(train_job *job);
void train_validation_open(train_job *job);
/* A look, at what is printed and recorded; counts: the plateau, --patience and --best go
 * by it. Nothing without held-out data, or twice after a step. */
void train_validation_look(train_job *job, int counts);
int train_validation_due(const train_job *job, int64_t every); /* calls; after the last step */
const char *train_validation_measure(const train_validation *v, char name[32]);
void train_validation_close(train_validation *v);

/* ---- log.c ---- */

void train_log_open(train_job *job);
void train_log_step(train_job *job);
void train_log_close(train_job *job);
void train_log_report(const train_job *job);

/* ---- checkpoint.c ---- */

/* Opens --resume, where that is a checkpoint: job->from. */
void train_checkpoint_find(train_job *job);
/* After everything else was set up: takes up the run, refusing other options or data. */
void train_checkpoint_resume(train_job *job);
void train_checkpoint_write(train_job *job);

/* ---- echo.c ---- */

void train_echo_open(train_job *job);
void train_echo_close(train_echo *echo);

/* ---- poisson.c ---- */

void train_poisson_plan(train_job *job);
void train_poisson_key(train_job *job);

#endif

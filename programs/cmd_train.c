/* lnsp train: a model learns from data. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "train.h"

static volatile sig_atomic_t train_interrupted;

static void train_interrupt(int signal_number) {
  (void)signal_number;
  train_interrupted = 1;
}

static const option options[] = {
  { "-o", "OUT", "model to write; with ema, that of the average" },
  { "--state", "FILE", "also write the trainer's whole state, to go on later" },
  { "--resume", "FILE", "go on from a state, to the same bits; MODEL may then be left out" },
  { "--type", "T", "storage of OUT: f32, f16, bf16 or int8; default: as it is trained, f32" },
  TRAIN_RECIPE,
  { "--eval", "DATA", "held-out data: mean cosine at the start, the end, and between" },
  { "--eval-input", "FILE:TENSOR", "held-out vectors; default: those of --input" },
  { "--eval-rows", "FILE:TENSOR", "rows of the held-out vectors" },
  { "--eval-every", "N", "evaluate every N steps" },
  { NULL, NULL, NULL },
};

static int train_read(train_job *job) {
  const args *a = job->args;
  const char *batch = args_value(a, "--batch");
  int status = 0;

  if (!batch)
    job->batch = 32;
  else if (!strcmp(batch, "all"))
    job->batch = INT32_MAX;
  else
    status = args_integer(a, "--batch", 1, INT32_MAX - 1, 32, &job->batch);
  if (!status)
    status = args_integer(a, "--steps", 1, INT64_C(1) << 50, 0, &job->steps);
  if (!status)
    status = args_integer(a, "--epochs", 1, 1 << 30, 0, &job->epochs);
  if (!status && job->steps && job->epochs)
    status = usage_error(a, "give --steps or --epochs, not both");
  if (!status)
    status = args_integer(a, "--eval-every", 1, INT64_C(1) << 50, 0, &job->eval_every);
  if (!status)
    status = args_unsigned(a, "--seed", 0, &job->seed);
  if (!status)
    status = args_type(a, &job->type);
  if (!status)
    status = data_spec_read(a, args_value(a, "--resume") && !args_value(a, "--input") &&
                                       a->positional_count == 1 ? 0 : 1, &job->spec);
  if (!status && args_value(a, "--loss") && !*args_value(a, "--loss"))
    status = usage_error(a, "--loss is empty; `lnsp list` names the losses");
  return status;
}

/* Where the results go, asked before anything long is done. */
static int train_outputs(train_job *job) {
  const char *state = args_value(job->args, "--state");
  int status = args_output(job->args, &job->path);
  if (!status && state)
    status = !*state || !strcmp(state, job->path)
                 ? usage_error(job->args, "--state needs a file of its own, beside that of -o")
                 : args_writable(job->args, "--state", state);
  return status;
}

/* Rows a step, steps an epoch, steps in all. A single row that is left over
 * stays out, since losses over pairs need two. */
static int train_plan(train_job *job) {
  const int64_t rows = job->d.max_rows;
  if (job->batch > rows)
    job->batch = rows;
  job->epoch_steps = rows / job->batch + (rows % job->batch > 1);
  if (!job->steps)
    job->steps = (job->epochs ? job->epochs : 1) * job->epoch_steps;
  return train_private_plan(job);
}

/* A permutation of the rows, a function of seed and epoch alone (Fisher-Yates
 * with splitmix64, so that a resumed run goes on in the same order). */
static void train_shuffle(train_job *job, uint64_t epoch) {
  uint64_t state = job->seed + epoch * UINT64_C(0x9e3779b97f4a7c15);
  int64_t i;

  for (i = 0; i < job->d.rows; i++)
    job->order[i] = (int32_t)i;
  for (i = job->d.rows - 1; i > 0; i--) {
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    int64_t j;
    int32_t swap;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    j = (int64_t)((z ^ (z >> 31)) % (uint64_t)(i + 1));
    swap = job->order[i];
    job->order[i] = job->order[j];
    job->order[j] = swap;
  }
  job->order_epoch = epoch;
}

static int train_step(train_job *job) {
  const uint64_t step = lnsp_trainer_step_count(job->trainer);
  const uint64_t epoch = step / (uint64_t)job->epoch_steps;
  const int64_t at = (int64_t)(step % (uint64_t)job->epoch_steps) * job->batch;
  const int64_t first = job->share > 0 ? 0 : at, left = job->d.rows - first;
  int64_t count = left < job->batch ? left : job->batch;
  lnsp_problem problem;
  double start;
  int status;

  if (job->share > 0)
    count = train_private_rows(job, step);
  else if (job->order && epoch != job->order_epoch)
    train_shuffle(job, epoch);
  status = data_read(&job->d, job->order, first, count);
  if (status)
    return status;
  start = clock_seconds();
  if (lnsp_trainer_step(job->trainer, job->d.inputs, job->d.needed_count, &job->loss, &problem))
    return refuse(job->args, "step %llu, from row %lld of the %s on: %s",
                  (unsigned long long)step + 1, (long long)first,
                  job->order ? "shuffled order" : "data", problem.message);
  job->seconds += clock_seconds() - start;
  if (!job->done)
    job->loss_first = job->loss;
  job->loss_sum += (double)job->loss;
  job->done++;
  return 0;
}

int train_loop(train_job *job) {
  struct sigaction action, before;
  progress show;
  int status = train_evaluate(job);

  memset(&action, 0, sizeof action);
  action.sa_handler = train_interrupt;
  sigaction(SIGINT, &action, &before);
  progress_start(&show);
  while (!status && job->done < job->steps && !train_interrupted) {
    status = train_step(job);
    if (!status && progress_due(&show))
      progress_show(&show, "step %lld of %lld  loss %.5f  lr %.3g  %.0f us a step",
                    (long long)job->done, (long long)job->steps, (double)job->loss,
                    (double)lnsp_trainer_learning_rate(job->trainer),
                    1e6 * job->seconds / (double)job->done);
    if (!status && job->eval_every && job->done % job->eval_every == 0 &&
        job->done < job->steps) {
      progress_clear(&show);
      status = train_evaluate(job);
    }
  }
  progress_clear(&show);
  sigaction(SIGINT, &before, NULL);
  job->interrupted = train_interrupted != 0;
  return status ? status : train_evaluate(job);
}

static int train_save(train_job *job) {
  const char *state = args_value(job->args, "--state");
  lnsp_options library = args_options(job->args);
  lnsp_model *model = NULL;
  lnsp_problem problem;
  int32_t status = LNSP_OK;

  if (state && lnsp_trainer_save(job->trainer, state, LNSP_SAVE_STATE, &problem))
    return refuse_problem(job->args, state, &problem);
  if (!args_value(job->args, "--type") ||
      job->type == lnsp_graph_storage(lnsp_trainer_graph(job->trainer))) {
    status = lnsp_trainer_save(job->trainer, job->path,
                               job->average ? LNSP_SAVE_AVERAGE : LNSP_SAVE_WEIGHTS, &problem);
  } else {
    library.storage = job->type;
    status = lnsp_trainer_publish(job->trainer, job->average, &library, &model, &problem);
    if (!status)
      status = lnsp_model_save(model, job->path, 0, &problem);
    lnsp_model_destroy(model);
  }
  return status ? refuse_problem(job->args, job->path, &problem) : 0;
}

int train_prepare(train_job *job) {
  int status = train_read(job);
  if (!status)
    status = data_open(&job->d, job->args, &job->spec);
  if (!status)
    status = train_plan(job);
  return status ? status : train_open(job);
}

static int run(const args *a) {
  train_job job;
  int status;

  memset(&job, 0, sizeof job);
  job.args = a;
  status = args_positionals(a, args_value(a, "--resume") ? 0 : 1, 2);
  if (!status)
    status = train_outputs(&job);
  if (!status)
    status = train_prepare(&job);
  if (!status)
    status = train_loop(&job);
  if (!status)
    status = train_save(&job);
  if (!status)
    status = train_report(&job);
  train_close(&job);
  return status;
}

const command command_train = {
  "train", "MODEL [DATA] -o OUT [option ...]", "learn from data",
  "DATA has `input` and `target`, or what the loss reads (`student`: `anchor`, `positive`,\n"
  "`negative`, `teacher`); or vectors are read through --input and --rows, row by row from the\n"
  "file, the target being the same vector unless --target or --target-rows say otherwise.\n"
  "Rows are taken in file order without --shuffle. A first interrupt (ctrl-c) ends after the\n"
  "present step and writes what was asked for.",
  options, run,
};

/* lnsp train: a model learns from data. */
#include "train/train.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "command.h"
#include "data/data.h"
#include "lnsp.h"

static volatile sig_atomic_t train_interrupted;

static void train_interrupt(int signal_number) {
  (void)signal_number;
  train_interrupted = 1;
}

static const option options[] = {
    {"-o", "FILE", "model to write; with --ema, its averaged weights", OPT_OUTPUT,
     OPT_REQUIRED},
    {"--state", "FILE",
     "also write weights, moments and step count, to continue later with --resume", OPT_OUTPUT},
    {"--checkpoint", "FILE",
     "write a checkpoint every --checkpoint-every, from which --resume continues", OPT_OUTPUT},
    {"--checkpoint-every", "N",
     "steps between checkpoints, or 1epoch (the default), .5epoch, ...", OPT_TEXT,
     OPT_NEEDS("--checkpoint")},
    {"--resume", "FILE",
     "continue from a file of --state (MODEL may then be left out) or, with the same "
     "options, from one of --checkpoint; the result has the same bits as without the "
     "break",
     OPT_TEXT},
    {"--type", "T", "how the model is stored (default as it was trained, f32)", OPT_TYPE},
    {.also = train_recipe, OPT_HEADING("options of learning")},
    {"--eval", "DATA",
     "held-out data: evaluate them at the start, every --eval-every and at the end", OPT_TEXT,
     OPT_HEADING("options of held-out data and the log")},
    {"--eval-input", "FILE:TENSOR",
     "held-out vectors, instead of --eval (default those of --input)", OPT_TEXT},
    {"--eval-rows", "FILE:TENSOR", "which of the held-out vectors, as for --rows", OPT_TEXT},
    {"--eval-target", "FILE:TENSOR",
     "targets of the held-out vectors (default those of --target)", OPT_TEXT},
    {"--eval-target-rows", "FILE:TENSOR",
     "which of these targets (default those of --eval-rows)", OPT_TEXT},
    {"--eval-every", "N", "steps between evaluations, or 1epoch (the default), .5epoch, ...",
     OPT_TEXT},
    {"--best", "MEASURE",
     "write the weights with the best held-out loss, cosine, mrr or r@K (default the "
     "last weights; with --patience those with the best loss)",
     OPT_TEXT},
    {"--patience", "N", "stop after N evaluations in a row without improvement",
     OPT_INTEGER(1, INT32_MAX)},
    {"--log", "FILE.csv",
     "write a line for each step: learning rate, loss, held-out measures, FLOPs", OPT_OUTPUT},
    {.name = NULL},
};

/* One call: rows of the epoch that its number says. Its loss. */
static double train_call(train_job *job, uint64_t number) {
  const uint64_t epoch = number / (uint64_t)job->epoch_calls;
  const int64_t at = (int64_t)(number % (uint64_t)job->epoch_calls) * job->batch;
  const int64_t first = job->share > 0 ? 0 : at, left = job->d.rows - first;
  int64_t count = left < job->batch ? left : job->batch;
  lnsp_error error;
  char place[96];
  double start;
  float loss = 0;
  int32_t status;

  if (job->share > 0) {
    refuse_if(lnsp_order_draw(job->seed, number, job->share, job->d.rows, job->order, job->room,
                              &count, &error),
              NULL, &error);
  } else if (job->order && epoch != job->order_epoch) {
    refuse_if(lnsp_order_shuffle(job->seed, epoch, job->d.rows, job->order, &error), NULL,
              &error);
    job->order_epoch = epoch;
  }
  data_read(&job->d, job->order, first, count);
  start = progress_clock();
  status = lnsp_trainer_step(job->trainer, job->d.inputs, job->d.needed_count, &loss, &error);
  snprintf(place, sizeof place, "step %llu, from row %lld of the %s on",
           (unsigned long long)(number / (uint64_t)job->accumulate) + 1, (long long)first,
           job->order ? "shuffled order" : "data");
  refuse_if(status, status == LNSP_E_STATE ? NULL : place, &error);
  job->seconds += progress_clock() - start;
  job->step_rows += count;
  job->step_flops += (double)lnsp_trainer_flops(job->trainer, count, job->d.max_concepts);
  return (double)loss;
}

/* What follows a step: a look at the held-out data, a line of the log, a checkpoint. */
static void train_after(train_job *job) {
  const int last = job->done == job->steps;
  const int due = job->valid.there && train_validation_due(job, job->valid.every);
  const int only_last = job->valid.there && last && !due;

  /* a run that goes on from here, with more steps, would not have looked now */
  if (only_last && job->checkpoint) train_checkpoint_write(job);
  if (due || last) {
    progress_clear();
    train_validation_look(job, 1);
    job->stopped = lnsp_early_stop_over(&job->valid.watch);
  }
  train_log_step(job);
  if (job->checkpoint && !only_last &&
      (last || job->stopped || train_interrupted ||
       train_validation_due(job, job->checkpoint_every)))
    train_checkpoint_write(job);
}

void train_loop(train_job *job) {
  const train_validation *v = &job->valid;
  struct sigaction action, interrupt, terminate;
  char held[64], name[32];

  if (!job->from) train_validation_look(job, 0);
  memset(&action, 0, sizeof action);
  action.sa_handler = train_interrupt;
  sigaction(SIGINT, &action, &interrupt);
  sigaction(SIGTERM, &action, &terminate);
  while (job->done < job->steps && !train_interrupted && !job->stopped) {
    const uint64_t number = lnsp_trainer_step_count(job->trainer) * (uint64_t)job->accumulate;
    double sum = 0;
    int64_t i;

    job->step_rows = 0;
    job->step_flops = 0;
    job->rate = (double)lnsp_trainer_learning_rate(job->trainer);
    for (i = 0; i < job->accumulate; i++) sum += train_call(job, number + (uint64_t)i);
    job->loss = (float)(sum / (double)job->accumulate);
    if (!job->done) job->loss_first = job->loss;
    job->loss_sum += (double)job->loss;
    job->flops += job->step_flops;
    job->done++;
    *held = 0;
    if (v->watch.reports)
      snprintf(held, sizeof held, "  held-out %s %.4g", train_validation_measure(v, name),
               v->watch.best);
    progress_show("step %lld of %lld  epoch %.2f  loss %.5f%s  lr %.3g  %.0f us a step",
                  (long long)job->done, (long long)job->steps,
                  (double)job->done * (double)job->accumulate / (double)job->epoch_calls,
                  (double)job->loss, held, (double)lnsp_trainer_learning_rate(job->trainer),
                  1e6 * job->seconds / (double)job->done);
    train_after(job);
  }
  progress_clear();
  sigaction(SIGINT, &interrupt, NULL);
  sigaction(SIGTERM, &terminate, NULL);
  job->interrupted = train_interrupted != 0;
  train_validation_look(job, job->done == job->steps);
}

/* Rows a call, calls an epoch. A single row that is left over stays out, since losses over
 * pairs need two. */
void train_batches(train_job *job, int64_t rows) {
  if (job->batch > rows) job->batch = rows;
  job->epoch_calls = rows / job->batch + (rows % job->batch > 1);
}

void train_prepare(train_job *job) {
  const args *a = job->args;
  /* with --resume the only argument is the model or the data, whatever is missing */
  const int only_data =
      args_given(a, "--resume") && !args_given(a, "--input") && a->positional_count == 1;

  job->spec = data_spec_read(a, only_data ? 0 : 1);
  job->started = progress_clock();
  job->batch = args_integer(a, "--batch");
  job->steps = args_integer(a, "--steps");
  job->epochs = args_integer(a, "--epochs");
  job->seed = args_seed(a, "--seed");
  if (args_given(a, "--loss") && !*args_value(a, "--loss"))
    refuse_usage("--loss is empty: name a loss; `lnsp list` prints them");
  train_checkpoint_find(job);
  data_open(&job->d, job->args, &job->spec);
  train_batches(job, job->d.max_rows);
  train_poisson_plan(job);
  train_open(job);
  job->checkpoint_every = train_options_every(job, "--checkpoint-every");
  job->first = (int64_t)lnsp_trainer_step_count(job->trainer);
  train_checkpoint_resume(job);
}

void train_close(train_job *job) {
  train_validation_close(&job->valid);
  lnsp_trainer_destroy(job->trainer);
  train_echo_close(job->echo);
  lnsp_file_destroy(job->from);
  data_close(&job->d);
  free(job->options);
  free(job->order);
}

static void run(const args *a) {
  const char *state = args_value(a, "--state");
  const int32_t type = args_type(a);
  lnsp_options library = LNSP_OPTIONS_INIT;
  lnsp_model *model = NULL;
  lnsp_error error;
  train_job job;
  int as_is;

  memset(&job, 0, sizeof job);
  job.args = a;
  job.path = args_value(a, "-o");
  job.checkpoint = args_value(a, "--checkpoint");
  args_positionals(a, args_given(a, "--resume") ? 0 : 1, 2);
  train_prepare(&job);
  train_log_open(&job);
  train_loop(&job);
  train_log_close(&job);
  as_is =
      !args_given(a, "--type") || type == lnsp_graph_storage(lnsp_trainer_graph(job.trainer));
  if (state)
    refuse_if(lnsp_trainer_save(job.trainer, state, LNSP_SAVE_STATE, &error), state, &error);
  if (job.valid.best) {
    refuse_if(lnsp_model_save(job.valid.best, job.path, as_is ? 0 : type, &error), job.path,
              &error);
  } else if (as_is) {
    refuse_if(lnsp_trainer_save(job.trainer, job.path,
                                job.average ? LNSP_SAVE_AVERAGE : LNSP_SAVE_WEIGHTS, &error),
              job.path, &error);
  } else {
    library.storage = type;
    refuse_if(lnsp_trainer_publish(job.trainer, job.average, &library, &model, &error),
              job.path, &error);
    refuse_if(lnsp_model_save(model, job.path, 0, &error), job.path, &error);
    lnsp_model_destroy(model);
  }
  train_log_report(&job);
  train_close(&job);
}

const command command_train = {
    .name = "train",
    .usage = "MODEL [DATA] -o FILE [option ...]",
    .summary = "train a model on data",
    .detail = "Trains MODEL on DATA and writes the trained model. DATA is a file with the "
              "tensors `input` and `target`, one row for each example, or with what the loss "
              "reads instead (the loss student: `anchor`, `positive`, `negative`, `teacher`). "
              "Without DATA, --input names a tensor of vectors and --rows the numbers of those "
              "to learn from; each vector is then its own target, unless --target or "
              "--target-rows name another. Rows are read in the order of the file unless "
              "--shuffle is given. ctrl-c stops after the current step and writes the files. "
              "--best, --patience and the schedule plateau need held-out data: give --eval or "
              "--eval-rows.",
    .examples =
        "train model.safetensors data.safetensors --epochs 10 --shuffle -o "
        "trained.safetensors\n"
        "train model.st --input v.st:vectors --rows w.st:train[0:5] --target-rows "
        "w.st:train[5] --eval-rows w.st:val[0:5] --eval-target-rows w.st:val[5] --best mrr -o "
        "trained.st",
    .options = options,
    .low = 0,
    .high = 2,
    .run = run,
};

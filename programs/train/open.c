/* `lnsp train`: the trainer from the command's options, its data and their order. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/model.h"
#include "train/train.h"
#include "lnsp.h"

static int open_trainer(train_job *job) {
  const args *a = job->args;
  const char *resume = args_value(a, "--resume"), *loss = args_value(a, "--loss");
  const char *path = resume ? resume : a->positional[0];
  const lnsp_options library = args_options(a);
  const int64_t held = job->valid.there ? job->valid.d.max_concepts : 0;
  const lnsp_size_options limits =
      model_size_options(job->room, held > job->d.max_concepts ? held : job->d.max_concepts);
  lnsp_memory_info memory;
  lnsp_error error;
  lnsp_file *file = NULL;
  int status = 0;

  if (lnsp_file_open(path, NULL, &file, &error)) return refuse_error(a, path, &error);
  if (resume && !lnsp_file_metadata(file, "lnsp.trainer"))
    status = refuse(a,
                    "%s is no state that --state or --checkpoint wrote; a model is given as "
                    "MODEL, without --resume",
                    path);
  else if (lnsp_trainer_open_file(file, loss || resume ? loss : "mse",
                                  job->optimizer[0] ? job->optimizer : NULL, &limits, &library,
                                  &job->trainer, &error))
    status = refuse_error(a, path, &error);
  lnsp_file_destroy(file);
  if (!status && resume && !job->optimizer[0] && args_given(a, "--lr") &&
      lnsp_trainer_set_learning_rate(job->trainer, (float)args_real(a, "--lr"), &error))
    status = refuse_error(a, NULL, &error);
  memset(&memory, 0, sizeof memory);
  memory.struct_size = sizeof memory;
  if (!status && lnsp_trainer_memory(job->trainer, &memory, &error))
    status = refuse_error(a, NULL, &error);
  job->average = memory.average_bytes > 0;
  return status;
}

/* Frozen tensors and replay statistics. */
static int open_extras(train_job *job) {
  const char *pattern, *path = args_value(job->args, "--replay");
  const char *loss = args_value(job->args, "--loss");
  lnsp_replay *replay = NULL;
  lnsp_error error;
  int i, status = 0;

  if (loss && strstr(loss, "replay") && !path)
    return refuse(job->args, "the loss has a replay term: give its statistics with --replay "
                             "FILE, which `lnsp replay fit` writes");
  for (i = 0; !status && (pattern = args_value_at(job->args, "--freeze", i)) != NULL; i++)
    if (lnsp_trainer_freeze(job->trainer, pattern, 1, &error))
      status = refuse_error(job->args, NULL, &error);
  if (!status && path &&
      (lnsp_replay_open(path, NULL, &replay, &error) ||
       lnsp_trainer_set_replay(job->trainer, replay, &error)))
    status = refuse_error(job->args, path, &error);
  lnsp_replay_destroy(replay);
  return status;
}

/* The columns that the loss reads, room for a batch, and the order of rows. */
static int open_data(train_job *job) {
  const char *name;
  int32_t i;
  int status = 0;

  for (i = 0; !status && (name = lnsp_trainer_input_name(job->trainer, i)) != NULL; i++)
    status = data_need(&job->d, name);
  if (status) return status;
  if (job->d.rows < job->d.max_rows) { /* a shorter tensor is the one that counts */
    if (job->share > 0)
      return refuse_usage(job->args, "--poisson needs tensors of equally many rows");
    if (job->batch > job->d.rows) job->room = job->batch = job->d.rows;
    job->epoch_calls = job->d.rows / job->batch + (job->d.rows % job->batch > 1);
  }
  status = data_reserve(&job->d, job->room);
  if (!status && (args_value(job->args, "--shuffle") || job->share > 0)) {
    job->order = malloc((size_t)job->d.rows * sizeof *job->order);
    job->order_epoch = UINT64_MAX;
    if (!job->order) status = refuse_memory(job->args);
  }
  return status;
}

/* Multiply-adds of a call forward and, twice as many, backward: of each row in each of
 * the network's runs, and of the vectors that a replay term draws. */
static void open_flops(train_job *job) {
  const double forward =
      (double)lnsp_graph_flops(lnsp_trainer_graph(job->trainer), job->d.max_concepts);
  const char *loss = args_value(job->args, "--loss"), *name;
  const char *at = loss ? strstr(loss, "replay") : NULL;
  int32_t i;
  int runs = 0;

  for (i = 0; (name = lnsp_trainer_input_name(job->trainer, i)) != NULL; i++)
    runs += !strcmp(name, "input") || !strcmp(name, "ids") || !strcmp(name, "anchor") ||
            !strcmp(name, "positive") || !strcmp(name, "negative");
  job->row_flops = 3 * forward * (runs ? runs : 1);
  if (at) {
    const size_t length = strcspn(at, "+");
    const char *rows = strstr(at, "rows=");
    job->call_flops = 3 * forward * (rows && rows < at + length ? strtod(rows + 5, NULL) : 7);
  }
}

int train_open(train_job *job) {
  int status = train_options_optimizer(job);
  if (!status) status = train_validation_data(job);
  if (!status) status = open_trainer(job);
  if (!status) status = train_poisson_key(job);
  if (!status) status = open_extras(job);
  if (!status) status = train_echo_open(job);
  if (!status) status = open_data(job);
  if (!status) status = train_validation_open(job);
  if (!status) open_flops(job);
  return status;
}

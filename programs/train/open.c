/* `lnsp train`: the trainer from the command's options, its data and their order. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/model.h"
#include "train/open.h"
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
  lnsp_error error;
  lnsp_file *file = NULL;
  int status = 0;

  if (lnsp_file_open(path, NULL, &file, &error)) return refuse_error(a, path, &error);
  if (resume && !lnsp_file_metadata(file, "lnsp.trainer"))
    status = refuse(a,
                    "%s was not written by --state or --checkpoint: give a model as "
                    "MODEL, without --resume",
                    path);
  else if (lnsp_trainer_open_file(file, loss || resume ? loss : "mse",
                                  job->optimizer[0] ? job->optimizer : NULL, &limits, &library,
                                  &job->trainer, &error))
    status = refuse_error(a, path, &error);
  lnsp_file_destroy(file);
  if (status) return status;
  if (resume && !job->optimizer[0] && args_given(a, "--lr") &&
      lnsp_trainer_set_learning_rate(job->trainer, (float)args_real(a, "--lr"), &error))
    status = refuse_error(a, NULL, &error);
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

int train_open_extras(const args *a, const char *loss, lnsp_trainer *trainer, int *average) {
  const char *pattern, *path = args_value(a, "--replay");
  lnsp_replay *replay = NULL;
  lnsp_memory_info memory;
  lnsp_error error;
  int32_t status = LNSP_OK;
  int i;

  if (loss && strstr(loss, "replay") && !path)
    return refuse(a,
                  "the loss has a replay term: give its statistics with --replay FILE, which "
                  "`lnsp replay fit` writes");
  for (i = 0; (pattern = args_value_at(a, "--freeze", i)) != NULL; i++)
    if (lnsp_trainer_freeze(trainer, pattern, 1, &error)) return refuse_error(a, NULL, &error);
  if (path) {
    status = lnsp_replay_open(path, NULL, &replay, &error);
    if (!status) status = lnsp_trainer_set_replay(trainer, replay, &error);
    lnsp_replay_destroy(replay);
    if (status) return refuse_error(a, path, &error);
  }
  memset(&memory, 0, sizeof memory);
  memory.struct_size = sizeof memory;
  if (lnsp_trainer_memory(trainer, &memory, &error)) return refuse_error(a, NULL, &error);
  if (average) *average = memory.average_bytes > 0;
  return 0;
}

int train_open(train_job *job) {
  const char *loss = args_value(job->args, "--loss");
  int status = train_options_optimizer(job);
  if (status) return status;
  status = train_validation_data(job);
  if (status) return status;
  status = open_trainer(job);
  if (status) return status;
  status = train_poisson_key(job);
  if (status) return status;
  status = train_open_extras(job->args, loss, job->trainer, &job->average);
  if (status) return status;
  status = train_echo_open(job);
  if (status) return status;
  status = open_data(job);
  if (status) return status;
  return train_validation_open(job);
}

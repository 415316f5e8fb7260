/* `lnsp train`: the trainer from the command's options, its data and their order. */

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/model.h"
#include "train/train.h"
#include "lnsp.h"

static void open_trainer(train_job *job) {
  const args *a = job->args;
  const char *resume = args_value(a, "--resume");
  const char *loss = resume && !args_given(a, "--loss") ? NULL : args_value(a, "--loss");
  const char *path = resume ? resume : a->positional[0];
  const lnsp_options library = args_options(a);
  const int64_t held = job->valid.there ? job->valid.d.max_concepts : 0;
  const lnsp_size_options limits =
      model_size_options(job->room, held > job->d.max_concepts ? held : job->d.max_concepts);
  lnsp_error error;
  lnsp_file *file = NULL;

  refuse_if(lnsp_file_open(path, NULL, &file, &error), path, &error);
  if (resume && !lnsp_file_metadata(file, "lnsp.trainer"))
    refuse("'%s' was not written by --state or --checkpoint: give a model as MODEL, without "
           "--resume",
           path);
  refuse_if(lnsp_trainer_open_file(file, loss, job->optimizer[0] ? job->optimizer : NULL,
                                   &limits, &library, &job->trainer, &error),
            path, &error);
  lnsp_file_destroy(file);
  if (resume && !job->optimizer[0] && args_given(a, "--lr"))
    refuse_if(lnsp_trainer_set_learning_rate(job->trainer, (float)args_real(a, "--lr"), &error),
              NULL, &error);
}

int train_open_extras(const args *a, lnsp_trainer *trainer) {
  const char *pattern, *path = args_value(a, "--replay");
  lnsp_replay *replay = NULL;
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  lnsp_error error;
  int i;

  for (i = 0; (pattern = args_value_at(a, "--freeze", i)) != NULL; i++)
    refuse_if(lnsp_trainer_freeze(trainer, pattern, 1, &error), NULL, &error);
  if (path) {
    refuse_if(lnsp_replay_open(path, NULL, &replay, &error), path, &error);
    refuse_if(lnsp_trainer_set_replay(trainer, replay, &error), path, &error);
    lnsp_replay_destroy(replay);
  }
  refuse_if(lnsp_trainer_memory(trainer, &memory, &error), NULL, &error);
  return memory.average_bytes > 0;
}

void train_open(train_job *job) {
  train_options_optimizer(job);
  train_validation_data(job);
  open_trainer(job);
  train_poisson_key(job);
  job->average = train_open_extras(job->args, job->trainer);
  train_echo_open(job);
/* The columns that the loss reads, room for a batch, and the order of rows. */
  data_need_inputs(&job->d, job->trainer);
  if (job->d.rows < job->d.max_rows) { /* a shorter tensor is the one that counts */
    if (job->share > 0)
      refuse_usage("--poisson draws from all rows: give tensors with the same number of rows");
    if (job->batch > job->d.rows) job->room = job->d.rows;
    train_batches(job, job->d.rows);
  }
  data_reserve(&job->d, job->room);
  if (args_given(job->args, "--shuffle") || job->share > 0) {
    job->order = memory_new(job->d.rows, sizeof *job->order);
    job->order_epoch = UINT64_MAX;
  }
  train_validation_open(job);
}

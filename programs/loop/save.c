/* What `lnsp loop --learn` leaves behind: a model, a state, versions in a store. */
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/refuse.h"
#include "loop/loop.h"
#include "lnsp.h"

/* The store that is there, or a new one with what is to learn as its first version. */
int loop_save_open(loop_job *job) {
  const char *path = args_value(job->args, "--store");
  lnsp_error error;
  int safetensors = 0;

  if (!path) return 0;
  if (file_exists(path, &safetensors)) {
    if (lnsp_store_open(path, NULL, NULL, &job->store, &error))
      return refuse_error(job->args, path, &error);
    return 0;
  }
  if (lnsp_store_create(path, job->learner.trainer, NULL, NULL, NULL, &job->store, &error))
    return refuse_error(job->args, path, &error);
  return loop_save_commit(job);
}

int loop_save_commit(loop_job *job) {
  const loop_learner *l = &job->learner;
  const char *path = args_value(job->args, "--store");
  lnsp_store_info facts;
  lnsp_commit_options note;
  lnsp_model *model = NULL;
  lnsp_error error;
  int32_t status;

  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  memset(&note, 0, sizeof note);
  note.struct_size = sizeof note;
  note.time = (uint64_t)time(NULL);
  note.loss = l->steps ? (float)(l->loss_sum / (double)l->steps) : 0;
  status = lnsp_store_get_info(job->store, &facts, &error);
  if (!status && facts.of_trainer) {
    status = lnsp_store_commit(job->store, l->trainer, &note, NULL, &error);
  } else if (!status) {
    status = lnsp_trainer_publish(l->trainer, l->average, NULL, &model, &error);
    if (!status) status = lnsp_store_commit_model(job->store, model, &note, NULL, &error);
    lnsp_model_destroy(model);
  }
  return status ? refuse_error(job->args, path, &error) : 0;
}

int loop_save_end(loop_job *job) {
  const lnsp_trainer *trainer = job->learner.trainer;
  const char *out = args_value(job->args, "-o"), *state = args_value(job->args, "--state");
  const int what = job->learner.average ? LNSP_SAVE_AVERAGE : LNSP_SAVE_WEIGHTS;
  lnsp_error error;

  if (state && lnsp_trainer_save(trainer, state, LNSP_SAVE_STATE, &error))
    return refuse_error(job->args, state, &error);
  if (out && lnsp_trainer_save(trainer, out, what, &error))
    return refuse_error(job->args, out, &error);
  return job->store ? loop_save_commit(job) : 0;
}

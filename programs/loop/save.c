/* The files that `lnsp loop --learn` writes: a model, a state, versions in a store. */
#include <stdio.h>
#include <time.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/refuse.h"
#include "loop/loop.h"
#include "lnsp.h"

/* The store that is there, or a new one with what is to learn as its first version. */
void loop_save_open(loop_job *job) {
  const char *path = args_value(job->args, "--store");
  lnsp_error error;
  int safetensors = 0;

  if (!path) return;
  if (file_exists(path, &safetensors)) {
    refuse_if(lnsp_store_open(path, NULL, NULL, &job->store, &error), path, &error);
    return;
  }
  refuse_if(lnsp_store_create(path, job->learner.trainer, NULL, NULL, NULL, &job->store,
                              &error),
            path, &error);
  job->store_made = 1;
  loop_save_commit(job);
  job->store_made = 0;
}

void loop_save_commit(loop_job *job) {
  const loop_learner *l = &job->learner;
  const char *path = args_value(job->args, "--store");
  lnsp_store_info facts = LNSP_STORE_INFO_INIT;
  lnsp_commit_options note = LNSP_COMMIT_OPTIONS_INIT;
  lnsp_model *model = NULL;
  lnsp_error error;
  int32_t status = lnsp_store_get_info(job->store, &facts, &error);

  note.time = (uint64_t)time(NULL);
  note.loss = l->steps ? (float)(l->loss_sum / (double)l->steps) : 0;
  if (!status && facts.of_trainer) {
    status = lnsp_store_commit(job->store, l->trainer, &note, NULL, &error);
  } else if (!status) {
    status = lnsp_trainer_publish(l->trainer, l->average, NULL, &model, &error);
    if (!status) status = lnsp_store_commit_model(job->store, model, &note, NULL, &error);
    lnsp_model_destroy(model);
  }
  if (status && job->store_made) remove(path);
  refuse_if(status, path, &error);
}

void loop_save_end(loop_job *job) {
  const lnsp_trainer *trainer = job->learner.trainer;
  const char *out = args_value(job->args, "-o"), *state = args_value(job->args, "--state");
  const int what = job->learner.average ? LNSP_SAVE_AVERAGE : LNSP_SAVE_WEIGHTS;
  lnsp_error error;

  if (state)
    refuse_if(lnsp_trainer_save(trainer, state, LNSP_SAVE_STATE, &error), state, &error);
  if (out) refuse_if(lnsp_trainer_save(trainer, out, what, &error), out, &error);
  if (job->store) loop_save_commit(job);
}

/* `lnsp train --echo INDEX`: what text would leave of an output is the nearest known
 * concept. */
#include <stdlib.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "train/train.h"
#include "lnsp.h"

enum { ECHO_QUERIES = 64 };

struct train_echo {
  lnsp_index *index;
  lnsp_search *search;
  lnsp_error error; /* why the last call refused */
  int64_t ids[ECHO_QUERIES];
  float scores[ECHO_QUERIES];
};

static int32_t echo_nearest(void *user, const lnsp_tensor *output, const lnsp_tensor *echo) {
  train_echo *e = user;
  const int64_t rows = output->dims[0], width = output->dims[1];
  int64_t first, r;

  for (first = 0; first < rows; first += ECHO_QUERIES) {
    lnsp_tensor part = *output;
    part.data = (float *)output->data + first * output->strides[0];
    part.dims[0] = rows - first < ECHO_QUERIES ? rows - first : ECHO_QUERIES;
    if (lnsp_search_run(e->search, &part, NULL, 1, e->ids, e->scores, &e->error))
      return e->error.code;
    for (r = 0; r < part.dims[0]; r++)
      if (e->ids[r] != LNSP_NO_ID &&
          lnsp_index_read(e->index, e->ids[r],
                          (float *)echo->data + (first + r) * echo->strides[0], width,
                          &e->error))
        return e->error.code;
  }
  return 0;
}

void train_echo_open(train_job *job) {
  const char *path = args_value(job->args, "--echo");
  const lnsp_options o = args_run_options(job->args);
  lnsp_search_options limits = LNSP_SEARCH_OPTIONS_INIT;
  lnsp_echo function = LNSP_ECHO_INIT;
  lnsp_error error;

  if (!path) return;
  job->echo = memory_new(1, sizeof *job->echo);
  limits.max_queries = ECHO_QUERIES;
  limits.max_results = 1;
  refuse_if(lnsp_index_open(path, NULL, &o, &job->echo->index, &error), path, &error);
  refuse_if(lnsp_search_create(job->echo->index, &limits, NULL, &job->echo->search, &error),
            path, &error);
  function.user = job->echo;
  function.echo = echo_nearest;
  refuse_if(lnsp_trainer_set_echo(job->trainer, &function, &error), NULL, &error);
}

void train_echo_close(train_echo *echo) {
  if (!echo) return;
  lnsp_search_destroy(echo->search);
  lnsp_index_destroy(echo->index);
  free(echo);
}

/* `lnsp train`: looks at held-out data, and what follows from them: which weights are
 * kept, when the rate falls, when it is over. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/report.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/model.h"
#include "score/candidates.h"
#include "score/predictor.h"
#include "score/score.h"
#include "train/train.h"
#include "lnsp.h"

#define VALIDATION_BATCH 64 /* rows a call of the session */

const char *train_validation_measure(const train_validation *v, char name[32]) {
  static const char *const names[] = {"loss", "cosine", "mrr"};
  if (v->measure == TRAIN_RECALL)
    snprintf(name, 32, "r@%lld", (long long)v->k);
  else
    snprintf(name, 32, "%s", names[v->measure]);
  return name;
}

/* --best: "loss", "cosine", "mrr", "r@5". */
static void validation_measure(const args *a, train_validation *v) {
  const char *text = args_value(a, "--best"), *at;
  char *end;

  v->measure = TRAIN_LOSS;
  if (!text || !strcmp(text, "loss")) return;
  v->watch.rises = 1;
  v->measure = TRAIN_COSINE;
  if (!strcmp(text, "cosine")) return;
  v->measure = TRAIN_MRR;
  if (!strcmp(text, "mrr")) return;
  v->measure = TRAIN_RECALL;
  at = strchr(text, '@');
  if (at && at[1] >= '1' && at[1] <= '9' &&
      (!strncmp(text, "r@", 2) || !strncmp(text, "R@", 2) || !strncmp(text, "hit@", 4))) {
    v->k = strtoll(at + 1, &end, 10);
    if (!*end && v->k <= INT32_MAX) return;
  }
  refuse_usage("--best is '%s': give loss, cosine, mrr, or r@ and a number, such as r@5", text);
}

void train_validation_data(train_job *job) {
  const args *a = job->args;
  const char *input = args_value(a, "--eval-input"), *rows = args_value(a, "--eval-rows");
  const char *target = args_value(a, "--eval-target");
  static const char *const names[] = {"--eval-every",       "--best",
                                      "--patience",         "--eval-target",
                                      "--eval-target-rows", "--eval-rows"};
  train_validation *v = &job->valid;
  data_spec spec;
  size_t i;

  validation_measure(a, v);
  v->watch.patience = args_integer(a, "--patience");
  spec.path = args_value(a, "--eval");
  spec.rows = rows;
  spec.input = input ? input : rows && !spec.path ? job->spec.input : NULL;
  spec.target = target ? target : input || spec.path ? NULL : job->spec.target;
  spec.target_rows = args_value(a, "--eval-target-rows");
  spec.normalise = job->spec.normalise;
  if (spec.path && (input || target || spec.target_rows))
    refuse_usage("give either --eval DATA or --eval-input and --eval-target, not both");
  v->looked = v->best_step = -1;
  v->keeps = args_given(a, "--best") || args_given(a, "--patience");
  v->there = spec.path || spec.input;
  if (v->there) {
    data_open(&v->d, a, &spec);
    return;
  }
  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    if (args_given(a, names[i]))
      refuse_usage("%s needs held-out data: give --eval DATA, or --eval-input or --eval-rows",
                   names[i]);
  if (v->has_plateau)
    refuse_usage("the schedule plateau needs held-out data: give --eval DATA, or --eval-input "
                 "or --eval-rows");
}

/* ---- what can be told of them ---- */

/* The loss, where all is there that it reads; it must be, where something goes by it. */
static void validation_need(train_job *job) {
  train_validation *v = &job->valid;
  const int must = v->has_plateau || (v->keeps && v->measure == TRAIN_LOSS);
  const char *name, *input = data_input(&v->d);
  int32_t i;

  v->has_cosine = data_find(&v->d, input) && data_find(&v->d, "target");
  v->has_loss = 1;
  for (i = 0; (name = lnsp_trainer_input_name(job->trainer, i)) != NULL; i++)
    v->has_loss &= data_find(&v->d, name) != NULL;
  if (v->has_loss || must) data_need_inputs(&v->d, job->trainer);
  if (v->has_cosine || !v->has_loss || (v->keeps && v->measure != TRAIN_LOSS)) {
    data_need(&v->d, input);
    data_need(&v->d, "target");
  }
}

void train_validation_open(train_job *job) {
  train_validation *v = &job->valid;
  const lnsp_options library = args_run_options(job->args);
  lnsp_size_options limits;
  lnsp_error error;
  int64_t room;

  if (!v->there) return;
  v->every = train_options_every(job, "--eval-every");
  validation_need(job);
  v->batch = v->d.rows < VALIDATION_BATCH ? v->d.rows : VALIDATION_BATCH;
  room = v->d.rows < job->batch ? v->d.rows : job->batch;
  data_reserve(&v->d, room > v->batch ? room : v->batch);
  limits = model_size_options(v->batch, v->d.max_concepts);
  if (v->has_cosine)
    refuse_if(lnsp_session_create_live(job->trainer, job->average, &limits, &library,
                                       &v->session, &error),
              NULL, &error);
  if (!v->keeps || v->measure < TRAIN_MRR) return;
  if (!candidates_exist(&v->d))
    refuse_usage("--best mrr and r@K rank targets that are not the input: give "
                 "--eval-target-rows or --eval-target, one target a row");
  candidates_open(&v->d, v->batch, NULL, 0, &v->pool);
}

/* ---- a look ---- */

static train_point validation_point(train_job *job) {
  const double unknown = (double)NAN;
  train_validation *v = &job->valid;
  train_point p = {(int64_t)lnsp_trainer_step_count(job->trainer), unknown, unknown, unknown,
                   unknown};
  score_result j;

  if (v->has_loss) {
    /* The mean over rows, of batches about as large as those that are learned from, none of a
     * single row: losses over pairs need two. */
    const int64_t rows = v->d.rows, parts = (rows + job->batch - 1) / job->batch;
    lnsp_error error;
    double sum = 0;
    int64_t part;

    for (part = 0; part < parts; part++) {
      const int64_t first = rows * part / parts, n = rows * (part + 1) / parts - first;
      float loss = 0;
      data_read(&v->d, NULL, first, n);
      refuse_batch_if(lnsp_trainer_validate(job->trainer, v->d.inputs, v->d.needed_count,
                                            job->average, &loss, &error),
                      "held-out data", first, &error);
      sum += (double)loss * (double)n;
    }
    p.loss = sum / (double)rows;
  }
  if (!v->has_cosine) return p;
  predictor_borrow(&v->predict, v->session, v->batch);
  score_predictor(&v->d, &v->predict, v->batch, v->pool.truth ? &v->pool : NULL, 0, &j);
  p.cosine = j.score.cosine;
  p.mse = j.score.mse;
  if (j.ranked)
    p.rank =
        v->measure == TRAIN_MRR ? j.retrieval.mrr : lnsp_metrics_recall(j.ranks, j.rows, v->k);
  score_free(&j);
  return p;
}

void train_validation_look(train_job *job, int counts) {
  train_validation *v = &job->valid;
  lnsp_error error;
  train_point p;

  if (!v->there || v->looked == (int64_t)lnsp_trainer_step_count(job->trainer)) return;
  p = validation_point(job);
  v->looked = p.step;
  if (!job->args->json) {
    char number[FORMAT_NUMBER_BYTES], name[32];
    printf("step %10s ", format_number(p.step, number));
    if (v->has_cosine) printf(" held-out cosine %.4f  mse %.6g", p.cosine, p.mse);
    if (v->has_loss) printf("%s loss %.6g", v->has_cosine ? " " : " held-out", p.loss);
    if (v->pool.truth) printf("  %s %.4f", train_validation_measure(v, name), p.rank);
    putchar('\n');
    fflush(stdout);
  }
  v->points = memory_grow(v->points, v->point_count + 1, sizeof p);
  v->points[v->point_count++] = p;
  if (!counts) return;
  if (v->has_plateau)
    refuse_if(lnsp_trainer_report(job->trainer, p.loss, NULL, &error), NULL, &error);
  const double values[] = {p.loss, p.cosine, p.rank, p.rank};
  if (v->keeps && lnsp_early_stop_report(&v->watch, values[v->measure])) {
    lnsp_model_destroy(v->best); /* these weights are kept */
    v->best = NULL;
    refuse_if(lnsp_trainer_publish(job->trainer, job->average, NULL, &v->best, &error), NULL,
              &error);
    v->best_step = p.step;
  }
}

int train_validation_due(const train_job *job, int64_t every) {
  const int64_t now = job->done * job->accumulate;
  return now / every != (now - job->accumulate) / every;
}

void train_validation_close(train_validation *v) {
  lnsp_session_destroy(v->session);
  lnsp_model_destroy(v->best);
  candidates_close(&v->pool);
  data_close(&v->d);
  free(v->points);
}

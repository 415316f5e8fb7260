/* `lnsp train`: looks at held-out data, and what follows from them: which weights are
 * kept, when the rate falls, when it is over. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/format.h"
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
static int validation_measure(const args *a, train_validation *v) {
  const char *text = args_value(a, "--best"), *at;
  char *end;

  v->measure = TRAIN_LOSS;
  if (!text || !strcmp(text, "loss")) return 0;
  v->watch.rises = 1;
  v->measure = TRAIN_COSINE;
  if (!strcmp(text, "cosine")) return 0;
  v->measure = TRAIN_MRR;
  if (!strcmp(text, "mrr")) return 0;
  v->measure = TRAIN_RECALL;
  at = strchr(text, '@');
  if (at && at[1] >= '1' && at[1] <= '9' &&
      (!strncmp(text, "r@", 2) || !strncmp(text, "R@", 2) || !strncmp(text, "hit@", 4))) {
    v->k = strtoll(at + 1, &end, 10);
    if (!*end && v->k <= INT32_MAX) return 0;
  }
  return refuse_usage(a,
                      "--best is \"%s\", and must be loss, cosine, mrr, or r@ and a number, "
                      "e.g. r@5",
                      text);
}

int train_validation_data(train_job *job) {
  const args *a = job->args;
  const char *input = args_value(a, "--eval-input"), *rows = args_value(a, "--eval-rows");
  const char *target = args_value(a, "--eval-target");
  static const char *const names[] = {"--eval-every",       "--best",
                                      "--patience",         "--eval-target",
                                      "--eval-target-rows", "--eval-rows"};
  train_validation *v = &job->valid;
  data_spec spec;
  size_t i;
  int status = validation_measure(a, v);

  v->watch.patience = args_integer(a, "--patience");
  memset(&spec, 0, sizeof spec);
  spec.path = args_value(a, "--eval");
  spec.rows = rows;
  spec.input = input ? input : rows && !spec.path ? job->spec.input : NULL;
  spec.target = target ? target : input || spec.path ? NULL : job->spec.target;
  spec.target_rows = args_value(a, "--eval-target-rows");
  spec.normalise = job->spec.normalise;
  if (!status && spec.path && (input || target || spec.target_rows))
    status = refuse_usage(a, "give either --eval DATA or --eval-input and --eval-target, not "
                             "both");
  v->looked = v->best_step = -1;
  v->keeps = args_value(a, "--best") || args_value(a, "--patience");
  if (status) return status;
  v->there = spec.path || spec.input;
  if (v->there) return data_open(&v->d, a, &spec);
  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    if (args_given(a, names[i]))
      return refuse_usage(
          a, "%s needs held-out data: give --eval DATA, or --eval-input or --eval-rows",
          names[i]);
  if (v->has_plateau)
    return refuse_usage(a, "the schedule plateau needs held-out data: give --eval DATA, or "
                           "--eval-input or --eval-rows");
  return 0;
}

/* ---- what can be told of them ---- */

static int validation_has(const data *d, const char *name) {
  int i;
  for (i = 0; i < d->count; i++)
    if (!strcmp(d->column[i].name, name)) return 1;
  return 0;
}

/* The loss, where all is there that it reads; it must be, where something goes by it. */
static int validation_need(train_job *job) {
  train_validation *v = &job->valid;
  const int must = v->has_plateau || (v->keeps && v->measure == TRAIN_LOSS);
  const char *name;
  int32_t i;
  int status = 0;

  v->has_cosine = validation_has(&v->d, data_input(&v->d)) && validation_has(&v->d, "target");
  v->has_loss = 1;
  for (i = 0; (name = lnsp_trainer_input_name(job->trainer, i)) != NULL; i++)
    v->has_loss &= validation_has(&v->d, name);
  if (!v->has_cosine && (!v->has_loss || (v->keeps && v->measure != TRAIN_LOSS))) {
    status = data_need(&v->d, data_input(&v->d));
    return status ? status : data_need(&v->d, "target");
  }
  for (i = 0; (v->has_loss || must) && !status &&
              (name = lnsp_trainer_input_name(job->trainer, i)) != NULL;
       i++)
    status = data_need(&v->d, name);
  if (status) return status;
  if (v->has_cosine) status = data_need(&v->d, data_input(&v->d));
  if (status) return status;
  if (v->has_cosine) status = data_need(&v->d, "target");
  return status;
}

int train_validation_open(train_job *job) {
  train_validation *v = &job->valid;
  const lnsp_options library = args_run_options(job->args);
  lnsp_size_options limits;
  lnsp_error error;
  int64_t room;
  int status;

  if (!v->there) return 0;
  status = train_options_every(job, "--eval-every", job->epoch_calls, &v->every);
  if (!status) status = validation_need(job);
  if (status) return status;
  v->batch = v->d.rows < VALIDATION_BATCH ? v->d.rows : VALIDATION_BATCH;
  room = v->d.rows < job->batch ? v->d.rows : job->batch;
  status = data_reserve(&v->d, room > v->batch ? room : v->batch);
  limits = model_size_options(v->batch, v->d.max_concepts);
  if (!status && v->has_cosine &&
      lnsp_session_create_live(job->trainer, job->average, &limits, &library, &v->session,
                               &error))
    status = refuse_error(job->args, NULL, &error);
  if (status || !v->keeps || v->measure < TRAIN_MRR) return status;
  if (!candidates_exist(&v->d))
    return refuse_usage(job->args,
                        "--best mrr and r@K rank targets that are not the input: "
                        "give --eval-target-rows or --eval-target, one target a row");
  return candidates_open(&v->d, v->batch, NULL, 0, &v->pool);
}

/* ---- a look ---- */

static int validation_point(train_job *job, train_point *p) {
  train_validation *v = &job->valid;
  score_result j;
  int status = 0;

  p->step = (int64_t)lnsp_trainer_step_count(job->trainer);
  p->cosine = p->mse = p->loss = p->rank = (double)NAN;
  if (v->has_loss) {
    /* The mean over rows, of batches about as large as those that are learned from, none of a
     * single row: losses over pairs need two. */
    double *out = &p->loss;
    const int64_t rows = v->d.rows, parts = (rows + job->batch - 1) / job->batch;
    double sum = 0;
    int64_t part;
    status = 0;

    for (part = 0; part < parts && !status; part++) {
      const int64_t first = rows * part / parts, n = rows * (part + 1) / parts - first;
      lnsp_error error;
      float loss = 0;
      status = data_read(&v->d, NULL, first, n);
      if (!status && lnsp_trainer_validate(job->trainer, v->d.inputs, v->d.needed_count,
                                           job->average, &loss, &error))
        status = refuse_batch(job->args, "held-out data", first, &error);
      sum += (double)loss * (double)n;
    }
    *out = sum / (double)rows;
  }
  if (status || !v->has_cosine) return status;
  predictor_borrow(&v->predict, v->session, v->batch);
  status = score_predictor(&v->d, &v->predict, v->batch, v->pool.truth ? &v->pool : NULL, 0,
                           NULL, &j);
  if (status) return status;
  p->cosine = j.score.cosine;
  p->mse = j.score.mse;
  if (j.ranked)
    p->rank =
        v->measure == TRAIN_MRR ? j.retrieval.mrr : lnsp_metrics_recall(j.ranks, j.rows, v->k);
  score_free(&j);
  return 0;
}

int train_validation_look(train_job *job, int counts) {
  train_validation *v = &job->valid;
  train_point *more;
  int status;

  if (!v->there || v->looked == (int64_t)lnsp_trainer_step_count(job->trainer)) return 0;
  more = realloc(v->points, (size_t)(v->point_count + 1) * sizeof *more);
  if (!more) return refuse_memory(job->args);
  v->points = more;
  status = validation_point(job, &more[v->point_count]);
  if (status) return status;
  v->looked = more[v->point_count].step;
  if (!job->args->json) {
    const train_point *p = &more[v->point_count];
    char number[FORMAT_NUMBER_BYTES], name[32];
    printf("step %10s ", format_number(p->step, number));
    if (v->has_cosine) printf(" held-out cosine %.4f  mse %.6g", p->cosine, p->mse);
    if (v->has_loss) printf("%s loss %.6g", v->has_cosine ? " " : " held-out", p->loss);
    if (v->pool.truth) printf("  %s %.4f", train_validation_measure(v, name), p->rank);
    putchar('\n');
    fflush(stdout);
  }
  v->point_count++;
  if (counts) {
    const train_point *p = &more[v->point_count - 1];
    const double values[] = {p->loss, p->cosine, p->rank, p->rank};
    lnsp_error error;

    if (v->has_plateau) {
      if (lnsp_trainer_report(job->trainer, p->loss, NULL, &error))
        return refuse_error(job->args, NULL, &error);
    }
    if (v->keeps &&
        lnsp_early_stop_report(&v->watch, values[v->measure])) { /* these weights are kept */
      lnsp_model *model = NULL;
      if (lnsp_trainer_publish(job->trainer, job->average, NULL, &model, &error))
        return refuse_error(job->args, NULL, &error);
      lnsp_model_destroy(v->best);
      v->best = model;
      v->best_step = p->step;
    }
  }
  return 0;
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

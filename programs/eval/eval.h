/* The parts of `lnsp eval`: eval.c reads what to evaluate, table.c prints results side by
 * side, diagnose.c, pairs.c and cat5_run.c are tests of their own, svg.c draws curves. What
 * predicts and how well is in score/. */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include <stdint.h>

#include "cli/args.h"
#include "cli/report.h"
#include "data/data.h"
#include "score/predictor.h"
#include "score/score.h"

/* ---- table.c ---- */

#define EVAL_MOST 16 /* predictors at once */

typedef struct eval_job {
  const args *args;
  data_spec spec;
  int64_t batch, concepts; /* rows a call; concepts of a context */
  uint64_t seed;
  double echo_weight;
  predictor p[EVAL_MOST];
  score_result j[EVAL_MOST];
  int count, models; /* predictors; those of them that are models come first */
  int ranked, diagnosed, keep_context;
  int64_t pool_count;
  double losses[ARGS_MAX];
  int loss_count;
} eval_job;

#define EVAL_NAME 64
/* The predictor's name in at most width characters. */
const char *eval_name(const predictor *p, int width, char buffer[EVAL_NAME]);
void eval_report_table(const eval_job *job);
/* R@k against k, one line a predictor. */
void eval_recall_svg(const eval_job *job, const char *path);

/* ---- diagnose.c ---- */

typedef struct eval_direction {
  int64_t rows, concepts;
  double *near;     /* [concepts]: mean cosine of each place with the target */
  double coherence; /* mean cosine of neighbours in the context              */
} eval_direction;
void eval_direction_of(data *d, int64_t batch, eval_direction *out);
/* What the data and each predictor's outputs look like. predictions are kept in j. */
void eval_report_diagnosis(const eval_job *job, const eval_direction *e);

/* ---- pairs.c, cat5_run.c: reports of their own ---- */

void eval_triplets(eval_job *job);
void eval_echo(eval_job *job);
void eval_cat5(eval_job *job);

#endif

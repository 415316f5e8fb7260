/* The parts of `lnsp eval`: what predicts (predict.c), how well (judge.c), the tests of
 * the origin's suite (five_cat.c, eval_cat5.c), curves (svg.c). */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include <stdint.h>

#include "cli/args.h"
#include "cli/report.h"
#include "data/data.h"
#include "score/predictor.h"
#include "score/score.h"

/* ---- predict.c: a model, or a baseline that needs none ---- */

/* ---- judge.c: cosine, error and ranks of predictions on data ---- */

/* ---- eval_table.c: the results of predictors beside each other ---- */

#define EVAL_MOST 16 /* predictors at once */

typedef struct eval_job {
  const args *args;
  data_spec spec;
  int64_t batch, concepts; /* rows a call; concepts of a context */
  uint64_t seed;
  double echo_weight;
  predictor p[EVAL_MOST];
  judged j[EVAL_MOST];
  int count, models; /* predictors; those of them that are models come first */
  int ranked, diagnosed, keep_context;
  int64_t pool_count;
  double losses[ARGS_MAX];
  int loss_count;
} eval_job;

#define EVAL_NAME 64
/* The predictor's name in at most width characters. */
const char *eval_name(const predictor *p, int width, char buffer[EVAL_NAME]);
void eval_report_table(const eval_job *job, const report *r);
/* R@k against k, one line a predictor. */
int eval_recall_svg(const eval_job *job, const char *path);

/* ---- eval_diagnose.c ---- */

typedef struct eval_direction {
  int64_t rows, concepts;
  double *near;     /* [concepts]: mean cosine of each place with the target */
  double coherence; /* mean cosine of neighbours in the context              */
} eval_direction;
int eval_direction_of(data *d, int64_t batch, eval_direction *out);
/* What the data and each predictor's outputs look like. predictions are kept in j. */
int eval_report_diagnosis(const eval_job *job, const report *r, const eval_direction *e);

/* ---- eval_pairs.c, eval_cat5.c: reports of their own ---- */

int eval_triplets(eval_job *job);
int eval_echo(eval_job *job);
int eval_cat5(eval_job *job);

/* ---- svg.c: a chart of lines ---- */

#endif

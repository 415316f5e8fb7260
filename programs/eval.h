/* The parts of `lnsp eval`: what predicts (predict.c), how well (judge.c), the tests of
 * the origin's suite (five_cat.c, eval_five.c), curves (svg.c). */
#ifndef EVAL_H
#define EVAL_H

#include "metrics.h"
#include "program.h"

/* ---- predict.c: a model, or a baseline that needs none ---- */

#define PREDICT_WEIGHTS 128 /* of weighted=...: most concepts of a context */

typedef struct predictor {
  const char *name;   /* as the table shows it */
  const char *output; /* of a model: which of its outputs */
  int kind;           /* predict.c */
  lnsp_model *model;
  lnsp_session *session;
  const lnsp_tensor *mask; /* of the rows that it runs, or NULL; judge sets it */
  int64_t width;      /* of what it predicts */
  int64_t batch;      /* most rows a call */
  uint64_t random;
  int weight_count;
  double weights[PREDICT_WEIGHTS];
  double lambda;      /* of ridge */
  float *fitted;      /* by predictor_fit: the mean [out], or W [in, out] */
  int64_t fitted_in, fitted_out;
} predictor;

/* "copy-last", "mean", "weighted=.1,.9", "random", "train-mean" or "ridge=1". 0 or an exit
 * status. */
int predictor_baseline(const args *a, const char *text, uint64_t seed, predictor *p);
/* A model file; output NULL: "output". */
int predictor_model(const args *a, const char *path, const char *output, predictor *p);
/* A session of someone else's, which outlives p. */
void predictor_borrow(predictor *p, lnsp_session *session, int64_t batch);
/* Whether it learns from data first, and doing so: predict_fit.c. spec: vectors and how
 * they are read; which rows, --fit-rows and --fit-target-rows say. */
int predictor_fits(const predictor *p);
int predictor_fit(const args *a, predictor *p, const data_spec *spec);
/* Gets ready for contexts of this shape; 0 or an exit status. */
int predictor_ready(const args *a, predictor *p, int64_t batch, int64_t concepts,
                    int64_t width);
/* Rows of input [rows, width] or [rows, concepts, width] (or ids) into out, of which rank
 * and dims say the shape. first: number of the first row in the data, for the refusal. */
int predictor_run(const args *a, predictor *p, const lnsp_tensor *input, lnsp_tensor *out,
                  int64_t first);
void predictor_close(predictor *p);

/* ---- judge.c: cosine, error and ranks of predictions on data ---- */

/* Distinct targets, and what of them each row's context has. */
typedef struct judge_pool {
  metric_pool pool;
  float *vectors;
  int32_t *truth;   /* [rows] */
  int32_t *without; /* [rows, concepts], or NULL */
  int64_t rows, concepts;
} judge_pool;

/* Whether there are ranks to tell: one target a row, and other ones than the input. */
int judge_ranks(const data *d);
/* The pool of d's targets, with the rows that extra (FILE:TENSOR of row numbers, or NULL)
 * names beside them. keep_context: nothing is left out. d: input and target are needed,
 * and room for batch rows is reserved. */
int judge_pool_open(data *d, int64_t batch, const char *extra, int keep_context,
                    judge_pool *pool);
void judge_pool_close(judge_pool *pool);

typedef struct judged {
  int64_t rows, vectors;
  double cosine;       /* mean over all vectors */
  double val_cosine;   /* mean of the batches' means, lengths + 1e-8 */
  double mse;
  int ranked;          /* whether what follows is there */
  metric_retrieval retrieval;
  double echo, echo_pass; /* cosine with the nearest of the pool; share of at least .82 */
  metric_rank *ranks;     /* [rows] */
  float *predictions;     /* [vectors, width] of length 1, where asked for */
  metric_mini mini;
} judged;
/* pool may be NULL; keep: predictions stay in out. */
int judge(data *d, predictor *p, int64_t batch, const judge_pool *pool, int keep,
          progress *show, judged *out);
void judged_free(judged *j);

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

/* ---- eval_pairs.c, eval_five.c: reports of their own ---- */

int eval_triplets(eval_job *job);
int eval_echo(eval_job *job);
int eval_five(eval_job *job);

/* ---- svg.c: a chart of lines ---- */

#define SVG_LINES 16

typedef struct svg_line {
  const char *name;
  const double *x, *y;
  int count;
} svg_line;

typedef struct svg_chart {
  const char *title, *x_label, *y_label;
  int log_x;
  int line_count;
  svg_line line[SVG_LINES];
} svg_chart;

/* Writes charts one below another. 0 or an exit status. */
int svg_write(const args *a, const char *path, const svg_chart *charts, int count);

#endif

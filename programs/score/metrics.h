/* Measures of predictions: pure functions over arrays, no input, no output, no memory of
 * their own. Vectors are float32 rows [n, width]. docs/evaluation.md has the formulas. */
#ifndef SCORE_METRICS_H
#define SCORE_METRICS_H

#include <stdint.h>

/* ---- two vectors ---- */

double metric_dot(const float *a, const float *b, int64_t width);
/* a.b / ((|a| + epsilon)(|b| + epsilon)); 0 where a length is 0. */
double metric_cosine(const float *a, const float *b, int64_t width, double epsilon);
/* Each row by its length + epsilon; rows of zeros stay. */
void metric_unit(float *x, int64_t rows, int64_t width, double epsilon);

/* ---- ranks in a pool ---- */

#define METRIC_BLOCK 16 /* queries that are scored together */
#define METRIC_TOP 10   /* of the best that are kept to ask whether one is as good */

typedef struct metric_pool {
  const float *vectors; /* of length 1 */
  int64_t count, width;
} metric_pool;

typedef struct metric_rank {
  int32_t rank; /* 1 + number of the pool's scores that are strictly better */
  int32_t best; /* place in the pool of the best one that is not left out   */
  float score;  /* inner product of the query with that one                 */
  int32_t near; /* 1..METRIC_TOP: how many best ones it takes until one has a cosine above
                   METRIC_ALIKE with the truth; 0: more than that */
} metric_rank;
#define METRIC_ALIKE .95

/* Floats of scratch that metric_ranks needs. */
int64_t metric_ranks_scratch(const metric_pool *pool);
/* Ranks the truth, place truth[r] in the pool, of each query by inner product. What
 * without [rows, without_count] names (places; negative: none) is left out of the
 * ranking, the truth itself never; without may be NULL. */
void metric_ranks(const metric_pool *pool, const float *queries, int64_t rows,
                  const int32_t *truth, const int32_t *without, int64_t without_count,
                  float *scratch, metric_rank *out);

typedef struct metric_retrieval {
  double hit1, hit5, hit10; /* R@k, which is Hit@k: share of ranks up to k */
  double mrr;               /* mean of 1/rank                              */
  double mrr10;             /* the same, 0 where the rank is above 10      */
  double median;            /* lower median of the ranks                   */
  double oracle1, oracle5, oracle10; /* share where one of the k best is alike */
} metric_retrieval;
metric_retrieval metric_retrieve(const metric_rank *ranks, int64_t rows);
/* Share of ranks up to k. */
double metric_recall(const metric_rank *ranks, int64_t rows, int64_t k);

/* Of document 002: -log MRR, and 1 - R@5, each + weight * (1 - echo). */
double metric_scalar_mrr(const metric_retrieval *r, double echo, double weight);
double metric_scalar_recall(const metric_retrieval *r, double echo, double weight);

/* ---- collapse, direction, echo ---- */

typedef struct metric_collapse {
  double median;   /* of the cosines between different rows            */
  double variance; /* summed over the coordinates: 1 - |mean|^2         */
  int collapsed;   /* median > .95 or variance < .15                    */
} metric_collapse;
/* x: rows of length 1; scratch: rows (rows - 1) / 2 floats. 2 rows at least. */
metric_collapse metric_collapse_of(const float *x, int64_t rows, int64_t width, float *scratch);
/* Median as numpy has it; reorders x. */
double metric_median(float *x, int64_t n);

/* delta = mean cos(last context, target) - mean cos(first context, target). */
const char *metric_direction(double delta);

#define METRIC_ECHO_PASS .82
/* CPESH: how near the concept's expected answer, soft and hard negative should be. */
#define METRIC_EXPECTED .82
#define METRIC_SOFT .65
#define METRIC_HARD .3

/* 1 where the anchor is strictly nearer to the positive than to the negative. */
int metric_triplet(const float *anchor, const float *positive, const float *negative,
                   int64_t width);

/* ---- mini-5CAT ---- */

typedef struct metric_mini {
  int64_t rows;
  double margin; /* sum, then mean, of cos(y, target) - cos(y, last)             */
  double hit5;   /* R@5 among the row's context and target; ties count against */
} metric_mini;
/* Adds one row: context [concepts, width], prediction and target. */
void metric_mini_add(metric_mini *m, const float *context, int64_t concepts,
                     const float *prediction, const float *target, int64_t width);
void metric_mini_end(metric_mini *m);

#endif

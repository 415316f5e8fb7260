/* Conclusions of `lnsp eval` from measures: limits and words, the two scalars of document 002,
 * and mini-5CAT. Pure functions; docs/evaluation.md has the formulas. */
#ifndef COMMON_GATES_H
#define COMMON_GATES_H

#include <stdint.h>

#define GATES_ECHO .82 /* least cosine of a prediction with the nearest candidate */
/* CPESH: how near the concept's expected answer, soft and hard negative should be. */
#define GATES_SOFT .65
#define GATES_HARD .3

/* delta = mean cos(last context, target) - mean cos(first context, target). */
const char *gates_direction(double delta);

/* -log MRR, and 1 - R@5, each + weight * (1 - echo). */
double gates_scalar_mrr(double mrr, double echo, double weight);
double gates_scalar_recall(double recall_5, double echo, double weight);

typedef struct gates_mini {
  int64_t rows;
  double margin; /* sum, then mean, of cos(y, target) - cos(y, last)             */
  double hit5;   /* R@5 among the row's context and target; ties count against */
} gates_mini;
/* Adds one row: context [concepts, width], prediction and target. */
void gates_mini_add(gates_mini *m, const float *context, int64_t concepts,
                    const float *prediction, const float *target, int64_t width);
void gates_mini_end(gates_mini *m);

#endif

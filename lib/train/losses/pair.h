/* Helpers of the losses that compare rows one with one. */
#ifndef LNSPI_TRAIN_LOSSES_PAIR_H
#define LNSPI_TRAIN_LOSSES_PAIR_H

#include <stdint.h>

#include "train/loss.h"

/* A norm below this counts as this one (the rule of torch's F.normalize). */
#define LNSPI_PAIR_EPS 1e-12f

static inline const float *lnspi_pair_row(const lnspi_loss_call *call, int operand,
                                          int64_t row) {
  return call->x[operand] + row * call->ld[operand];
}

/* Scratch row number index; count rows take lnspi_pair_floats(count, width). */
static inline float *lnspi_pair_scratch(const lnspi_loss_call *call, int64_t index) {
  return call->scratch + index * lnspi_round16(call->width);
}

static inline int64_t lnspi_pair_floats(int64_t count, int64_t width) {
  return count * lnspi_round16(width);
}

/* weight * times / divisor, rounded to float once. */
float lnspi_pair_factor(const lnspi_loss_call *call, double times, double divisor);

/* u = the operand's row at unit length; returns what it was divided by. */
float lnspi_pair_unit(const lnspi_loss_call *call, int operand, int64_t row, float *u);

/* Adds factor * d(unit(x) . toward)/dx to the operand's gradient, if wanted; u
 * and norm as lnspi_pair_unit gave them. work: one row. */
void lnspi_pair_push(const lnspi_loss_call *call, int operand, int64_t row, float factor,
                     const float *toward, const float *u, float norm, float *work);

/* work = a - b of two operands' rows. */
void lnspi_pair_difference(const lnspi_loss_call *call, int a, int b, int64_t row, float *work);

/* Adds factor * x to the operand's gradient row, if wanted. */
void lnspi_pair_add(const lnspi_loss_call *call, int operand, int64_t row, float factor,
                    const float *x);

/* Mean square error and 1 - mean cosine of operands 0 and 1, with gradients. */
double lnspi_pair_mse(const lnspi_loss_call *call);    /* scratch: 1 row  */
double lnspi_pair_cosine(const lnspi_loss_call *call); /* scratch: 3 rows */
int64_t lnspi_pair_mse_floats(const lnspi_loss_call *shape);
int64_t lnspi_pair_cosine_floats(const lnspi_loss_call *shape);

/*
 * Losses of a row's cosines. rule gets c[i], the cosine of the row with vector i of the
 * other operands (those in use, in order, sets one vector after the other), returns the
 * row's value and sets slope[i], its derivative. The loss is the mean over rows.
 * lnspi_pair_dots gives plain dot products instead.
 */
typedef double lnspi_pair_rule(const lnspi_loss_call *call, const float *c, float *slope,
                               int64_t count);

double lnspi_pair_cosines(const lnspi_loss_call *call, lnspi_pair_rule *rule);
double lnspi_pair_dots(const lnspi_loss_call *call, lnspi_pair_rule *rule);
int64_t lnspi_pair_cosines_floats(const lnspi_loss_call *shape);

/* -log softmax(c / tau)[0], and its derivatives by c. */
double lnspi_pair_first(const lnspi_kernels *k, float tau, const float *c, float *slope,
                        int64_t count);

/* log(1 + x), x >= 0; log(1 + exp(x)), x itself above 20, and its derivative. */
float lnspi_pair_log1p(float x);
float lnspi_pair_softplus(float x, float *slope);

/* Mean and standard deviation (over n - 1) of LNSPI_PAIR_COLUMNS columns or fewer, rows
 * ascending, in double. */
#define LNSPI_PAIR_COLUMNS 64

void lnspi_pair_columns(const float *x, int64_t ld, int64_t rows, int64_t count, double *mean,
                        double *sigma);

#endif

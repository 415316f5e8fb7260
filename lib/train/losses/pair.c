/* Helpers of the losses that compare rows one with one.
 *
 * Most losses are functions of cosines. The derivative of cos(x, y) by x is (u_y - cos u_x) /
 * |x| with unit vectors u: lnspi_pair_push does this for any sum of directions at once, so a
 * row with many vectors needs one normalisation. Losses of this kind only give a rule from a
 * row's cosines to its value and slopes; walking rows, sets and operands is done here. Rows
 * are added in ascending order, in double, so that values do not depend on tasks. */
#include "train/losses/pair.h"

#include <math.h>

#include "kernels/scalar.h"

float lnspi_pair_factor(const lnspi_loss_call *call, double times, double divisor) {
  double weighted = (double)call->weight * times;
  return (float)(weighted / divisor);
}

float lnspi_pair_unit(const lnspi_loss_call *call, int operand, int64_t row, float *u) {
  return call->k->unit(u, lnspi_pair_row(call, operand, row), call->width, LNSPI_PAIR_EPS);
}

void lnspi_pair_add(const lnspi_loss_call *call, int operand, int64_t row, float factor,
                    const float *x) {
  if (call->d[operand])
    call->k->axpy(call->d[operand] + row * call->ld[operand], factor, x, call->width);
}

void lnspi_pair_push(const lnspi_loss_call *call, int operand, int64_t row, float factor,
                     const float *toward, const float *u, float norm, float *work) {
  if (!call->d[operand]) return;
  call->k->unit_dx(work, toward, u, norm, call->width, LNSPI_PAIR_EPS);
  lnspi_pair_add(call, operand, row, factor, work);
}

void lnspi_pair_difference(const lnspi_loss_call *call, int a, int b, int64_t row,
                           float *work) {
  call->k->scale(work, -1.0f, lnspi_pair_row(call, b, row), call->width);
  call->k->add(work, lnspi_pair_row(call, a, row), work, call->width);
}

double lnspi_pair_mse(const lnspi_loss_call *call) {
  double count = (double)call->rows * (double)call->width, total = 0;
  float factor = lnspi_pair_factor(call, 2, count);
  float *difference = lnspi_pair_scratch(call, 0);
  for (int64_t r = 0; r < call->rows; r++) {
    total += (double)call->k->diff2(lnspi_pair_row(call, 0, r), lnspi_pair_row(call, 1, r),
                                    call->width);
    if (!call->d[0] && !call->d[1]) continue;
    lnspi_pair_difference(call, 0, 1, r, difference);
    lnspi_pair_add(call, 0, r, factor, difference);
    lnspi_pair_add(call, 1, r, -factor, difference);
  }
  return total / count;
}

double lnspi_pair_cosine(const lnspi_loss_call *call) {
  double total = 0;
  float factor = lnspi_pair_factor(call, -1, (double)call->rows);
  float *a = lnspi_pair_scratch(call, 0), *b = lnspi_pair_scratch(call, 1);
  float *work = lnspi_pair_scratch(call, 2);
  for (int64_t r = 0; r < call->rows; r++) {
    float na = lnspi_pair_unit(call, 0, r, a), nb = lnspi_pair_unit(call, 1, r, b);
    total += (double)call->k->dot(a, b, call->width);
    lnspi_pair_push(call, 0, r, factor, b, a, na, work);
    lnspi_pair_push(call, 1, r, factor, a, b, nb, work);
  }
  return 1 - total / (double)call->rows;
}

int64_t lnspi_pair_mse_floats(const lnspi_loss_call *shape) {
  return lnspi_pair_floats(1, shape->width);
}

int64_t lnspi_pair_cosine_floats(const lnspi_loss_call *shape) {
  return lnspi_pair_floats(3, shape->width);
}

/* ---- losses of a row's cosines ---- */

/* All vectors of the other operands that belong to a row. */
static int64_t pair_others(const lnspi_loss_call *call) {
  int64_t count = 0;
  for (int o = 1; o < LNSPI_LOSS_OPERANDS; o++)
    if (call->x[o]) count += call->each[o];
  return count;
}

typedef struct pair_row {
  float *unit, *toward, *work, *others; /* others: a scratch row for each */
  float *c, *slope, *norm;
  int64_t count;
} pair_row;

static pair_row pair_row_at(const lnspi_loss_call *call) {
  pair_row row;
  row.count = pair_others(call);
  row.unit = lnspi_pair_scratch(call, 0);
  row.toward = lnspi_pair_scratch(call, 1);
  row.work = lnspi_pair_scratch(call, 2);
  row.others = lnspi_pair_scratch(call, 3);
  row.c = lnspi_pair_scratch(call, 3 + row.count);
  row.slope = row.c + lnspi_round16(row.count);
  row.norm = row.slope + lnspi_round16(row.count);
  return row;
}

/* u = the row, at unit length or as it is. */
static float pair_take(const lnspi_loss_call *call, int operand, int64_t r, int raw, float *u) {
  if (!raw) return lnspi_pair_unit(call, operand, r, u);
  call->k->scale(u, 1.0f, lnspi_pair_row(call, operand, r), call->width);
  return 1;
}

static void pair_give(const lnspi_loss_call *call, int operand, int64_t r, int raw,
                      float factor, const float *toward, const float *u, float norm,
                      float *work) {
  if (raw)
    lnspi_pair_add(call, operand, r, factor, toward);
  else
    lnspi_pair_push(call, operand, r, factor, toward, u, norm, work);
}

/* The gradients of one row: toward is the sum of slope[i] times vector i. */
static void pair_gradients(const lnspi_loss_call *call, const pair_row *row, int64_t r, int raw,
                           float factor, float norm) {
  int64_t ld = lnspi_round16(call->width), i = 0;
  memset(row->toward, 0, (size_t)ld * sizeof(float));
  for (i = 0; i < row->count; i++)
    if (row->slope[i] != 0)
      call->k->axpy(row->toward, row->slope[i], row->others + i * ld, call->width);
  pair_give(call, 0, r, raw, factor, row->toward, row->unit, norm, row->work);
  i = 0;
  for (int o = 1; o < LNSPI_LOSS_OPERANDS; o++) {
    if (!call->x[o]) continue;
    for (int64_t j = 0; j < call->each[o]; j++, i++)
      if (row->slope[i] != 0)
        pair_give(call, o, r / call->share[o] * call->each[o] + j, raw, factor * row->slope[i],
                  row->unit, row->others + i * ld, row->norm[i], row->work);
  }
}

static double pair_rows(const lnspi_loss_call *call, lnspi_pair_rule *rule, int raw) {
  pair_row row = pair_row_at(call);
  float factor = lnspi_pair_factor(call, 1, (double)call->rows);
  int64_t ld = lnspi_round16(call->width);
  double total = 0;
  for (int64_t r = 0; r < call->rows; r++) {
    float norm = pair_take(call, 0, r, raw, row.unit);
    int64_t i = 0;
    for (int o = 1; o < LNSPI_LOSS_OPERANDS; o++) {
      if (!call->x[o]) continue;
      for (int64_t j = 0; j < call->each[o]; j++, i++) {
        float *u = row.others + i * ld;
        row.norm[i] = pair_take(call, o, r / call->share[o] * call->each[o] + j, raw, u);
        row.c[i] = call->k->dot(row.unit, u, call->width);
        row.slope[i] = 0;
      }
    }
    total += rule(call, row.c, row.slope, row.count);
    pair_gradients(call, &row, r, raw, factor, norm);
  }
  return total / (double)call->rows;
}

double lnspi_pair_cosines(const lnspi_loss_call *call, lnspi_pair_rule *rule) {
  return pair_rows(call, rule, 0);
}

double lnspi_pair_dots(const lnspi_loss_call *call, lnspi_pair_rule *rule) {
  return pair_rows(call, rule, 1);
}

/* Counts an operand that is not used as well: it has one vector. */
int64_t lnspi_pair_cosines_floats(const lnspi_loss_call *shape) {
  int64_t count = 0;
  for (int o = 1; o < LNSPI_LOSS_OPERANDS; o++) count += shape->each[o];
  return lnspi_pair_floats(3 + count, shape->width) + 3 * lnspi_round16(count);
}

/* ---- logarithms, columns ---- */

double lnspi_pair_first(const lnspi_kernels *k, float tau, const float *c, float *slope,
                        int64_t count) {
  for (int64_t i = 0; i < count; i++) slope[i] = c[i] / tau;
  float top = k->maximum(slope, count), behind = top - slope[0];
  k->softmax(slope, slope, count);
  float own = slope[0], most = k->maximum(slope, count);
  slope[0] = 0;
  float others = k->sum(slope, count);
  slope[0] = -others; /* softmax - 1, without what cancels */
  for (int64_t i = 0; i < count; i++) slope[i] = slope[i] / tau;
  if (own > 1e-30f) return (double)lnspi_pair_log1p(others / own);
  return (double)behind - (double)lnspi_scalar_log(most);
}

/* log(u) / (u - 1) hardly changes between 1 + x and u, what 1 + x is rounded to. */
float lnspi_pair_log1p(float x) {
  float u = 1 + x;
  return u == 1 ? x : lnspi_scalar_log(u) * (x / (u - 1));
}

float lnspi_pair_softplus(float x, float *slope) {
  if (x > 20) {
    *slope = 1;
    return x;
  }
  *slope = lnspi_scalar_sigmoid(x);
  if (x > 0) return x + lnspi_pair_log1p(lnspi_scalar_exp(-x));
  return lnspi_pair_log1p(lnspi_scalar_exp(x));
}

void lnspi_pair_columns(const float *x, int64_t ld, int64_t rows, int64_t count, double *mean,
                        double *sigma) {
  for (int64_t i = 0; i < count; i++) mean[i] = sigma[i] = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < count; i++) mean[i] += (double)x[r * ld + i];
  for (int64_t i = 0; i < count; i++) mean[i] = mean[i] / (double)rows;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < count; i++) {
      double t = (double)x[r * ld + i] - mean[i];
      double square = t * t;
      sigma[i] += square;
    }
  for (int64_t i = 0; i < count; i++) sigma[i] = sqrt(sigma[i] / (double)(rows - 1));
}

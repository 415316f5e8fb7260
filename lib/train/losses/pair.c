/* What the losses share: rows compared one with one. */
#include "train/losses/pair.h"

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

int64_t lnspi_pair_mse_floats(int64_t rows, int64_t width) {
  (void)rows;
  return lnspi_pair_floats(1, width);
}

int64_t lnspi_pair_cosine_floats(int64_t rows, int64_t width) {
  (void)rows;
  return lnspi_pair_floats(3, width);
}

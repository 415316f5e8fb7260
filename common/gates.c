/* Conclusions of `lnsp eval` from measures, as docs/evaluation.md defines it. */
#include "common/gates.h"

#include <math.h>

#include "lnsp.h"

const char *gates_direction(double delta) {
  return delta >= .10   ? "excellent"
         : delta >= .05 ? "good"
         : delta >= .02 ? "marginal"
                        : "poor";
}

double gates_scalar_mrr(double mrr, double echo, double weight) {
  return -log(mrr) + weight * (1 - echo);
}

double gates_scalar_recall(double recall_5, double echo, double weight) {
  return 1 - recall_5 + weight * (1 - echo);
}

void gates_mini_add(gates_mini *m, const float *context, int64_t concepts,
                    const float *prediction, const float *target, int64_t width) {
  const double truth = lnsp_metrics_cosine(prediction, target, width, 0);
  int64_t c, rank = 1;
  double last = 0;

  for (c = 0; c < concepts; c++) {
    last = lnsp_metrics_cosine(prediction, context + c * width, width, 0);
    rank += last >= truth;
  }
  m->rows++;
  m->margin += truth - last;
  m->hit5 += rank <= 5;
}

void gates_mini_end(gates_mini *m) {
  if (m->rows) {
    m->margin /= (double)m->rows;
    m->hit5 /= (double)m->rows;
  }
}

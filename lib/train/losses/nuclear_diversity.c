/* Nuclear diversity: the codes of a batch must not look alike. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

#define DIVERSITY_SQUARE 0
#define DIVERSITY_MEAN 1
#define DIVERSITY_HINGE 2

/* f(s) of one pair's cosine; *slope = f'(s) */
static double nuclear_diversity_term(int kind, float s, float target, float *slope) {
  if (kind == DIVERSITY_SQUARE) {
    *slope = 2.0f * s;
    return (double)s * (double)s; /* exact in double */
  }
  if (kind == DIVERSITY_MEAN) {
    *slope = 1;
    return (double)s;
  }
  float over = s - target;
  *slope = over > 0 ? 1.0f : 0.0f;
  return over > 0 ? (double)over : 0.0;
}

/* mean of f over the ordered pairs i != j; a pair counts twice, so the slope of
 * row i takes every other row j once, times two */
static double nuclear_diversity_of(const lnspi_loss_call *call, int kind, float target) {
  int64_t n = call->rows, ld = lnspi_round16(call->width);
  double pairs = (double)n * (double)(n - 1), total = 0;
  float factor = lnspi_pair_factor(call, 2, pairs);
  float *sum = lnspi_pair_scratch(call, n), *work = lnspi_pair_scratch(call, n + 1);
  float *norm = lnspi_pair_scratch(call, n + 2);
  for (int64_t i = 0; i < n; i++)
    norm[i] = lnspi_pair_unit(call, 0, i, lnspi_pair_scratch(call, i));
  for (int64_t i = 0; i < n; i++) {
    const float *u = lnspi_pair_scratch(call, i);
    memset(sum, 0, (size_t)ld * sizeof(float));
    for (int64_t j = 0; j < n; j++) {
      float slope, *v = lnspi_pair_scratch(call, j);
      if (j == i) continue;
      total += nuclear_diversity_term(kind, call->k->dot(u, v, call->width), target, &slope);
      if (call->d[0] && slope != 0) call->k->axpy(sum, slope, v, call->width);
    }
    lnspi_pair_push(call, 0, i, factor, sum, u, norm[i], work);
  }
  return total / pairs;
}

static double nuclear_diversity_evaluate(const lnspi_loss_call *call) {
  return nuclear_diversity_of(call, (int)call->real[0], call->real[1]);
}

static double nuclear_diversity_hinge(const lnspi_loss_call *call) {
  return nuclear_diversity_of(call, DIVERSITY_HINGE, call->real[0]);
}

static int64_t nuclear_diversity_floats(const lnspi_loss_call *shape) {
  return lnspi_pair_floats(shape->rows + 2, shape->width) + lnspi_round16(shape->rows);
}

const lnspi_loss lnspi_loss_nuclear_diversity = {
    .name = "nuclear_diversity",
    .help = "nuclear_diversity kind=square|mean|hinge target=0.1: mean over pairs of rows of "
            "cos^2, cos, or relu(cos - target)",
    .on = "code",
    .operand = {LNSPI_LOSS_OUTPUT},
    .minimum_rows = 2,
    .keys = "kind=square,mean,hinge target=.1:-1:1",
    .scratch_floats = nuclear_diversity_floats,
    .evaluate = nuclear_diversity_evaluate,
};

const lnspi_loss lnspi_loss_nuclear_diversity_hinge = {
    .name = "nuclear_diversity_hinge",
    .help = "nuclear_diversity_hinge target=0.1: nuclear_diversity kind=hinge",
    .on = "code",
    .operand = {LNSPI_LOSS_OUTPUT},
    .minimum_rows = 2,
    .keys = "target=.1:-1:1",
    .scratch_floats = nuclear_diversity_floats,
    .evaluate = nuclear_diversity_hinge,
};

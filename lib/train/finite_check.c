/* Proof, before any weight changes, that an update keeps everything finite.
 *
 * A step must either happen or change nothing, and no NaN may ever enter a weight. Checking
 * the result would come too late, and forming the gradient twice would double the time. So
 * magnitudes are bounded instead. By Cauchy and Schwarz, every element of sum d x^T is at most
 * |d| |x| with the norms over all rows of a use; the sum of that over all uses of all matrices
 * bounds every gradient. It takes one pass over d and x, which are small compared with the
 * weights, and a NaN anywhere makes it NaN.
 *
 * From this bound the optimizer computes how large weights, moments and average can be after
 * the step, given how large they were. Those bounds are kept from step to step and grow. Only
 * when they no longer prove anything, or when somebody wrote into the state, are the arrays
 * read to get the true maxima, and the proof is tried again. If it still fails, the step is
 * refused.
 *
 * All factors include the rounding of the sums themselves: 1.001 and rows * 2^-23 for a
 * gradient's sum, n / 16 + 32 units for a norm whose 16 lanes are added separately, FLT_MIN
 * for squares that underflow. The bounds are loose by orders of magnitude; limits of 1e18 for
 * gradients (their squares must fit a float) and 1e37 for weights leave room for that. */
#include "train/finite_check.h"

#include <float.h>
#include <math.h>

#include "base/error.h"
#include "train/grad_tiles.h"
#include "train/moments8.h"

/* At least the norm of rows of floats, pads between them included (they are zero).
 * FLT_MIN covers what the squares lose to underflow, the factor the rounding of a sum
 * whose 16 lanes take n / 16 terms each. */
static double finite_check_norm(const lnspi_kernels *k, const float *x, int64_t ld,
                                int64_t rows, int64_t width) {
  /* rows that are further apart have something else between them */
  const int64_t times = ld == lnspi_round16(width) ? 1 : rows;
  const int64_t n = times == 1 ? (rows - 1) * ld + width : width;
  const double lost = 1 + (double)(n / 16 + 32) * 0x1p-23;
  double sum = (double)rows * (double)FLT_MIN;
  for (int64_t r = 0; r < times; r++) sum += (double)k->dot(x + r * ld, x + r * ld, n);
  return sqrt(lost * sum);
}

/* Upper bound of what the uses of matrices give any element of a gradient: the sum
 * over rows of |d||x| is at most the product of the norms over all rows (Cauchy and
 * Schwarz). The second factor covers the rounding of the gradient's own sum. */
static double finite_check_use_bound(const lnsp_trainer *t) {
  const lnspi_kernels *k = t->engine.k;
  double total = 0, rows = 0;
  for (int32_t u = 0; u < t->grad.use_count; u++) {
    const lnspi_use *use = &t->grad.uses[u];
    const lnspi_weight *weight = &t->graph->weights[use->weight];
    total +=
        finite_check_norm(k, use->d, use->ldd, use->rows, weight->dims[0] / weight->parts) *
        finite_check_norm(k, use->x, use->ldx, use->rows, weight->dims[1]);
    rows += (double)use->rows;
  }
  return total * (1.001 + rows * 0x1p-23);
}

static double finite_check_given_bound(const lnsp_trainer *t) {
  double most = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    if (!t->grad.touched[i]) continue;
    double largest = (double)t->engine.k->max_abs(t->grad.given[i], t->graph->weights[i].count);
    if (!(largest <= LNSPI_MOST_GRADIENT)) return INFINITY;
    if (largest > most) most = largest;
  }
  return most;
}

double lnspi_finite_check_gradient(const lnsp_trainer *t) {
  double most = t->grad.given ? finite_check_given_bound(t) : finite_check_use_bound(t);
  if (!(most <= LNSPI_MOST_GRADIENT)) return INFINITY;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    if (!t->grad.touched[i] || weight->kind != LNSPI_FLAT) continue;
    double largest =
        (double)t->engine.k->max_abs(t->grad.flat + t->grad.flat_offset[i], weight->floats);
    if (!(largest <= LNSPI_MOST_GRADIENT)) return INFINITY;
    if (largest > most) most = largest;
  }
  return most;
}

static double finite_check_larger(double a, double b) { return a > b ? a : b; }

static void finite_check_add_largest(lnsp_trainer *t, const lnspi_grad_tile *tile, void *data) {
  const lnspi_kernels *k = t->engine.k;
  double *most = data;
  k->widen_bf16(tile->w, lnspi_grad_tiles_bf16_weights(t, tile), tile->lanes, tile->kn);
  *most = finite_check_larger(*most, (double)k->max_abs(tile->w, tile->kn * tile->lanes));
}

static double finite_check_largest_weight(lnsp_trainer *t) {
  double most = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    if (weight->type == LNSP_BF16)
      lnspi_grad_tiles_each(t, i, LNSPI_GRAD_TILES_ALONE, finite_check_add_largest, &most);
    else
      most = finite_check_larger(most,
                                 (double)t->engine.k->max_abs(lnspi_trainer_weight(t, weight),
                                                              weight->floats));
  }
  return most;
}

static void finite_check_know_bounds(lnsp_trainer *t) {
  const lnspi_kernels *k = t->engine.k;
  int64_t n = t->graph->state_floats;
  t->optim.bounds.weight = finite_check_largest_weight(t);
  t->optim.bounds.average = t->average ? (double)k->max_abs(t->average, n) : 0;
  t->optim.bounds.moment = 0;
  for (int32_t m = 0; m < t->optim.moment_count; m++) {
    double most;
    if (t->optim.has_moments8)
      most = lnspi_moments8_max_abs(t, m);
    else if (m == t->optim.rule.optimizer->squares)
      most = sqrt((double)k->max_abs(t->optim.moment[m], n));
    else
      most = (double)k->max_abs(t->optim.moment[m], n);
    if (most > t->optim.bounds.moment) t->optim.bounds.moment = most;
  }
  t->optim.bounds_known = 1;
}

int32_t lnspi_finite_check(lnsp_trainer *t, double gradient, const lnspi_update *update,
                           lnspi_bounds *after, lnsp_error *error) {
  for (int fresh = 0; fresh < 2; fresh++) {
    if (fresh || !t->optim.bounds_known) finite_check_know_bounds(t);
    *after = t->optim.bounds;
    t->optim.rule.optimizer->bound(t->optim.rule.real, update, gradient, after);
    if (t->optim.rule.weights == LNSP_BF16) after->weight *= 1.0079; /* rounded up, at most */
    int sound = after->weight <= LNSPI_MOST_WEIGHT && after->moment <= LNSPI_MOST_GRADIENT;
    /* tensors that the step does not touch stay as large as they are */
    after->weight = finite_check_larger(after->weight, t->optim.bounds.weight);
    after->moment = finite_check_larger(after->moment, t->optim.bounds.moment);
    if (t->average) /* it is between what it was and the weights */
      after->average = finite_check_larger(t->optim.bounds.average, after->weight);
    if (sound && after->average <= LNSPI_MOST_WEIGHT) return LNSP_OK;
  }
  return lnspi_error_set(
      error, LNSP_E_NOT_FINITE, NULL,
      "the step could make weights infinite, so nothing was changed: lower the learning rate "
      "or clip the gradient");
}

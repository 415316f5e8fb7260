/* Triplet: a row closer to its positive than to its negative, by a margin.
 *
 * Anchor p, positive a and negative n are outputs of the same network for three inputs, so all
 * three get gradients. A row whose hinge is 0 gets none and costs two products.
 *
 *   cosine  h = m - cos(p, a) + cos(p, n). With unit vectors u: dh/du_p = u_n - u_a,
 *           dh/du_a = -u_p, dh/du_n = u_p; lnspi_pair_push takes each through the
 *           normalisation of its own vector
 *   l2      h = m + |p - a + eps| - |p - n + eps|, as torch's TripletMarginLoss. A distance's
 *           gradient is the difference at unit length, +1 for one end and -1 for the other */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

/* added to every element of a difference, as torch's TripletMarginLoss does */
#define TRIPLET_EPS 1e-6f

/* mean relu(margin - cos(p, positive) + cos(p, negative)) */
static double triplet_by_cosine(const lnspi_loss_call *call) {
  float factor = lnspi_pair_factor(call, 1, (double)call->rows);
  float *u[3], norm[3], *toward = lnspi_pair_scratch(call, 3);
  float *work = lnspi_pair_scratch(call, 4);
  double total = 0;
  for (int64_t r = 0; r < call->rows; r++) {
    for (int i = 0; i < 3; i++) {
      u[i] = lnspi_pair_scratch(call, i);
      norm[i] = lnspi_pair_unit(call, i, r, u[i]);
    }
    float near = call->k->dot(u[0], u[1], call->width);
    float far = call->k->dot(u[0], u[2], call->width);
    float hinge = call->real[0] - near;
    hinge = hinge + far;
    if (!(hinge > 0)) continue;
    total += (double)hinge;
    call->k->scale(toward, -1.0f, u[1], call->width);
    call->k->add(toward, toward, u[2], call->width);
    lnspi_pair_push(call, 0, r, factor, toward, u[0], norm[0], work);
    lnspi_pair_push(call, 1, r, -factor, u[0], u[1], norm[1], work);
    lnspi_pair_push(call, 2, r, factor, u[0], u[2], norm[2], work);
  }
  return total / (double)call->rows;
}

/* y = (p - other + eps) at unit length; returns its length. */
static float triplet_distance(const lnspi_loss_call *call, int other, int64_t row,
                              const float *eps, float *y) {
  lnspi_pair_difference(call, 0, other, row, y);
  call->k->add(y, y, eps, call->width);
  /* a length of zero gives no direction, rather than 0/0 */
  return call->k->unit(y, y, call->width, 1e-30f);
}

/* mean relu(margin + |p - positive + eps| - |p - negative + eps|) */
static double triplet_by_l2(const lnspi_loss_call *call) {
  float factor = lnspi_pair_factor(call, 1, (double)call->rows);
  float *near = lnspi_pair_scratch(call, 0), *far = lnspi_pair_scratch(call, 1);
  float *eps = lnspi_pair_scratch(call, 2);
  double total = 0;
  for (int64_t i = 0; i < call->width; i++) eps[i] = TRIPLET_EPS;
  for (int64_t r = 0; r < call->rows; r++) {
    float to_near = triplet_distance(call, 1, r, eps, near);
    float to_far = triplet_distance(call, 2, r, eps, far);
    float hinge = call->real[0] + to_near;
    hinge = hinge - to_far;
    if (!(hinge > 0)) continue;
    total += (double)hinge;
    lnspi_pair_add(call, 1, r, -factor, near);
    lnspi_pair_add(call, 2, r, factor, far);
    call->k->scale(far, -1.0f, far, call->width);
    call->k->add(near, near, far, call->width);
    lnspi_pair_add(call, 0, r, factor, near);
  }
  return total / (double)call->rows;
}

static double triplet_evaluate(const lnspi_loss_call *call) {
  return call->real[1] > 0 ? triplet_by_l2(call) : triplet_by_cosine(call);
}

static int64_t triplet_floats(const lnspi_loss_call *shape) {
  return lnspi_pair_floats(5, shape->width);
}

#define TRIPLET_OPERANDS                                                   \
  {                                                                        \
    LNSPI_LOSS_OUTPUT, {"positive", "positive", LNSPI_OPERAND_MODEL, 0}, { \
      "negative", "negative", LNSPI_OPERAND_MODEL, 0                       \
    }                                                                      \
  }

const lnspi_loss lnspi_loss_triplet = {
    .name = "triplet",
    .help = "triplet margin=0.3 kind=cosine|l2: mean relu(margin - cos(anchor, positive) + "
            "cos(anchor, negative)), or of distances",
    .operand = TRIPLET_OPERANDS,
    .keys = "margin=.3:0:1e6 kind=cosine,l2",
    .scratch_floats = triplet_floats,
    .evaluate = triplet_evaluate,
};

const lnspi_loss lnspi_loss_triplet_cosine = {
    .name = "triplet_cosine",
    .help = "triplet_cosine margin=0.3: triplet kind=cosine",
    .operand = TRIPLET_OPERANDS,
    .keys = "margin=.3:0:1e6",
    .scratch_floats = triplet_floats,
    .evaluate = triplet_by_cosine,
};

const lnspi_loss lnspi_loss_triplet_l2 = {
    .name = "triplet_l2",
    .help = "triplet_l2 margin=0.3: triplet kind=l2",
    .operand = TRIPLET_OPERANDS,
    .keys = "margin=.3:0:1e6",
    .scratch_floats = triplet_floats,
    .evaluate = triplet_by_l2,
};

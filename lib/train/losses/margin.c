/* Directional margins: nearer to the next vector than to the one before, by a margin.
 *
 * All three are functions of two cosines of a row, c0 with the target and c1 with the vector
 * before it, and of the gap c0 - c1. lnspi_pair_cosines forms the cosines and turns the slopes
 * d value / d c0 and d c1, which a rule sets, into gradients of the prediction.
 *
 *   margin         h = relu(m - gap)
 *   margin_smooth  softplus(g (m - gap)) / g: the same without a corner, and never zero
 *   margin_ratio   p of that, and 1 - p of the same for the share gap / (|c0| + |c1| + 1e-6),
 *                  which does not let two small cosines pass because their gap is small */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

/* c[0] = cos(p, next), c[1] = cos(p, previous) */
static double margin_hard_row(const lnspi_loss_call *call, const float *c, float *slope,
                              int64_t count) {
  (void)count;
  float gap = c[0] - c[1], hinge = call->real[0] - gap;
  if (!(hinge > 0)) return 0;
  slope[0] = -1;
  slope[1] = 1;
  return (double)hinge;
}

static double margin_hard(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, margin_hard_row);
}

/* softplus(gamma x) / gamma and its derivative */
static float margin_soft(float gamma, float x, float *slope) {
  return lnspi_pair_softplus(gamma * x, slope) / gamma;
}

static double margin_smooth_row(const lnspi_loss_call *call, const float *c, float *slope,
                                int64_t count) {
  (void)count;
  float gap = c[0] - c[1], by;
  float value = margin_soft(call->real[1], call->real[0] - gap, &by);
  slope[0] = -by;
  slope[1] = by;
  return (double)value;
}

static double margin_smooth(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, margin_smooth_row);
}

/* The gap, and the gap as a share of both cosines' sizes. */
static double margin_ratio_row(const lnspi_loss_call *call, const float *c, float *slope,
                               int64_t count) {
  (void)count;
  float gap = c[0] - c[1], size0 = c[0] < 0 ? -c[0] : c[0], size1 = c[1] < 0 ? -c[1] : c[1];
  float size = size0 + size1, by_gap, by_share;
  size = size + 1e-6f;
  float share = gap / size, gamma = call->real[2], part = call->real[3], rest = 1 - part;
  float value = part * margin_soft(gamma, call->real[0] - gap, &by_gap);
  float other = rest * margin_soft(gamma, call->real[1] - share, &by_share);
  by_gap = part * by_gap;
  by_share = rest * by_share;
  float grows = share / size, up = 1 / size; /* d share = up d gap - grows d size */
  float first = up - (c[0] < 0 ? -grows : c[0] > 0 ? grows : 0);
  float second = up + (c[1] < 0 ? -grows : c[1] > 0 ? grows : 0);
  first = by_share * first;
  second = by_share * second;
  slope[0] = -by_gap - first;
  slope[1] = by_gap + second;
  return (double)value + (double)other;
}

static double margin_ratio(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, margin_ratio_row);
}

#define MARGIN_OPERANDS                                                             \
  {                                                                                 \
    LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET, { "prev", "prev", LNSPI_OPERAND_DATA, 0 } \
  }

const lnspi_loss lnspi_loss_margin = {
    .name = "margin",
    .help = "margin margin=0.05: mean relu(margin - (cos(output, target) - cos(output, prev)))",
    .operand = MARGIN_OPERANDS,
    .keys = "margin=.05:-2:2",
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = margin_hard,
};

const lnspi_loss lnspi_loss_margin_smooth = {
    .name = "margin_smooth",
    .help = "margin_smooth margin=0.05 gamma=8: mean softplus(gamma (margin - gap)) / gamma, "
            "gap = cos(output, target) - cos(output, prev)",
    .operand = MARGIN_OPERANDS,
    .keys = "margin=.05:-2:2 gamma=8:1e-3:1e4",
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = margin_smooth,
};

const lnspi_loss lnspi_loss_margin_ratio = {
    .name = "margin_ratio",
    .help = "margin_ratio margin=0.05 ratio=0.05 gamma=4 part=0.7: part of margin_smooth, and "
            "1 - part of the same for gap / (|cos| + |cos|) and ratio",
    .operand = MARGIN_OPERANDS,
    .keys = "margin=.05:-2:2 ratio=.05:-2:2 gamma=4:1e-3:1e4 part=.7:0:1",
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = margin_ratio,
};

/* Not a copy: nearer to the target than to each vector of the context, or to others that
 * come later. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

/* c[0] = cos(p, target), the others those with what p must not be: their hinges' sum */
static double anticopy_sum(const lnspi_loss_call *call, const float *c, float *slope,
                           int64_t count, float share) {
  double total = 0;
  for (int64_t i = 1; i < count; i++) {
    float gap = c[0] - c[i], hinge = call->real[0] - gap;
    if (!(hinge > 0)) continue;
    slope[0] = slope[0] - share;
    slope[i] = share;
    total += (double)hinge;
  }
  return total;
}

static double anticopy_row(const lnspi_loss_call *call, const float *c, float *slope,
                           int64_t count) {
  float others = (float)(count - 1);
  return anticopy_sum(call, c, slope, count, 1 / others) / (double)others;
}

static double anticopy_evaluate(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, anticopy_row);
}

static double anticopy_future_row(const lnspi_loss_call *call, const float *c, float *slope,
                                  int64_t count) {
  return anticopy_sum(call, c, slope, count, 1);
}

static double anticopy_future(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, anticopy_future_row);
}

const lnspi_loss lnspi_loss_anticopy = {
    .name = "anticopy",
    .help = "anticopy margin=0.02: mean over rows and context vectors of relu(margin - "
            "(cos(output, target) - cos(output, context vector)))",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET, LNSPI_LOSS_SEQUENCE},
    .keys = "margin=.02:-2:2",
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = anticopy_evaluate,
};

const lnspi_loss lnspi_loss_future_margin = {
    .name = "future_margin",
    .help = "future_margin margin=0.02 future=3: mean over rows of the sum over the vectors "
            "after the target of relu(margin - (cos(output, target) - cos(output, vector)))",
    .operand = {LNSPI_LOSS_OUTPUT,
                LNSPI_LOSS_TARGET,
                {"future", "future", LNSPI_OPERAND_SET, 2}},
    .keys = "margin=.02:-2:2 #future=3:1:64",
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = anticopy_future,
};

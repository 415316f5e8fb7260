/* Teacher floor: pulls up only the rows that are far from their target. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

static double teacher_floor_row(const lnspi_loss_call *call, const float *c, float *slope,
                                int64_t count) {
  (void)count;
  if (!(c[0] < call->real[0])) return 0;
  slope[0] = -1;
  return 1 - (double)c[0];
}

static double teacher_floor_low(const lnspi_loss_call *call, const float *c, float *slope,
                                int64_t count) {
  (void)slope;
  (void)count;
  return c[0] < call->real[0] ? 1 : 0;
}

/* The mean is over the low rows, which are counted first. */
static double teacher_floor_evaluate(const lnspi_loss_call *call) {
  lnspi_loss_call part = *call;
  for (int o = 0; o < LNSPI_LOSS_OPERANDS; o++) part.d[o] = NULL;
  double share = lnspi_pair_cosines(&part, teacher_floor_low);
  if (!(share > 0)) return 0;
  part = *call;
  part.weight = (float)((double)call->weight / share);
  return lnspi_pair_cosines(&part, teacher_floor_row) / share;
}

const lnspi_loss lnspi_loss_teacher_floor = {
    .name = "teacher_floor",
    .help = "teacher_floor floor=0.2: mean 1 - cos(output, target) over the rows whose cosine "
            "is below floor; 0 if there is none",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .across = 1, /* the share of low rows */
    .keys = "floor=.2:-1:1",
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = teacher_floor_evaluate,
};

/* The target against a row's own candidates: cross-entropy of a softmax over them. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

static double listwise_row(const lnspi_loss_call *call, const float *c, float *slope,
                           int64_t count) {
  return lnspi_pair_first(call->k, call->real[0], c, slope, count);
}

static double listwise_evaluate(const lnspi_loss_call *call) {
  return lnspi_pair_dots(call, listwise_row);
}

static double listwise_cosine(const lnspi_loss_call *call) {
  return lnspi_pair_cosines(call, listwise_row);
}

#define LISTWISE_OPERANDS                                                        \
  {                                                                              \
    LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET, { "neg", "neg", LNSPI_OPERAND_SET, 2 } \
  }
#define LISTWISE_KEYS "tau=.07:1e-3:1e3 #negatives=3:1:1024"

const lnspi_loss lnspi_loss_info_nce_negatives = {
    .name = "info_nce_negatives",
    .help = "info_nce_negatives tau=0.07 negatives=3: InfoNCE of the target against a row's "
            "own negatives `neg` [rows, n, width], by cosine",
    .operand = LISTWISE_OPERANDS,
    .keys = LISTWISE_KEYS,
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = listwise_cosine,
};

const lnspi_loss lnspi_loss_listwise = {
    .name = "listwise",
    .help = "listwise tau=0.07 negatives=3: mean -log softmax(output . candidates / tau) of "
            "the target; the candidates are target and `neg` [rows, n, width]",
    .operand = LISTWISE_OPERANDS,
    .keys = LISTWISE_KEYS,
    .scratch_floats = lnspi_pair_cosines_floats,
    .evaluate = listwise_evaluate,
};

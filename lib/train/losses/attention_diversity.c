/* Attention diversity: the concepts of a sequence must not all look at the same place. */
#include "train/losses/loss_list.h"
#include "train/losses/pair.h"

/* The pairs i != j of one sequence's rows; a pair counts twice, and its slope is 2 g. */
static double attention_diversity_of(const lnspi_loss_call *call, int64_t first, float factor) {
  double total = 0;
  for (int64_t i = first; i < first + call->length; i++)
    for (int64_t j = first; j < first + call->length; j++) {
      if (j == i) continue;
      const float g =
          call->k->dot(lnspi_pair_row(call, 0, i), lnspi_pair_row(call, 0, j), call->width);
      total += (double)g * (double)g; /* exact in double */
      lnspi_pair_add(call, 0, i, factor * g, lnspi_pair_row(call, 0, j));
    }
  return total;
}

static double attention_diversity_evaluate(const lnspi_loss_call *call) {
  const double pairs = (double)call->rows * (double)(call->length - 1);
  double total = 0;
  if (call->length < 2) return 0; /* one row has no other */
  const float factor = lnspi_pair_factor(call, 4, pairs);
  for (int64_t first = 0; first < call->rows; first += call->length)
    total += attention_diversity_of(call, first, factor);
  return total / pairs;
}

const lnspi_loss lnspi_loss_attention_diversity = {
    .name = "attention_diversity",
    .help = "attention_diversity: mean over pairs of rows of a sequence of their product's "
            "square; a row is what one concept attends to",
    .on = "attention",
    .operand = {LNSPI_LOSS_OUTPUT},
    .across = 1,
    .scratch_floats = lnspi_pair_mse_floats, /* takes none */
    .evaluate = attention_diversity_evaluate,
};

/* Hard negatives: the other rows' targets that a row comes nearest to. */
#include "train/losses/pair.h"
#include "train/losses/similarity.h"
#include "train/losses/loss_list.h"

#define HARD_NEGATIVE_MOST 64 /* as of k= */
#define HARD_NEGATIVE_TAKEN -4.0f /* below every cosine */

/* The nearest k targets of row i, the first of equal ones; the row of scores becomes the
 * hinges' slopes. */
static double hard_negative_row(float *s, int64_t n, int64_t i, int64_t k, float limit) {
  int64_t picks[HARD_NEGATIVE_MOST];
  float hinge[HARD_NEGATIVE_MOST];
  double total = 0;
  s[i] = HARD_NEGATIVE_TAKEN;
  for (int64_t p = 0; p < k; p++) {
    int64_t best = 0;
    for (int64_t j = 1; j < n; j++)
      if (s[j] > s[best]) best = j;
    picks[p] = best;
    hinge[p] = s[best] - limit;
    s[best] = HARD_NEGATIVE_TAKEN;
  }
  memset(s, 0, (size_t)n * sizeof(float));
  for (int64_t p = 0; p < k; p++)
    if (hinge[p] > 0) {
      total += (double)hinge[p];
      s[picks[p]] = 1;
    }
  return total;
}

static double hard_negative_evaluate(const lnspi_loss_call *call) {
  lnspi_similarity batch = lnspi_similarity_open(call, 0);
  int64_t n = call->rows, k = (int64_t)call->real[0];
  double total = 0;
  if (k > n - 1) k = n - 1;
  double count = (double)n * (double)k;
  for (int64_t i = 0; i < n; i++)
    total += hard_negative_row(batch.s + i * batch.lds, n, i, k, 1 - call->real[1]);
  lnspi_similarity_push(call, &batch, lnspi_pair_factor(call, 1, count));
  return total / count;
}

static int64_t hard_negative_floats(const lnspi_loss_call *shape) {
  return lnspi_similarity_floats(shape, 0);
}

const lnspi_loss lnspi_loss_hard_negative = {
    .name = "hard_negative",
    .help = "hard_negative k=3 margin=0.5: mean over the k other rows' targets with the "
            "highest cosine to the output of relu(cos - (1 - margin))",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .minimum_rows = 2,
    .keys = "#k=3:1:64 margin=.5:0:2",
    .scratch_floats = hard_negative_floats,
    .evaluate = hard_negative_evaluate,
};

/* R@k, MRR and the median of many ranks. */
#include "metrics/rank_summary.h"

#include <string.h>

double lnspi_rank_summary_recall(const lnsp_rank *ranks, int64_t count, int64_t k) {
  int64_t hits = 0;
  for (int64_t r = 0; r < count; r++) hits += ranks[r].rank <= k;
  return count > 0 ? (double)hits / (double)count : 0;
}

static double rank_summary_alike(const lnsp_rank *ranks, int64_t count, int k) {
  int64_t hits = 0;
  for (int64_t r = 0; r < count; r++) hits += ranks[r].alike > 0 && ranks[r].alike <= k;
  return (double)hits / (double)count;
}

void lnspi_rank_summary(const lnsp_rank *ranks, int64_t count, lnsp_rank_info *out) {
  int64_t low = 1, high = INT32_MAX;
  memset(out, 0, sizeof *out);
  if (count <= 0) return;
  out->count = count;
  out->recall_1 = lnspi_rank_summary_recall(ranks, count, 1);
  out->recall_5 = lnspi_rank_summary_recall(ranks, count, 5);
  out->recall_10 = lnspi_rank_summary_recall(ranks, count, 10);
  for (int64_t r = 0; r < count; r++) {
    out->mrr += 1.0 / (double)ranks[r].rank;
    out->mrr_10 += ranks[r].rank <= 10 ? 1.0 / (double)ranks[r].rank : 0;
  }
  out->mrr /= (double)count;
  out->mrr_10 /= (double)count;
  while (low < high) { /* the least rank that half of them do not exceed */
    const int64_t middle = low + (high - low) / 2;
    if (lnspi_rank_summary_recall(ranks, count, middle) >= .5)
      high = middle;
    else
      low = middle + 1;
  }
  out->median = (double)low;
  out->alike_1 = rank_summary_alike(ranks, count, 1);
  out->alike_5 = rank_summary_alike(ranks, count, 5);
  out->alike_10 = rank_summary_alike(ranks, count, 10);
}

/* R@k, MRR and the median of many ranks. */
#ifndef LNSPI_METRICS_RANK_SUMMARY_H
#define LNSPI_METRICS_RANK_SUMMARY_H

#include "lnsp.h"

/* Share of ranks that are at most k; 0 without ranks. */
double lnspi_rank_summary_recall(const lnsp_rank *ranks, int64_t count, int64_t k);
void lnspi_rank_summary(const lnsp_rank *ranks, int64_t count, lnsp_rank_info *out);

#endif

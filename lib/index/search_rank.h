/* Ranks of known vectors among all of an index. */
#ifndef LNSPI_INDEX_SEARCH_RANK_H
#define LNSPI_INDEX_SEARCH_RANK_H

#include "index/search.h"

int32_t lnspi_search_rank(lnsp_search *search, const lnsp_tensor *queries, const int64_t *truth,
                          const lnsp_tensor *left_out, lnsp_rank *ranks, lnsp_error *error);

#endif

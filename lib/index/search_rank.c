/* Ranks of known vectors among all of an index.
 *
 * The score of each query with its own vector is computed first and waits in
 * lnsp_rank.best_score; then each task counts, in its share of the vectors, those whose score
 * is strictly higher, and keeps the best. Scores come from the search's own kernels, which
 * give a vector and a query the same bits wherever they are scored, so that the true vector
 * never beats itself. Nothing is sorted, and no more memory is needed than a search has. */
#include "index/search_rank.h"

#include <math.h>

#include "base/error.h"

#define SEARCH_RANK_LEAST 2048 /* vectors that are worth a task */

typedef struct search_rank_job {
  lnspi_search_walk walk;
  const lnsp_tensor *left_out; /* or NULL */
  const int64_t *truth;
  lnsp_rank *ranks; /* best_score: the true vector's score */
  int64_t queries;
} search_rank_job;

/* counts[q]: better ones; hits[q * results]: the best one, row -1 where there is none. */
static void search_rank_task(void *argument, int32_t number) {
  const search_rank_job *job = argument;
  const lnsp_search *search = job->walk.search;
  const lnsp_index *index = search->index;
  const lnspi_search_part *part = &search->parts[number];
  int64_t end, row = lnspi_search_share(&job->walk, number, &end);
  for (int64_t q = 0; q < job->queries && !job->walk.from; q++) {
    part->counts[q] = 0;
    part->hits[q * search->results] = (lnspi_search_hit){-INFINITY, -1};
  }
  for (int64_t n; row < end; row += n) {
    n = end - row < LNSPI_SEARCH_ROWS ? end - row : LNSPI_SEARCH_ROWS;
    lnspi_search_scores(search, part, job->queries, row, n);
    for (int64_t q = 0; q < job->queries; q++) {
      const float *scores = part->scores + q * LNSPI_SEARCH_ROWS;
      const float mine = job->ranks[q].best_score;
      lnspi_search_hit *best = &part->hits[q * search->results];
      const float level = mine < best->score ? mine : best->score;
      for (int64_t i = 0; i < n; i++) {
        if (!(scores[i] > level)) continue;
        const int64_t id = lnspi_index_id(index, row + i);
        if (job->left_out && id != job->truth[q] && lnspi_search_left_out(job->left_out, q, id))
          continue;
        part->counts[q] += scores[i] > mine;
        if (scores[i] > best->score) *best = (lnspi_search_hit){scores[i], (int32_t)(row + i)};
      }
    }
  }
}

/* Of equal scores the lower id is best, as in a search. */
static void search_rank_finish(const search_rank_job *job, int64_t q) {
  const lnsp_search *search = job->walk.search;
  lnspi_search_hit best = {-INFINITY, -1};
  lnsp_rank *rank = &job->ranks[q];
  memset(rank, 0, sizeof *rank);
  rank->rank = 1;
  for (int32_t p = 0; p < job->walk.parts; p++) {
    const lnspi_search_hit hit = search->parts[p].hits[q * search->results];
    rank->rank += search->parts[p].counts[q];
    if (hit.row >= 0 && hit.score > best.score) best = hit;
  }
  rank->best_id = best.row < 0 ? LNSP_NO_ID : lnspi_index_id(search->index, best.row);
  rank->best_score = best.row < 0 ? 0 : best.score;
}

int32_t lnspi_search_rank(lnsp_search *search, const lnsp_tensor *queries, const int64_t *truth,
                          const lnsp_tensor *left_out, lnsp_rank *ranks, lnsp_error *error) {
  const lnsp_index *index = search->index;
  search_rank_job job = {{.search = search}, left_out, truth, ranks, 0};
  int32_t status = lnspi_search_begin(search, queries, left_out, &job.queries, error);
  if (status) return status;
  for (int64_t q = 0; q < job.queries; q++)
    if (lnspi_index_find(index, truth[q]) < 0)
      return lnspi_error_set(error, LNSP_E_MISSING, "truth",
                             "the index has no vector with the id %lld", (long long)truth[q]);
  for (int64_t q = 0; q < job.queries; q++) {
    const int64_t row = lnspi_index_row(index, lnspi_index_find(index, truth[q]));
    lnspi_search_scores(search, &search->parts[0], job.queries, row, 1);
    ranks[q].best_score = search->parts[0].scores[q * LNSPI_SEARCH_ROWS];
  }
  status = lnspi_search_all(&job.walk, SEARCH_RANK_LEAST, search_rank_task, error);
  if (status) return status;
  for (int64_t q = 0; q < job.queries; q++) search_rank_finish(&job, q);
  return LNSP_OK;
}

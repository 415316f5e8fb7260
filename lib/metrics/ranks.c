/* Ranks of predictions among candidates.
 *
 * The rank of a query is 1 + the number of candidates whose inner product with it is strictly
 * greater than that of the true one; ties are in the query's favour, as in the papers that the
 * numbers are compared with. Left-out candidates get the score -infinity, which is greater
 * than nothing; the true one is never left out.
 *
 * Sixteen queries are scored together: their coordinates are stored side by side, so that a
 * compiler turns the innermost loop into vector instructions while every lane still adds its
 * products in the order of the coordinates, in float32, by a multiplication and an addition.
 * So a score has the same bits for any number of queries, on every CPU. */
/* Hot: built for speed. */
#include "metrics/ranks.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/progress.h"
#include "metrics/vectors.h"

#define RANKS_BLOCK 16   /* queries that are scored together */
#define RANKS_TOP 10     /* of the best ones that are kept to ask whether one is alike */
#define RANKS_ALIKE .95  /* least cosine of a candidate that is as good as the true one */

uint64_t lnspi_ranks_scratch_floats(const lnspi_ranks_job *job) {
  return RANKS_BLOCK * ((uint64_t)job->width + (uint64_t)job->candidate_count);
}

/* scores[place][lane] of every candidate with every query of a block. */
static void ranks_score(const lnspi_ranks_job *job, const float *block, float *scores) {
  const float *v = job->candidates;
  for (int64_t p = 0; p < job->candidate_count; p++, v += job->width, scores += RANKS_BLOCK) {
    float sum[RANKS_BLOCK] = {0};
    for (int64_t i = 0; i < job->width; i++)
      for (int lane = 0; lane < RANKS_BLOCK; lane++)
        sum[lane] += v[i] * block[i * RANKS_BLOCK + lane];
    memcpy(scores, sum, sizeof sum);
  }
}

/* Keeps the RANKS_TOP best places in order; of equal ones the earlier. */
static int ranks_keep(int64_t *top, float *best, int count, int64_t place, float score) {
  int at = count;
  if (count == RANKS_TOP && !(score > best[count - 1])) return count;
  if (count == RANKS_TOP) at--;
  for (; at > 0 && score > best[at - 1]; at--)
    if (at < RANKS_TOP) {
      best[at] = best[at - 1];
      top[at] = top[at - 1];
    }
  best[at] = score;
  top[at] = place;
  return count < RANKS_TOP ? count + 1 : count;
}

/* Reads query number r's column of the scores; 0 if one of them is NaN. */
static int ranks_read(const lnspi_ranks_job *job, float *scores, int64_t r, lnsp_rank *out) {
  const int64_t truth = job->truth[r];
  const float mine = scores[truth * RANKS_BLOCK];
  const float *right = job->candidates + truth * job->width;
  int64_t top[RANKS_TOP] = {LNSP_NO_ID}, better = 0;
  float best[RANKS_TOP] = {0};
  int count = 0, sound = 1;

  for (int64_t i = 0; i < job->left_out_count; i++) {
    const int64_t place = job->left_out[r * job->left_out_count + i];
    if (place >= 0 && place != truth) scores[place * RANKS_BLOCK] = -INFINITY;
  }
  for (int64_t p = 0; p < job->candidate_count; p++) {
    const float score = scores[p * RANKS_BLOCK];
    sound &= score >= -INFINITY;
    better += score > mine;
    if (score > -INFINITY && (count < RANKS_TOP || score > best[RANKS_TOP - 1]))
      count = ranks_keep(top, best, count, p, score);
  }
  memset(out, 0, sizeof *out);
  out->rank = 1 + better;
  out->best_id = top[0];
  out->best_score = best[0];
  for (int i = 0; i < count && !out->alike; i++)
    if (lnspi_vectors_cosine(job->candidates + top[i] * job->width, right, job->width, 0) >
        RANKS_ALIKE)
      out->alike = i + 1;
  return sound;
}

int32_t lnspi_ranks(const lnspi_ranks_job *job, const lnsp_options *options, float *scratch,
                    lnsp_rank *ranks, lnsp_error *error) {
  float *block = scratch, *scores = scratch + RANKS_BLOCK * job->width;
  lnspi_progress progress;
  lnspi_progress_begin(&progress, options, (uint64_t)job->query_count);
  for (int64_t first = 0; first < job->query_count; first += RANKS_BLOCK) {
    const int64_t left = job->query_count - first,
                  count = left < RANKS_BLOCK ? left : RANKS_BLOCK;
    for (int64_t i = 0; i < job->width; i++)
      for (int64_t r = 0; r < RANKS_BLOCK; r++)
        block[i * RANKS_BLOCK + r] = r < count ? job->queries[(first + r) * job->width + i] : 0;
    ranks_score(job, block, scores);
    for (int64_t r = 0; r < count; r++)
      if (!ranks_read(job, scores + r, first + r, &ranks[first + r]))
        return lnspi_error_set(error, LNSP_E_NOT_FINITE, "queries",
                               "row %lld of 'queries' or a candidate has a NaN or an infinity: "
                               "leave it out",
                               (long long)(first + r));
    const int32_t status = lnspi_progress_add(&progress, (uint64_t)count, error);
    if (status) return status;
  }
  return LNSP_OK;
}

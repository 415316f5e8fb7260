/* Measures of predictions, as docs/evaluation.md defines them. */
/* Hot: built for speed. */
#include "score/metrics.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

double metric_dot(const float *a, const float *b, int64_t width) {
  double sum = 0;
  int64_t i;
  for (i = 0; i < width; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

double metric_cosine(const float *a, const float *b, int64_t width, double epsilon) {
  const double aa = metric_dot(a, a, width), bb = metric_dot(b, b, width);
  if (!(aa > 0) || !(bb > 0)) return 0;
  return metric_dot(a, b, width) / ((sqrt(aa) + epsilon) * (sqrt(bb) + epsilon));
}

void metric_unit(float *x, int64_t rows, int64_t width, double epsilon) {
  int64_t r, i;
  for (r = 0; r < rows; r++, x += width) {
    const double length = sqrt(metric_dot(x, x, width));
    if (length > 0)
      for (i = 0; i < width; i++) x[i] = (float)((double)x[i] / (length + epsilon));
  }
}

/* ---- ranks ---- */

int64_t metric_ranks_scratch(const metric_pool *pool) {
  return METRIC_BLOCK * (pool->width + pool->count);
}

/* scores[place][lane]: every vector of the pool with every query of a block, whose
 * coordinates lie side by side, so that compilers multiply them side by side too. */
static void metrics_score(const metric_pool *pool, const float *block, float *scores) {
  const float *v = pool->vectors;
  int64_t p, i;
  int lane;

  for (p = 0; p < pool->count; p++, v += pool->width, scores += METRIC_BLOCK) {
    float sum[METRIC_BLOCK] = {0};
    for (i = 0; i < pool->width; i++)
      for (lane = 0; lane < METRIC_BLOCK; lane++)
        sum[lane] += v[i] * block[i * METRIC_BLOCK + lane];
    memcpy(scores, sum, sizeof sum);
  }
}

/* Keeps the METRIC_TOP best places in order; of equal ones the earlier. */
static int metrics_keep(int32_t *top, float *best, int count, int32_t place, float score) {
  int at = count;
  if (count == METRIC_TOP && !(score > best[count - 1])) return count;
  if (count == METRIC_TOP) at--;
  for (; at > 0 && score > best[at - 1]; at--)
    if (at < METRIC_TOP) {
      best[at] = best[at - 1];
      top[at] = top[at - 1];
    }
  best[at] = score;
  top[at] = place;
  return count < METRIC_TOP ? count + 1 : count;
}

/* One query's column of the scores. */
static metric_rank metrics_rank(const metric_pool *pool, float *scores, int lane, int32_t truth,
                                const int32_t *without, int64_t without_count) {
  const float mine = scores[(int64_t)truth * METRIC_BLOCK + lane];
  const float *right = pool->vectors + (int64_t)truth * pool->width;
  int32_t top[METRIC_TOP] = {-1}, better = 0;
  float best[METRIC_TOP] = {0};
  metric_rank out;
  int64_t p;
  int count = 0, i;

  for (p = 0; p < without_count; p++)
    if (without[p] >= 0 && without[p] != truth)
      scores[(int64_t)without[p] * METRIC_BLOCK + lane] = -INFINITY;
  for (p = 0; p < pool->count; p++) {
    const float score = scores[p * METRIC_BLOCK + lane];
    better += score > mine;
    if (score > -INFINITY && (count < METRIC_TOP || score > best[METRIC_TOP - 1]))
      count = metrics_keep(top, best, count, (int32_t)p, score);
  }
  out.rank = 1 + better;
  out.best = top[0]; /* -1 where none is left */
  out.score = best[0];
  out.near = 0;
  for (i = 0; i < count && !out.near; i++)
    if (metric_cosine(pool->vectors + (int64_t)top[i] * pool->width, right, pool->width, 0) >
        METRIC_ALIKE)
      out.near = i + 1;
  return out;
}

void metric_ranks(const metric_pool *pool, const float *queries, int64_t rows,
                  const int32_t *truth, const int32_t *without, int64_t without_count,
                  float *scratch, metric_rank *out) {
  float *block = scratch, *scores = scratch + METRIC_BLOCK * pool->width;
  int64_t first, r, i;

  for (first = 0; first < rows; first += METRIC_BLOCK) {
    const int64_t count = rows - first < METRIC_BLOCK ? rows - first : METRIC_BLOCK;
    for (i = 0; i < pool->width; i++)
      for (r = 0; r < METRIC_BLOCK; r++)
        block[i * METRIC_BLOCK + r] = r < count ? queries[(first + r) * pool->width + i] : 0;
    metrics_score(pool, block, scores);
    for (r = 0; r < count; r++)
      out[first + r] = metrics_rank(pool, scores, (int)r, truth[first + r],
                                    without ? without + (first + r) * without_count : NULL,
                                    without ? without_count : 0);
  }
}

double metric_recall(const metric_rank *ranks, int64_t rows, int64_t k) {
  int64_t r, hits = 0;
  for (r = 0; r < rows; r++) hits += ranks[r].rank <= k;
  return rows ? (double)hits / (double)rows : 0;
}

static double metrics_oracle(const metric_rank *ranks, int64_t rows, int k) {
  int64_t r, hits = 0;
  for (r = 0; r < rows; r++) hits += ranks[r].near > 0 && ranks[r].near <= k;
  return (double)hits / (double)rows;
}

metric_retrieval metric_retrieve(const metric_rank *ranks, int64_t rows) {
  metric_retrieval out;
  int64_t r, low = 1, high = INT32_MAX;

  memset(&out, 0, sizeof out);
  if (rows <= 0) return out;
  out.hit1 = metric_recall(ranks, rows, 1);
  out.hit5 = metric_recall(ranks, rows, 5);
  out.hit10 = metric_recall(ranks, rows, 10);
  for (r = 0; r < rows; r++) {
    out.mrr += 1.0 / ranks[r].rank;
    out.mrr10 += ranks[r].rank <= 10 ? 1.0 / ranks[r].rank : 0;
  }
  out.mrr /= (double)rows;
  out.mrr10 /= (double)rows;
  while (low < high) { /* the least rank that half of them do not exceed */
    const int64_t middle = low + (high - low) / 2;
    if (metric_recall(ranks, rows, middle) >= .5)
      high = middle;
    else
      low = middle + 1;
  }
  out.median = (double)low;
  out.oracle1 = metrics_oracle(ranks, rows, 1);
  out.oracle5 = metrics_oracle(ranks, rows, 5);
  out.oracle10 = metrics_oracle(ranks, rows, 10);
  return out;
}

double metric_scalar_mrr(const metric_retrieval *r, double echo, double weight) {
  return -log(r->mrr) + weight * (1 - echo);
}

double metric_scalar_recall(const metric_retrieval *r, double echo, double weight) {
  return 1 - r->hit5 + weight * (1 - echo);
}

/* ---- collapse, direction, triplets ---- */

/* The value that place k would have if x were sorted. */
static float metrics_select(float *x, int64_t n, int64_t k) {
  int64_t low = 0, high = n - 1;
  while (low < high) {
    const float pivot = x[low + (high - low) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (x[i] < pivot) i++;
      while (x[j] > pivot) j--;
      if (i <= j) {
        const float swap = x[i];
        x[i++] = x[j];
        x[j--] = swap;
      }
    }
    if (k <= j)
      high = j;
    else if (k >= i)
      low = i;
    else
      break;
  }
  return x[k];
}

double metric_median(float *x, int64_t n) {
  double high;
  if (n <= 0) return 0;
  high = (double)metrics_select(x, n, n / 2);
  return n % 2 ? high : ((double)metrics_select(x, n, n / 2 - 1) + high) / 2;
}

metric_collapse metric_collapse_of(const float *x, int64_t rows, int64_t width,
                                   float *scratch) {
  metric_collapse out;
  int64_t a, b, i, pairs = 0;
  double square = 0;

  for (a = 0; a < rows; a++)
    for (b = a + 1; b < rows; b++)
      scratch[pairs++] = (float)metric_dot(x + a * width, x + b * width, width);
  out.median = metric_median(scratch, pairs);
  out.variance = 0;
  for (i = 0; i < width; i++) {
    double mean = 0;
    for (a = 0, square = 0; a < rows; a++) {
      mean += (double)x[a * width + i];
      square += (double)x[a * width + i] * (double)x[a * width + i];
    }
    mean /= (double)rows;
    out.variance += square / (double)rows - mean * mean;
  }
  out.collapsed = out.median > .95 || out.variance < .15;
  return out;
}

const char *metric_direction(double delta) {
  return delta >= .10   ? "excellent"
         : delta >= .05 ? "good"
         : delta >= .02 ? "marginal"
                        : "poor";
}

int metric_triplet(const float *anchor, const float *positive, const float *negative,
                   int64_t width) {
  return metric_cosine(anchor, positive, width, 0) > metric_cosine(anchor, negative, width, 0);
}

/* ---- mini-5CAT ---- */

void metric_mini_add(metric_mini *m, const float *context, int64_t concepts,
                     const float *prediction, const float *target, int64_t width) {
  const double truth = metric_cosine(prediction, target, width, 0);
  int64_t c, rank = 1;
  double last = 0;

  for (c = 0; c < concepts; c++) {
    last = metric_cosine(prediction, context + c * width, width, 0);
    rank += last >= truth;
  }
  m->rows++;
  m->margin += truth - last;
  m->hit5 += rank <= 5;
}

void metric_mini_end(metric_mini *m) {
  if (m->rows) {
    m->margin /= (double)m->rows;
    m->hit5 /= (double)m->rows;
  }
}

/* Measures of vectors that need no candidates: errors, collapse, direction, triplets. The
 * formulas are in docs/evaluation.md. */
#include "metrics/scores.h"

#include "metrics/vectors.h"

#define SCORES_COLLAPSED_MEDIAN .95   /* above: predictions all point the same way */
#define SCORES_COLLAPSED_VARIANCE .15 /* below: likewise, 1 - |mean|^2 for unit vectors */

void lnspi_scores_add(const float *predictions, const float *targets, int64_t count,
                      int64_t width, lnsp_score_info *score) {
  const float *p = predictions, *t = targets;
  for (int64_t r = 0; r < count; r++, p += width, t += width) {
    double square = 0;
    for (int64_t i = 0; i < width; i++)
      square += ((double)p[i] - (double)t[i]) * ((double)p[i] - (double)t[i]);
    score->cosine_sum += lnspi_vectors_cosine(p, t, width, 0);
    score->mse_sum += square / (double)width;
  }
  score->count += count;
  score->cosine = score->count ? score->cosine_sum / (double)score->count : 0;
  score->mse = score->count ? score->mse_sum / (double)score->count : 0;
}

void lnspi_scores_collapse(const float *x, int64_t rows, int64_t width, float *pairs,
                           lnspi_progress *progress, lnsp_collapse_info *out) {
  int64_t count = 0;
  for (int64_t a = 0; a < rows; a++) {
    for (int64_t b = a + 1; b < rows; b++)
      pairs[count++] = (float)lnspi_vectors_dot(x + a * width, x + b * width, width);
    if (lnspi_progress_add(progress, (uint64_t)(rows - 1 - a), NULL)) return;
  }
  out->median_cosine = lnspi_vectors_median(pairs, count);
  out->variance = 0;
  for (int64_t i = 0; i < width; i++) {
    double mean = 0, square = 0;
    for (int64_t a = 0; a < rows; a++) {
      mean += (double)x[a * width + i];
      square += (double)x[a * width + i] * (double)x[a * width + i];
    }
    mean /= (double)rows;
    out->variance += square / (double)rows - mean * mean;
  }
  out->collapsed =
      out->median_cosine > SCORES_COLLAPSED_MEDIAN || out->variance < SCORES_COLLAPSED_VARIANCE;
}

void lnspi_scores_direction(const float *contexts, const float *targets, int64_t rows,
                            int64_t concepts, int64_t width, lnsp_direction_info *out) {
  for (int64_t r = 0; r < rows; r++) {
    const float *x = contexts + r * concepts * width, *t = targets + r * width;
    out->first_cosine += lnspi_vectors_cosine(x, t, width, 0);
    out->last_cosine += lnspi_vectors_cosine(x + (concepts - 1) * width, t, width, 0);
    for (int64_t c = 1; c < concepts; c++)
      out->coherence += lnspi_vectors_cosine(x + (c - 1) * width, x + c * width, width, 0);
  }
  out->rows = rows;
  out->first_cosine /= (double)rows;
  out->last_cosine /= (double)rows;
  out->delta = out->last_cosine - out->first_cosine;
  if (concepts > 1) out->coherence /= (double)(rows * (concepts - 1));
}

double lnspi_scores_triplets(const float *anchors, const float *positives,
                             const float *negatives, int64_t rows, int64_t width) {
  int64_t right = 0;
  for (int64_t r = 0; r < rows; r++) {
    const float *a = anchors + r * width;
    right += lnspi_vectors_cosine(a, positives + r * width, width, 0) >
             lnspi_vectors_cosine(a, negatives + r * width, width, 0);
  }
  return (double)right / (double)rows;
}

/* Measures of vectors that need no candidates. */
#ifndef LNSPI_METRICS_SCORES_H
#define LNSPI_METRICS_SCORES_H

#include "base/progress.h"

/* Adds count predictions with their targets. */
void lnspi_scores_add(const float *predictions, const float *targets, int64_t count,
                      int64_t width, lnsp_score_info *score);
/* x: rows of length 1, two at least; pairs: rows * (rows - 1) / 2 floats of scratch. */
void lnspi_scores_collapse(const float *x, int64_t rows, int64_t width, float *pairs,
                           lnspi_progress *progress, lnsp_collapse_info *out);
/* contexts [rows][concepts][width], targets [rows][width]. */
void lnspi_scores_direction(const float *contexts, const float *targets, int64_t rows,
                            int64_t concepts, int64_t width, lnsp_direction_info *out);
/* Share of rows whose anchor is strictly nearer to the positive than to the negative. */
double lnspi_scores_triplets(const float *anchors, const float *positives,
                             const float *negatives, int64_t rows, int64_t width);

#endif

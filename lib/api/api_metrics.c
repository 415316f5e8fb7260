/* lnsp_metrics_* and lnsp_order_*: measures of predictions, and the order of rows.
 *
 * These calls have no handle: each checks its tensors, computes and returns. Tensors must be
 * contiguous, because the functions below walk them with one pointer, and need not be aligned
 * to anything but a float. Only ranks and collapse need working memory, whose size depends on
 * the numbers of rows; they take it as a block of the options and free it before they return.
 *
 * Scores are sums that the caller carries from call to call (lnsp_score_info), so that a data
 * set can be scored in parts. They are read into a local, added to, checked and written back
 * last. Whether a value is NaN or infinite is asked once, of the sum: it cannot become finite
 * again, and the vectors are read only once. */
#include "api/api.h"
#include "base/arena.h"
#include "base/block.h"
#include "base/struct.h"
#include "format/dtype.h"
#include "metrics/rank_summary.h"
#include "metrics/ranks.h"
#include "metrics/scores.h"
#include "metrics/vectors.h"
#include "train/order.h"

#include <string.h>

#define API_METRICS_COLLAPSE_ROWS 65536

/* A contiguous tensor [rows, ..., width] of at least one row; width and rows are set, or
 * checked where they are not 0. Vectors of one row count as one. Contiguous are strides that
 * are all 0 or those of a packed array; the stride of a dimension of size 1 is never used. At
 * most 2^56 elements, so that no size in bytes overflows later. */
static int32_t api_metrics_vectors(const lnsp_tensor *tensor, const char *name, int32_t dtype,
                                   int32_t rank, int64_t *rows, int64_t *width,
                                   lnsp_error *error) {
  if (!tensor)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, name, "the argument '%s' is NULL", name);
  if (tensor->dtype != dtype)
    return lnspi_error_set(error, LNSP_E_DTYPE, name, "'%s' must be %s", name,
                           lnspi_dtype_name(dtype));
  int64_t all = 1, packed = 1, zero = 1;
  for (int32_t d = rank - 1; d >= 0 && tensor->rank == rank; d--) {
    const int64_t n = tensor->dims[d];
    if (n < 1 || all > (INT64_C(1) << 56) / n) break;
    packed &= tensor->strides[d] == all || n == 1;
    zero &= tensor->strides[d] == 0;
    all *= n;
    if (d == 0 && (packed | zero)) packed = 2;
  }
  if (packed != 2 || !tensor->data || (*rows && *rows != tensor->dims[0]) ||
      (*width && *width != tensor->dims[rank - 1]))
    return lnspi_error_set(error, LNSP_E_SHAPE, name,
                           "'%s' must be a contiguous tensor of rank %d with %s%lld rows and %s"
                           "%lld columns",
                           name, rank, *rows ? "" : "at least ", (long long)(*rows ? *rows : 1),
                           *width ? "" : "at least ", (long long)(*width ? *width : 1));
  *rows = tensor->dims[0];
  *width = tensor->dims[rank - 1];
  return LNSP_OK;
}

/* A value is not finite where x - x is not 0: that is asked of sums, see above. */
static int32_t api_metrics_not_finite(const char *name, lnsp_error *error) {
  return lnspi_error_set(error, LNSP_E_NOT_FINITE, name,
                         "'%s' or what it is compared with has a NaN or an infinity: leave out "
                         "that row",
                         name);
}

/* ---- two vectors ---- */

LNSP_API double lnsp_metrics_dot(const float *a, const float *b, int64_t width) {
  if (!a || !b) return 0;
  double dot;
  API_COMPUTE(dot = lnspi_vectors_dot(a, b, width));
  return dot;
}

LNSP_API double lnsp_metrics_cosine(const float *a, const float *b, int64_t width,
                                    double epsilon) {
  if (!a || !b) return 0;
  double cosine;
  API_COMPUTE(cosine = lnspi_vectors_cosine(a, b, width, epsilon));
  return cosine;
}

LNSP_API void lnsp_metrics_normalize(float *x, int64_t rows, int64_t width, double epsilon) {
  if (!x) return;
  API_COMPUTE(lnspi_vectors_normalize(x, rows, width, epsilon));
}

LNSP_API double lnsp_metrics_median(float *x, int64_t count) {
  double median = 0;
  if (x) API_COMPUTE(median = lnspi_vectors_median(x, count));
  return median;
}

/* ---- ranks ---- */

/* Places among the candidates from low (0, or LNSP_NO_ID for an unused one) on: all of them are
 * checked before the first is used as an index. */
static int32_t api_metrics_places(const char *name, const int64_t *place, int64_t count,
                                  int64_t low, int64_t candidates, lnsp_error *error) {
  for (int64_t i = 0; i < count; i++)
    if (place[i] < low || place[i] >= candidates)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, name,
                             "element %lld of '%s' is %lld, but there are candidates 0 to %lld",
                             (long long)i, name, (long long)place[i],
                             (long long)candidates - 1);
  return LNSP_OK;
}

/* Checks the four arrays against each other and makes the job from them; the first tensor
 * sets each size, and the later ones must agree. */
static int32_t api_metrics_rank_job(const lnsp_tensor *queries, const lnsp_tensor *candidates,
                                    const int64_t *truth, const lnsp_tensor *left_out,
                                    lnspi_ranks_job *job, lnsp_error *error) {
  int32_t status = api_metrics_vectors(queries, "queries", LNSP_F32, 2, &job->query_count,
                                       &job->width, error);
  if (status) return status;
  status = api_metrics_vectors(candidates, "candidates", LNSP_F32, 2, &job->candidate_count,
                               &job->width, error);
  if (status) return status;
  if (left_out)
    status = api_metrics_vectors(left_out, "left_out", LNSP_I64, 2, &job->query_count,
                                 &job->left_out_count, error);
  if (status) return status;
  job->queries = queries->data;
  job->candidates = candidates->data;
  job->truth = truth;
  job->left_out = left_out ? left_out->data : NULL;
  status = api_metrics_places("truth", truth, job->query_count, 0, job->candidate_count, error);
  if (status) return status;
  return api_metrics_places("left_out", job->left_out, job->query_count * job->left_out_count,
                            LNSP_NO_ID, job->candidate_count, error);
}

LNSP_API int32_t lnsp_metrics_rank(const lnsp_tensor *queries, const lnsp_tensor *candidates,
                                   const int64_t *truth, const lnsp_tensor *left_out,
                                   const lnsp_options *options, lnsp_rank *ranks,
                                   lnsp_error *error) {
  lnspi_ranks_job job;
  lnsp_options read;
  lnspi_block block;
  API_NEED(truth, error);
  API_NEED(ranks, error);
  memset(&job, 0, sizeof job);
  int32_t status = api_metrics_rank_job(queries, candidates, truth, left_out, &job, error);
  if (status) return status;
  status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  status =
      lnspi_block_open(&block, &read, lnspi_ranks_scratch_floats(&job) * sizeof(float), error);
  if (status) return status;
  API_COMPUTE(status = lnspi_ranks(&job, &read, block.memory, ranks, error));
  lnspi_block_close(&block);
  return status;
}

LNSP_API int32_t lnsp_metrics_summarize(const lnsp_rank *ranks, int64_t count,
                                        lnsp_rank_info *out, lnsp_error *error) {
  lnsp_rank_info info;
  API_NEED(ranks, error);
  API_NEED(out, error);
  if (count < 1)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "a mean needs at least one rank");
  API_COMPUTE(lnspi_rank_summary(ranks, count, &info));
  return lnspi_struct_write(out, &info, sizeof info, "lnsp_rank_info", error);
}

LNSP_API double lnsp_metrics_recall(const lnsp_rank *ranks, int64_t count, int64_t k) {
  double recall = 0;
  if (ranks) API_COMPUTE(recall = lnspi_rank_summary_recall(ranks, count, k));
  return recall;
}

/* ---- vectors alone ---- */

LNSP_API int32_t lnsp_metrics_score(const lnsp_tensor *predictions, const lnsp_tensor *targets,
                                    lnsp_score_info *score, lnsp_error *error) {
  int64_t rows = 0, width = 0;
  lnsp_score_info read;
  API_NEED(score, error);
  const int32_t rank = predictions && predictions->rank == 3 ? 3 : 2;
  int32_t status =
      api_metrics_vectors(predictions, "predictions", LNSP_F32, rank, &rows, &width, error);
  if (status) return status;
  status = api_metrics_vectors(targets, "targets", LNSP_F32, rank, &rows, &width, error);
  if (status) return status;
  if (rank == 3 && predictions->dims[1] != targets->dims[1])
    return lnspi_error_set(error, LNSP_E_SHAPE, "targets",
                           "'targets' has %lld concepts a row, but 'predictions' has %lld",
                           (long long)targets->dims[1], (long long)predictions->dims[1]);
  status = lnspi_struct_read(&read, sizeof read, score, "lnsp_score_info", error);
  if (status) return status;
  API_COMPUTE(lnspi_scores_add(predictions->data, targets->data,
                               rank == 3 ? rows * predictions->dims[1] : rows, width, &read));
  if (!(read.mse_sum - read.mse_sum == 0)) return api_metrics_not_finite("targets", error);
  return lnspi_struct_write(score, &read, sizeof read, "lnsp_score_info", error);
}

LNSP_API int32_t lnsp_metrics_triplets(const lnsp_tensor *anchors, const lnsp_tensor *positives,
                                       const lnsp_tensor *negatives, double *share,
                                       lnsp_error *error) {
  int64_t rows = 0, width = 0;
  API_NEED(share, error);
  int32_t status = api_metrics_vectors(anchors, "anchors", LNSP_F32, 2, &rows, &width, error);
  if (status) return status;
  status = api_metrics_vectors(positives, "positives", LNSP_F32, 2, &rows, &width, error);
  if (status) return status;
  status = api_metrics_vectors(negatives, "negatives", LNSP_F32, 2, &rows, &width, error);
  if (status) return status;
  API_COMPUTE(*share = lnspi_scores_triplets(anchors->data, positives->data, negatives->data,
                                             rows, width));
  return LNSP_OK;
}

LNSP_API int32_t lnsp_metrics_collapse(const lnsp_tensor *vectors, const lnsp_options *options,
                                       lnsp_collapse_info *out, lnsp_error *error) {
  int64_t rows = 0, width = 0;
  lnsp_collapse_info info;
  lnsp_options read;
  lnspi_block block;
  API_NEED(out, error);
  int32_t status = api_metrics_vectors(vectors, "vectors", LNSP_F32, 2, &rows, &width, error);
  if (status) return status;
  if (rows < 2 || rows > API_METRICS_COLLAPSE_ROWS)
    return lnspi_error_set(error, LNSP_E_LIMIT, "vectors", "'vectors' must have 2 to %d rows",
                           API_METRICS_COLLAPSE_ROWS);
  status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  const uint64_t pairs = (uint64_t)rows * (uint64_t)(rows - 1) / 2;
  status = lnspi_block_open(&block, &read, pairs * sizeof(float), error);
  if (status) return status;
  memset(&info, 0, sizeof info);
  lnspi_progress progress;
  lnspi_progress_begin(&progress, &read, pairs);
  API_COMPUTE(
      lnspi_scores_collapse(vectors->data, rows, width, block.memory, &progress, &info));
  lnspi_block_close(&block);
  status = lnspi_progress_end(&progress, error);
  if (status) return status;
  if (!(info.variance - info.variance == 0)) return api_metrics_not_finite("vectors", error);
  return lnspi_struct_write(out, &info, sizeof info, "lnsp_collapse_info", error);
}

LNSP_API int32_t lnsp_metrics_direction(const lnsp_tensor *contexts, const lnsp_tensor *targets,
                                        lnsp_direction_info *out, lnsp_error *error) {
  int64_t rows = 0, width = 0;
  lnsp_direction_info info;
  API_NEED(out, error);
  int32_t status = api_metrics_vectors(contexts, "contexts", LNSP_F32, 3, &rows, &width, error);
  if (status) return status;
  status = api_metrics_vectors(targets, "targets", LNSP_F32, 2, &rows, &width, error);
  if (status) return status;
  memset(&info, 0, sizeof info);
  API_COMPUTE(lnspi_scores_direction(contexts->data, targets->data, rows, contexts->dims[1],
                                     width, &info));
  return lnspi_struct_write(out, &info, sizeof info, "lnsp_direction_info", error);
}

/* ---- the order of rows ---- */

/* Row numbers are handed out as int32. */
static int32_t api_metrics_order_rows(int64_t rows, lnsp_error *error) {
  if (rows >= 1 && rows <= INT32_MAX) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_LIMIT, NULL, "there must be 1 to 2,147,483,647 rows");
}

LNSP_API int32_t lnsp_order_shuffle(uint64_t seed, uint64_t epoch, int64_t rows, int32_t *order,
                                    lnsp_error *error) {
  API_NEED(order, error);
  int32_t status = api_metrics_order_rows(rows, error);
  if (status) return status;
  lnspi_order_shuffle(seed, epoch, order, rows);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_order_draw(uint64_t seed, uint64_t step, double share, int64_t rows,
                                 int32_t *order, int64_t capacity, int64_t *count,
                                 lnsp_error *error) {
  API_NEED(order, error);
  API_NEED(count, error);
  int32_t status = api_metrics_order_rows(rows, error);
  if (status) return status;
  if (!(share > 0 && share <= 1))
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "the share must be above 0 and at most 1");
  if (capacity < 1)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "the capacity must be at least 1");
  *count = lnspi_order_draw(seed, step, share, rows, order, capacity);
  return LNSP_OK;
}

/* lnsp_session_score: how well a model predicts rows, and lnsp_search_rank.
 *
 * Scoring composes two exported functions: lnsp_session_run on as many rows as the session was
 * made for, into a buffer, and lnsp_metrics_score of that buffer and the same rows of the
 * target. Tensors are cut by moving their data pointer and setting dims[0], so nothing is
 * copied; the caller's strides stay as they are. The sum is a local that starts from the
 * caller's and is written back after the last part, so a failure in the middle (or NaN in one
 * row) leaves the caller's score as it was. The session's own buffers are used up either way.
 *
 * The buffer has the shape of the target's part: the session refuses it, by name, if the
 * network's output is not of that shape. */
#include "api/api.h"
#include "base/struct.h"
#include "format/dtype.h"
#include "index/search_rank.h"
#include "run/session.h"

#include <string.h>

#define API_SCORE_INPUTS 8

/* Rows first to first + count - 1 of a tensor: a view of the same memory. Without strides a row
 * is as long as the other dimensions say. */
static lnsp_tensor api_score_part(const lnsp_tensor *tensor, int64_t first, int64_t count) {
  lnsp_tensor part = *tensor;
  int64_t stride = tensor->strides[0], zero = 1, packed = 1;
  for (int32_t d = 0; d < tensor->rank; d++) {
    zero &= tensor->strides[d] == 0;
    if (d) packed *= tensor->dims[d];
  }
  part.dims[0] = count;
  part.data = (uint8_t *)tensor->data +
              first * (zero ? packed : stride) * (int64_t)lnspi_dtype_bytes(tensor->dtype);
  return part;
}

/* Checks what cutting into parts relies on; the rest is checked by the calls that get the
 * parts. */
static int32_t api_score_check(const lnsp_tensor *inputs, int32_t input_count,
                               const lnsp_tensor *target, int64_t *rows, lnsp_error *error) {
  if (input_count < 1 || input_count > API_SCORE_INPUTS)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "there are %d inputs: give 1 to %d",
                           input_count, API_SCORE_INPUTS);
  if (target->dtype != LNSP_F32 || (target->rank != 2 && target->rank != 3) ||
      target->dims[0] < 1 || !target->data)
    return lnspi_error_set(error, LNSP_E_SHAPE, "target",
                           "'target' must be F32 [rows, width] or [rows, concepts, width]");
  *rows = target->dims[0];
  for (int32_t i = 0; i < input_count; i++)
    if (inputs[i].rank < 1 || inputs[i].rank > LNSP_MAX_RANK || inputs[i].dims[0] != *rows ||
        !inputs[i].data)
      return lnspi_error_set(error, LNSP_E_SHAPE, inputs[i].name,
                             "input number %d must have the %lld rows of 'target'", i,
                             (long long)*rows);
  return LNSP_OK;
}

/* Batches of as many rows as the session was made for. */
static int32_t api_score_run(lnsp_session *session, const lnsp_tensor *inputs,
                             int32_t input_count, const lnsp_tensor *target, int64_t batch,
                             float *buffer, const lnsp_options *options, lnsp_score_info *score,
                             lnsp_error *error) {
  const int64_t rows = target->dims[0];
  lnspi_progress progress;
  lnspi_progress_begin(&progress, options, (uint64_t)rows);
  for (int64_t first = 0; first < rows; first += batch) {
    const int64_t count = rows - first < batch ? rows - first : batch;
    lnsp_tensor in[API_SCORE_INPUTS], out, wanted = api_score_part(target, first, count);
    for (int32_t i = 0; i < input_count; i++) in[i] = api_score_part(&inputs[i], first, count);
    out = wanted;
    out.name = "output";
    out.data = buffer;
    memset(out.strides, 0, sizeof out.strides);
    int32_t status = lnsp_session_run(session, in, input_count, &out, 1, error);
    if (status) return status;
    status = lnsp_metrics_score(&out, &wanted, score, error);
    if (!status) status = lnspi_progress_add(&progress, (uint64_t)count, error);
    if (status) return status;
  }
  return LNSP_OK;
}

LNSP_API int32_t lnsp_session_score(lnsp_session *session, const lnsp_tensor *inputs,
                                    int32_t input_count, const lnsp_tensor *target,
                                    const lnsp_options *options, lnsp_score_info *score,
                                    lnsp_error *error) {
  lnsp_options read;
  lnspi_block block;
  lnsp_score_info sum;
  int64_t rows = 0;
  API_NEED(session, error);
  API_NEED(inputs, error);
  API_NEED(target, error);
  API_NEED(score, error);
  int32_t status = api_score_check(inputs, input_count, target, &rows, error);
  if (status) return status;
  status = lnspi_struct_read(&sum, sizeof sum, score, "lnsp_score_info", error);
  if (status) return status;
  status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  const int64_t batch = session->engine.plan.batch < rows ? session->engine.plan.batch : rows;
  uint64_t floats = (uint64_t)batch;
  for (int32_t d = 1; d < target->rank; d++) {
    if (target->dims[d] < 1 || target->dims[d] > INT64_C(1) << 24)
      return lnspi_error_set(error, LNSP_E_SHAPE, "target", "dimension %d of 'target' is %lld",
                             d, (long long)target->dims[d]);
    floats *= (uint64_t)target->dims[d];
  }
  status = lnspi_block_open(&block, &read, floats * sizeof(float), error);
  if (status) return status;
  status = api_score_run(session, inputs, input_count, target, batch, block.memory, &read, &sum,
                         error);
  lnspi_block_close(&block);
  return status ? status
                : lnspi_struct_write(score, &sum, sizeof sum, "lnsp_score_info", error);
}

LNSP_API int32_t lnsp_search_rank(lnsp_search *search, const lnsp_tensor *queries,
                                  const int64_t *truth, const lnsp_tensor *left_out,
                                  lnsp_rank *ranks, lnsp_error *error) {
  API_NEED(search, error);
  API_NEED(queries, error);
  API_NEED(truth, error);
  API_NEED(ranks, error);
  API_RETURN(lnspi_search_rank(search, queries, truth, left_out, ranks, error));
}

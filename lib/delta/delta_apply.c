/* Applies a delta: base in, result out, stage after stage.
 *
 * The first stage reads the base and writes the result; later ones work on the result in
 * place, span by span, since each element of a stage's result depends on that element alone.
 * Intermediate states must be float32: rounding between stages would give other bits than
 * the sender had. So a delta of several stages with a narrower storage needs a float32 model
 * in between, which is converted at the end. */
/* Hot: built for speed. */
#include "delta/delta_apply.h"

#include "base/error.h"
#include "base/min_max.h"
#include "base/progress.h"
#include "delta/stage_reader.h"
#include "run/state.h"
#include "run/weight.h"

/* A hash that matches says only that the sender meant this result: whoever makes a delta
 * chooses its hash. So every value was also checked when it was stored. */
static int32_t delta_apply_check_result(const lnsp_delta *delta, const lnsp_model *model,
                                        lnsp_error *error) {
  uint8_t hash[LNSP_HASH_BYTES];
  lnspi_model_hash(model, hash);
  if (memcmp(hash, delta->result, sizeof hash))
    return lnspi_error_set(
        error, LNSP_E_MISMATCH, "lnsp.delta.result",
        "the hash of the result is not the one in the delta: the delta is damaged or forged");
  return LNSP_OK;
}

/* Collects spans into rows, because a packed tensor is written by whole rows. */
typedef struct delta_apply_row {
  float *values;
  int64_t filled, columns, row;
} delta_apply_row;

static int32_t delta_apply_store(const lnspi_weight *to, void *state, delta_apply_row *row,
                                 const float *values, int64_t count, lnsp_error *error) {
  while (count > 0) {
    int64_t left = row->columns - row->filled, n = count < left ? count : left;
    memcpy(row->values + row->filled, values, (size_t)n * sizeof(float));
    row->filled += n;
    values += n;
    count -= n;
    if (row->filled < row->columns) continue;
    int32_t status = lnspi_state_write_checked(to, state, row->row++, row->values, error);
    if (status) return status;
    row->filled = 0;
  }
  return LNSP_OK;
}

static int32_t delta_apply_tensor(lnspi_stage_reader *reader, int32_t index,
                                  const lnsp_graph *from, const void *state, lnsp_model *result,
                                  float *values, lnspi_progress *progress, lnsp_error *error) {
  const lnspi_weight *weight = &from->weights[index];
  delta_apply_row row = {values, 0, lnspi_weight_columns(weight), 0};
  float span[LNSPI_DELTA_SPAN];
  int changes = lnspi_stage_reader_tensor(reader, index);
  for (int64_t at = 0, n; at < weight->count; at += n) {
    int32_t status = LNSP_OK;
    n = lnspi_min_i64(weight->count - at, LNSPI_DELTA_SPAN);
    lnspi_state_read_span(weight, state, at, n, span);
    if (changes) status = lnspi_stage_reader_next(reader, span, (int32_t)n, error);
    if (!status)
      status = delta_apply_store(&result->graph->weights[index], result->state, &row, span, n,
                                 error);
    if (!status) status = lnspi_progress_add(progress, (uint64_t)n, error);
    if (status) return status;
  }
  return LNSP_OK;
}

/* One stage: from a state into the result's, which may be the same if it is float32. */
static int32_t delta_apply_stage(const lnsp_delta *delta, int32_t stage, const lnsp_graph *from,
                                 const void *state, lnsp_model *result, float *row,
                                 lnspi_progress *progress, lnsp_error *error) {
  uint64_t work[LNSPI_CODEC_READ_BYTES / sizeof(uint64_t)];
  lnspi_stage_reader reader;
  int32_t status = lnspi_stage_reader_start(&reader, delta, stage, work, error);
  if (status) return status;
  for (int32_t i = 0; i < delta->graph->weight_count; i++) {
    status = delta_apply_tensor(&reader, i, from, state, result, row, progress, error);
    if (status) return status;
  }
  return lnspi_stage_reader_end(&reader, error);
}

static int32_t delta_apply_fill(const lnsp_delta *delta, const lnsp_model *base,
                                lnsp_model *result, float *row, const lnsp_options *options,
                                lnsp_error *error) {
  lnspi_progress progress;
  lnspi_progress_begin(&progress, options,
                       (uint64_t)delta->stage_count * (uint64_t)base->graph->parameter_count);
  int32_t status =
      delta_apply_stage(delta, 0, base->graph, base->state, result, row, &progress, error);
  if (status) return status;
  for (int32_t s = 1; s < delta->stage_count; s++) {
    status = delta_apply_stage(delta, s, result->graph, result->state, result, row, &progress,
                               error);
    if (status) return status;
  }
  return delta_apply_check_result(delta, result, error);
}

/* Several stages into another type than float32: only the last result is converted, and its
 * hash is checked again. */
static int32_t delta_apply_stored(const lnsp_delta *delta, const lnsp_model *base, int32_t type,
                                  const lnsp_options *options, lnsp_model **out,
                                  lnsp_error *error) {
  lnsp_options inner = *options, outer = *options;
  lnspi_progress_parts parts;
  lnsp_model *wide = NULL, *model = NULL;
  float *row;
  lnspi_progress_split(&parts, &outer, 2);
  inner.progress = outer.progress;
  inner.block = NULL;
  inner.block_bytes = 0;
  int32_t status = lnspi_model_alloc(base->graph, LNSP_F32, &inner, &wide, &row, error);
  if (status) return status;
  status = delta_apply_fill(delta, base, wide, row, &inner, error);
  parts.index = 1;
  if (!status) status = lnspi_model_copy(wide->graph, wide->state, type, &outer, &model, error);
  if (!status) model->block.progress = parts.whole;
  if (!status) status = delta_apply_check_result(delta, model, error);
  lnspi_model_release(wide);
  if (status)
    lnspi_model_release(model);
  else
    *out = model;
  return status;
}

int32_t lnspi_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, lnsp_model **out, lnsp_error *error) {
  int32_t type = options->storage ? options->storage : LNSP_F32;
  lnsp_model *model = NULL;
  float *row = NULL;
  int32_t status = lnspi_delta_check_base(delta, base, error);
  if (status) return status;
  if (type != LNSP_F32 && delta->stage_count > 1)
    return delta_apply_stored(delta, base, type, options, out, error);
  status = lnspi_model_alloc(base->graph, type, options, &model, &row, error);
  if (status) return status;
  status = delta_apply_fill(delta, base, model, row, options, error);
  if (status)
    lnspi_model_release(model);
  else
    *out = model;
  return status;
}

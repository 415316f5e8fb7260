/* Applying a delta: base in, result out, stage after stage. */
#include "base/problem.h"
#include "delta/delta.h"

/* The sender of a delta chooses its result hash, so a good hash says nothing
 * about what the weights are: every value is checked as it is stored. */
static int32_t apply_check_result(const lnsp_delta *delta, const lnsp_model *model,
                                  lnsp_problem *problem) {
  uint8_t hash[LNSP_HASH_BYTES];
  lnspi_model_hash(model, hash);
  if (memcmp(hash, delta->result, sizeof hash))
    return lnspi_fail(problem, LNSP_E_MISMATCH, "lnsp.delta.result",
                      "the result's hash is not the one that the delta promises: the delta is "
                      "damaged or forged");
  return LNSP_OK;
}

int32_t lnspi_delta_check_base(const lnsp_delta *delta, const lnsp_model *base,
                               lnsp_problem *problem) {
  uint8_t hash[LNSP_HASH_BYTES];
  char is[65], needed[65];
  if (!lnspi_graph_equal(delta->graph, base->graph))
    return lnspi_fail(problem, LNSP_E_MISMATCH, "lnsp.delta.arch",
                      "apply a delta to the network it was made for: it is for '%s', and the "
                      "model is '%s'",
                      delta->graph->architecture, base->graph->architecture);
  int32_t status = lnspi_delta_check_models(base, base, problem);
  if (status) return status;
  lnspi_model_hash(base, hash);
  if (!memcmp(hash, delta->base, sizeof hash)) return LNSP_OK;
  lnspi_hex(hash, is);
  lnspi_hex(delta->base, needed);
  is[16] = needed[16] = 0;
  return lnspi_fail(problem, LNSP_E_MISMATCH, "lnsp.delta.base",
                    "the delta was made from a model with hash %s..., this one has %s...: "
                    "apply it to that version",
                    needed, is);
}

/* A float32 row that fills up, and goes into the result when it is full. */
typedef struct apply_row {
  float *values;
  int64_t filled, columns, row;
} apply_row;

static int32_t apply_store(const lnspi_weight *to, void *state, apply_row *row,
                           const float *values, int64_t count, lnsp_problem *problem) {
  while (count > 0) {
    int64_t left = row->columns - row->filled, n = count < left ? count : left;
    memcpy(row->values + row->filled, values, (size_t)n * sizeof(float));
    row->filled += n;
    values += n;
    count -= n;
    if (row->filled < row->columns) continue;
    int32_t status = lnspi_state_store(to, state, row->row++, row->values, problem);
    if (status) return status;
    row->filled = 0;
  }
  return LNSP_OK;
}

static int32_t apply_tensor(lnspi_delta_reader *reader, int32_t index, const lnsp_graph *from,
                            const void *state, lnsp_model *result, float *values,
                            lnsp_problem *problem) {
  const lnspi_weight *weight = &from->weights[index];
  apply_row row = {values, 0, lnspi_weight_columns(weight), 0};
  float span[LNSPI_DELTA_SPAN];
  int changes = lnspi_delta_read_tensor(reader, index);
  int32_t status = LNSP_OK;
  for (int64_t at = 0, n; !status && at < weight->count; at += n) {
    n = weight->count - at < LNSPI_DELTA_SPAN ? weight->count - at : LNSPI_DELTA_SPAN;
    lnspi_state_span(weight, state, at, n, span);
    if (changes) status = lnspi_delta_read_next(reader, span, (int32_t)n, problem);
    if (!status)
      status = apply_store(&result->graph->weights[index], result->state, &row, span, n, problem);
  }
  return status;
}

/* One stage: from a state into the result's, which may be the same if it is float32. */
static int32_t apply_stage(const lnsp_delta *delta, int32_t stage, const lnsp_graph *from,
                           const void *state, lnsp_model *result, float *row,
                           lnsp_problem *problem) {
  uint64_t work[LNSPI_CODEC_READ_BYTES / sizeof(uint64_t)];
  lnspi_delta_reader reader;
  int32_t status = lnspi_delta_read_start(&reader, delta, stage, work, problem);
  for (int32_t i = 0; !status && i < delta->graph->weight_count; i++)
    status = apply_tensor(&reader, i, from, state, result, row, problem);
  return status ? status : lnspi_delta_read_end(&reader, problem);
}

static int32_t apply_fill(const lnsp_delta *delta, const lnsp_model *base, lnsp_model *result,
                          float *row, lnsp_problem *problem) {
  int32_t status = apply_stage(delta, 0, base->graph, base->state, result, row, problem);
  for (int32_t s = 1; !status && s < delta->stage_count; s++)
    status = apply_stage(delta, s, result->graph, result->state, result, row, problem);
  return status ? status : apply_check_result(delta, result, problem);
}

/* Stages in between are float32: only the last result may be rounded, and is then checked
 * like any other. */
static int32_t apply_stored(const lnsp_delta *delta, const lnsp_model *base, int32_t type,
                            const lnsp_options *options, lnsp_model **out,
                            lnsp_problem *problem) {
  lnsp_options inner = *options;
  lnsp_model *wide = NULL, *model = NULL;
  float *row;
  inner.block = NULL;
  inner.block_bytes = 0;
  int32_t status = lnspi_model_blank(base->graph, LNSP_F32, &inner, &wide, &row, problem);
  if (status) return status;
  status = apply_fill(delta, base, wide, row, problem);
  if (!status)
    status = lnspi_model_copy(wide->graph, wide->state, type, options, &model, problem);
  if (!status) status = apply_check_result(delta, model, problem);
  lnspi_model_release(wide);
  if (status)
    lnspi_model_release(model);
  else
    *out = model;
  return status;
}

int32_t lnspi_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, lnsp_model **out,
                          lnsp_problem *problem) {
  int32_t type = options->storage ? options->storage : LNSP_F32;
  lnsp_model *model = NULL;
  float *row = NULL;
  int32_t status = lnspi_delta_check_base(delta, base, problem);
  if (status) return status;
  if (type != LNSP_F32 && delta->stage_count > 1)
    return apply_stored(delta, base, type, options, out, problem);
  status = lnspi_model_blank(base->graph, type, options, &model, &row, problem);
  if (status) return status;
  status = apply_fill(delta, base, model, row, problem);
  if (status)
    lnspi_model_release(model);
  else
    *out = model;
  return status;
}

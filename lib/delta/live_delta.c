/* A delta of a trainer's live weights, with error feedback.
 *
 * A lossy codec leaves out part of a change. That part is the residual: it is kept with the
 * trainer, added to the change that the next delta codes, and so arrives later instead of
 * never (Seide et al. 2014, 1-bit SGD). It is wanted change minus coded change, so the
 * payload that was just written is decoded once more, span by span.
 *
 * With snap the trainer's weights become the delta's result, so that sender and receivers
 * continue from the same bits. Sums and bounds that belong to the old weights are reset. */
#include "delta/live_delta.h"

#include "base/error.h"
#include "delta/delta_create.h"
#include "delta/stage_reader.h"
#include "graph/graph_text.h"
#include "run/state.h"
#include "run/weight.h"
#include "train/accumulate.h"
#include "train/history.h"

/* Refuses before anything has changed. */
static int32_t live_delta_check(const lnsp_model *base, const lnsp_trainer *t, int snap,
                                lnsp_error *error) {
  if (!lnspi_graph_equal(base->graph, t->graph))
    return lnspi_graph_text_refuse(LNSP_E_SHAPE, NULL, "the trainer", t->graph->architecture,
                                   base->graph->architecture, error);
  if (snap && lnspi_graph_storage(t->graph) != LNSP_F32)
    return lnspi_error_set(
        error, LNSP_E_UNSUPPORTED, "weights",
        "a trainer with weights=bf16 cannot hold the bits of the result: snap needs "
        "weights=f32");
  return lnspi_delta_check_models(base, base, error);
}

/* Decodes one span again; reader NULL: nothing was coded of it. Writes the residual, and
 * with snap the result. */
static int32_t live_delta_span(lnspi_stage_reader *reader, const lnspi_delta_source *source,
                               lnsp_trainer *t, int32_t index, int64_t at, int snap,
                               int32_t *n) {
  const lnspi_weight *weight = &t->graph->weights[index];
  lnspi_delta_source_span values;
  float coded[LNSPI_DELTA_SPAN], result[LNSPI_DELTA_SPAN];
  *n = lnspi_delta_source_read(source, index, at, &values);
  size_t bytes = (size_t)*n * sizeof(float);
  memset(coded, 0, bytes);
  memcpy(result, values.base, bytes);
  if (reader) {
    lnspi_codec_span span = {values.base, result, coded, *n};
    int32_t status = reader->stage->config.codec->get(&reader->coder, &span);
    if (status) return status;
    if (reader->stage->config.codec->exact) memcpy(coded, values.change, bytes);
  }
  if (t->residual) {
    lnspi_weight there = lnspi_weight_in_array(weight);
    for (int32_t i = 0; i < *n; i++) values.change[i] -= coded[i];
    lnspi_state_write_span(&there, t->residual, at, *n, values.change);
  }
  if (snap) lnspi_state_write_span(weight, t->state, at, *n, result);
  return LNSP_OK;
}

/* Decodes the payload that was just written, which cannot fail. */
static int32_t live_delta_keep_residual(const lnspi_delta_source *source,
                                        const lnsp_delta *delta, lnsp_trainer *t, int snap) {
  uint64_t work[LNSPI_CODEC_READ_BYTES / sizeof(uint64_t)];
  lnspi_stage_reader reader;
  int32_t n, status = lnspi_stage_reader_start(&reader, delta, 0, work, NULL);
  if (status) return status;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    int coded = lnspi_stage_reader_tensor(&reader, i);
    for (int64_t at = 0; at < t->graph->weights[i].count; at += n) {
      status = live_delta_span(coded ? &reader : NULL, source, t, i, at, snap, &n);
      if (status) return status;
    }
  }
  if (!snap) return LNSP_OK;
  lnspi_accumulate_reset(t);
  t->optim.bounds_known = 0;
  t->pass.phase = LNSPI_PHASE_IDLE;
  return LNSP_OK;
}

int32_t lnspi_live_delta_create(const lnsp_model *base, lnsp_trainer *t, const char *codec,
                                int snap, const lnsp_options *options, lnsp_delta **out,
                                lnsp_error *error) {
  lnsp_delta *delta = NULL;
  int32_t status = live_delta_check(base, t, snap, error);
  if (status) return status;
  lnspi_history_copy_pending(t); /* the live state may be a mark's only copy */
  lnspi_delta_source source = {base->graph, t->graph, base->state, t->state,
                               t->residual, NULL,     NULL,        NULL};
  status = lnspi_delta_create_from_source(&source, codec, NULL, options, &delta, error);
  if (status) return status;
  if ((snap || t->residual) && live_delta_keep_residual(&source, delta, t, snap)) {
    lnspi_delta_release(delta);
    return lnspi_error_set(error, LNSP_E_INTERNAL, "payload",
                           "the payload just written cannot be read: please report this error");
  }
  *out = delta;
  return LNSP_OK;
}

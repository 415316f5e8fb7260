/* Makes a delta: scans where the codec needs them, then one pass over both states that writes
 * the payload and hashes the base and the result.
 *
 * Tensors that are the same in both states are found first, by comparing memory, and cost
 * nothing but their hash. The result of a lossy codec is not `next`, so its hash can only be
 * computed from what the codec says it coded, span by span, in the same pass.
 *
 * The payload's room is the codec's bound, so that memory is known before. The rare payload
 * that does not fit into it range-coded is written a second time with plain bits, which do. */
/* Hot: built for speed. */
#include "delta/delta_create.h"

#include "base/error.h"
#include "base/min_max.h"
#include "delta/codec_config.h"
#include "delta/coder.h"
#include "delta/stages.h"
#include "kernels/kernels.h"
#include "run/state.h"

/* Whether a tensor changes. Packed ones are compared with their padding, which is zero. */
static int delta_create_differs(const lnspi_delta_source *source, int32_t index,
                                lnspi_delta_source_span *span) {
  const lnspi_weight *a = &source->base_graph->weights[index];
  const lnspi_weight *b = &source->next_graph->weights[index];
  if (source->residual &&
      lnspi_kernels_scalar.max_abs(source->residual + a->offset, a->floats) > 0)
    return 1;
  if (a->type == b->type)
    return memcmp((const uint8_t *)source->base + a->at, (const uint8_t *)source->next + b->at,
                  (size_t)a->bytes) != 0;
  for (int64_t at = 0, n; at < a->count; at += n) {
    n = lnspi_min_i64(a->count - at, LNSPI_DELTA_SPAN);
    lnspi_state_read_span(a, source->base, at, n, span->base);
    lnspi_state_read_span(b, source->next, at, n, span->next);
    if (memcmp(span->base, span->next, (size_t)n * sizeof(float))) return 1;
  }
  return 0;
}

static int delta_create_finite(const float *values, int32_t count) {
  uint32_t bad = 0;
  for (int32_t i = 0; i < count; i++)
    bad |= (lnspi_float_bits(values[i]) & 0x7F800000u) == 0x7F800000u;
  return !bad;
}

static int32_t delta_create_too_large(const lnspi_weight *weight, const lnspi_coder *coder,
                                      lnsp_error *error) {
  return lnspi_error_set(
      error, LNSP_E_NOT_FINITE, weight->name,
      "tensor '%s' changed by more than codec %s can express: use codec exact", weight->name,
      coder->config->codec->name);
}

static int32_t delta_create_scan_tensor(const lnspi_delta_source *source, int32_t index,
                                        int32_t pass, lnspi_coder *coder,
                                        lnspi_delta_source_span *span, lnsp_error *error) {
  const lnspi_weight *weight = &source->base_graph->weights[index];
  int32_t n;
  for (int64_t at = 0; at < weight->count; at += n) {
    n = lnspi_delta_source_read(source, index, at, span);
    if (!delta_create_finite(span->change, n))
      return delta_create_too_large(weight, coder, error);
    coder->config->codec->scan(coder, pass, span->change, n);
    int32_t status = lnspi_progress_add(source->progress, (uint64_t)n, error);
    if (status) return status;
  }
  return LNSP_OK;
}

static int32_t delta_create_scan(const lnspi_delta_source *source, const uint8_t *tensors,
                                 lnspi_coder *coder, lnsp_error *error) {
  const lnspi_codec *codec = coder->config->codec;
  lnspi_delta_source_span span;
  for (int32_t pass = 0; pass < codec->passes; pass++) {
    for (int32_t i = 0; i < source->base_graph->weight_count; i++) {
      int32_t status =
          tensors[i] ? delta_create_scan_tensor(source, i, pass, coder, &span, error) : LNSP_OK;
      if (status) return status;
    }
    codec->scan_end(coder, pass);
  }
  return LNSP_OK;
}

/* Writes one tensor into the payload and its values into the hashes; counts what differs. */
static int32_t delta_create_tensor(const lnspi_delta_source *source, int32_t index,
                                   lnspi_coder *coder, lnspi_blake2s hash[2], int64_t *changed,
                                   lnsp_error *error) {
  const lnspi_codec *codec = coder->config->codec;
  const lnspi_weight *weight = &source->base_graph->weights[index];
  lnspi_delta_source_span span;
  int32_t n, status;
  for (int32_t pass = 0; pass < codec->tensor_passes; pass++) {
    status = delta_create_scan_tensor(source, index, pass, coder, &span, error);
    if (status) return status;
    codec->scan_end(coder, pass);
  }
  if (codec->tensor) codec->tensor(coder, weight, 1);
  for (int64_t at = 0; at < weight->count; at += n) {
    n = lnspi_delta_source_read(source, index, at, &span);
    lnspi_codec_span put = {span.base, span.next, span.change, n};
    if (source->changes) {
      status = source->changes(source->user, index, span.base, n, span.change, error);
      if (status) return status;
    }
    if (!codec->exact && !delta_create_finite(span.change, n))
      return delta_create_too_large(weight, coder, error);
    status = codec->put(coder, &put);
    if (status || !delta_create_finite(span.next, n))
      return delta_create_too_large(weight, coder, error);
    lnspi_state_hash_values(span.base, n, &hash[0]);
    lnspi_state_hash_values(span.next, n, &hash[1]);
    for (int32_t i = 0; i < n; i++)
      *changed += lnspi_float_bits(span.base[i]) != lnspi_float_bits(span.next[i]);
    status = lnspi_progress_add(source->progress, (uint64_t)n, error);
    if (status) return status;
  }
  return LNSP_OK;
}

/* Adds a tensor that does not change to both hashes. */
static int32_t delta_create_same(const lnspi_delta_source *source, int32_t index,
                                 lnspi_blake2s hash[2], lnsp_error *error) {
  const lnspi_weight *weight = &source->base_graph->weights[index];
  float values[LNSPI_DELTA_SPAN];
  for (int64_t at = 0, n; at < weight->count; at += n) {
    n = lnspi_min_i64(weight->count - at, LNSPI_DELTA_SPAN);
    lnspi_state_read_span(weight, source->base, at, n, values);
    lnspi_state_hash_values(values, n, &hash[0]);
    lnspi_state_hash_values(values, n, &hash[1]);
    int32_t status = lnspi_progress_add(source->progress, (uint64_t)n, error);
    if (status) return status;
  }
  return LNSP_OK;
}

/* Writes the whole payload; *full: it did not fit. */
static int32_t delta_create_write(const lnspi_delta_source *source, lnsp_delta *delta,
                                  lnspi_coder *coder, int plain, int *full, lnsp_error *error) {
  lnspi_blake2s hash[2];
  int32_t status = LNSP_OK;
  *full = 0;
  lnspi_blake2s_init(&hash[0]);
  lnspi_blake2s_init(&hash[1]);
  delta->changed_count = 0;
  if (source->changes) status = source->changes(source->user, -1, NULL, 0, NULL, error);
  if (!status && coder->elements) status = lnspi_coder_write_start(coder, plain);
  if (status) return status;
  for (int32_t i = 0; i < delta->graph->weight_count; i++) {
    lnspi_state_hash_tensor(&delta->graph->weights[i], &hash[0]);
    lnspi_state_hash_tensor(&delta->graph->weights[i], &hash[1]);
    if (delta->stages[0].tensors[i])
      status = delta_create_tensor(source, i, coder, hash, &delta->changed_count, error);
    else
      status = delta_create_same(source, i, hash, error);
    if (status) return status;
  }
  lnspi_blake2s_final(&hash[0], delta->base);
  lnspi_blake2s_final(&hash[1], delta->result);
  if (!coder->elements) return LNSP_OK;
  status = lnspi_coder_write_end(coder, full);
  return status
             ? lnspi_error_set(error, LNSP_E_INTERNAL, "payload",
                               "the payload is larger than its bound: please report this error")
             : LNSP_OK;
}

/* Fills an empty delta of one stage, whose config and tensors are set. */
static int32_t delta_create_fill(const lnspi_delta_source *source, lnsp_delta *delta,
                                 lnsp_error *error) {
  lnspi_delta_stage *stage = &delta->stages[0];
  lnspi_coder coder;
  lnspi_delta_source_span span;
  int full = 0;
  memset(&coder, 0, sizeof coder);
  coder.config = &stage->config;
  coder.work = delta->work;
  coder.payload = delta->payload;
  coder.capacity = delta->capacity;
  for (int32_t i = 0; i < delta->graph->weight_count; i++) {
    if (!source->changes && stage->tensors[i] && !delta_create_differs(source, i, &span))
      stage->tensors[i] = 0;
    if (stage->tensors[i]) coder.elements += (uint64_t)delta->graph->weights[i].count;
  }
  int32_t status = LNSP_OK;
  if (coder.elements) status = delta_create_scan(source, stage->tensors, &coder, error);
  if (!status) status = delta_create_write(source, delta, &coder, 0, &full, error);
  if (!status && full) status = delta_create_write(source, delta, &coder, 1, &full, error);
  if (!status) status = lnspi_progress_end(source->progress, error);
  if (status) return status;
  stage->bytes = delta->bytes = coder.used;
  lnspi_stages_write(delta);
  return LNSP_OK;
}

/* The room that a delta of this network needs, whatever the changes are. */
static int32_t delta_create_shape(const lnsp_graph *graph, const char *codec,
                                  lnspi_codec_config *config, uint8_t *tensors,
                                  lnspi_delta_shape *shape, lnsp_error *error) {
  lnspi_token only;
  uint64_t elements = 0, count = 0;
  int32_t status = lnspi_codec_config_parse(codec, config, &only, error);
  if (!status) status = lnspi_codec_config_select(only, graph, tensors, error);
  if (status) return status;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    if (!tensors[i]) continue;
    elements += (uint64_t)graph->weights[i].count;
    count++;
  }
  shape->stages = 1;
  shape->reserved = 0;
  shape->payload = config->codec->bound(config, elements, count);
  shape->text = LNSPI_STAGES_TEXT_BYTES(graph);
  shape->work = config->codec->write_bytes;
  if (shape->payload > INT32_MAX)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, "payload",
        "a delta's payload must be below 2 GiB, but this one could have %llu bytes: choose a "
        "smaller codec, or tensors with only=",
        (unsigned long long)shape->payload);
  return LNSP_OK;
}

int32_t lnspi_delta_create_bytes(const lnsp_graph *graph, const char *codec, uint64_t *total,
                                 uint64_t *payload, lnsp_error *error) {
  uint8_t tensors[LNSPI_MAX_WEIGHTS];
  lnspi_delta_shape shape;
  lnspi_codec_config config;
  int32_t status = delta_create_shape(graph, codec, &config, tensors, &shape, error);
  *payload = status ? 0 : shape.payload;
  return status ? status : lnspi_delta_bytes(graph, &shape, total, error);
}

int32_t lnspi_delta_create_from_source(const lnspi_delta_source *source, const char *codec,
                                       const uint8_t *tensors, const lnsp_options *options,
                                       lnsp_delta **out, lnsp_error *error) {
  const lnsp_graph *graph = source->base_graph;
  lnspi_delta_source own = *source;
  lnspi_progress progress;
  uint8_t selected[LNSPI_MAX_WEIGHTS];
  lnspi_delta_shape shape;
  lnspi_codec_config config;
  lnsp_delta *delta = NULL;
  int32_t status = delta_create_shape(graph, codec, &config, selected, &shape, error);
  if (!status) status = lnspi_delta_blank(graph, &shape, options, &delta, error);
  if (status) return status;
  delta->stages[0].config = config;
  for (int32_t i = 0; i < graph->weight_count; i++)
    delta->stages[0].tensors[i] = tensors ? selected[i] & tensors[i] : selected[i];
  const int32_t scans = config.codec->passes + config.codec->tensor_passes;
  lnspi_progress_begin(&progress, options,
                       (1 + (uint64_t)scans) * (uint64_t)graph->parameter_count);
  if (!own.progress) own.progress = &progress;
  status = delta_create_fill(&own, delta, error);
  if (status)
    lnspi_delta_release(delta);
  else
    *out = delta;
  return status;
}

int32_t lnspi_delta_create(const lnsp_model *base, const lnsp_model *next, const char *codec,
                           const lnsp_options *options, lnsp_delta **out, lnsp_error *error) {
  lnspi_delta_source source = {base->graph, next->graph, base->state, next->state,
                               NULL,        NULL,        NULL,        NULL};
  int32_t status = lnspi_delta_check_models(base, next, error);
  return status ? status
                : lnspi_delta_create_from_source(&source, codec, NULL, options, out, error);
}

int32_t lnspi_delta_create_from_changes(const lnsp_model *base,
                                        lnspi_delta_source_changes *changes, void *user,
                                        const uint8_t *tensors, const char *codec,
                                        lnspi_progress *progress, const lnsp_options *options,
                                        lnsp_delta **out, lnsp_error *error) {
  lnspi_delta_source source = {base->graph, base->graph, base->state, NULL,
                               NULL,        changes,     user,        progress};
  return lnspi_delta_create_from_source(&source, codec, tensors, options, out, error);
}

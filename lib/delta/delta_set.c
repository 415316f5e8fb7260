/* A set of deltas of one base, read side by side.
 *
 * A median needs one element of all deltas at once, and a thousand models do not fit into
 * memory. So each stage of each delta has a reader with its decoder's state, at most 9 kB,
 * and all advance together, a span of 256 elements at a time. A delta of several stages is
 * decoded by running the span through all of them.
 *
 * The caller makes two passes: one for the norms, one for the values. Decoding twice costs
 * less than the memory of a copy, and the same bytes give the same values.
 *
 * A delta that fails (another base, damaged bytes, a value that is not finite) fails the
 * call, or with skip is left out with its status, from the first failure on: the norms are
 * computed first, so no value of it was used before. */
#include "delta/delta_set.h"

#include <math.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/min_max.h"
#include "graph/graph_text.h"
#include "run/state.h"

/* Leaves a delta out, or makes the error say which one it was and who sent it. */
static int32_t delta_set_refuse(lnspi_delta_set *s, int32_t index, int32_t status,
                                lnsp_error *error) {
  lnspi_delta_set_item *one = &s->one[index];
  one->status = status;
  if (s->skip) return LNSP_OK;
  if (s->count > 1 && error) {
    char said[sizeof error->message];
    memcpy(said, error->message, sizeof said);
    lnspi_format(error->message, sizeof error->message, "delta %d of %d%s%s%s: %s",
                 (int)index + 1, (int)s->count, one->delta->sender[0] ? " (from " : "",
                 one->delta->sender, one->delta->sender[0] ? ")" : "", said);
  }
  return status;
}

static void delta_set_lay_out(lnspi_delta_set *s, lnspi_arena *arena) {
  uint64_t count = (uint64_t)s->count, stages = (uint64_t)s->stages;
  float *change;
  s->one = lnspi_arena_alloc(arena, count, sizeof *s->one);
  s->reader = lnspi_arena_alloc(arena, stages, sizeof *s->reader);
  s->work = lnspi_arena_alloc(arena, stages, LNSPI_CODEC_READ_BYTES);
  s->reached = lnspi_arena_alloc(arena, stages, 1);
  s->column = lnspi_arena_alloc(arena, count, sizeof *s->column);
  change = lnspi_arena_alloc(arena, count, LNSPI_DELTA_SPAN * sizeof *change);
  if (!s->one || arena->failed) return;
  for (uint64_t i = 0; i < count; i++) s->one[i].change = change + i * LNSPI_DELTA_SPAN;
}

static int32_t delta_set_check(const lnspi_delta_set *s, const lnsp_delta *delta,
                               const uint8_t hash[LNSP_HASH_BYTES], lnsp_error *error) {
  if (!lnspi_graph_equal(delta->graph, s->base->graph))
    return lnspi_graph_text_refuse(LNSP_E_MISMATCH, "lnsp.delta.arch", "the delta",
                                   delta->graph->architecture, s->base->graph->architecture,
                                   error);
  if (memcmp(delta->base, hash, LNSP_HASH_BYTES))
    return lnspi_error_set(
        error, LNSP_E_MISMATCH, "lnsp.delta.base",
        "the delta was made from another version of the model: ask for one on this base");
  return LNSP_OK;
}

int32_t lnspi_delta_set_open(lnspi_delta_set *s, const lnsp_model *base,
                             const uint8_t base_hash[LNSP_HASH_BYTES],
                             const lnsp_delta *const *deltas, int32_t count, int32_t skip,
                             const lnsp_options *options, lnsp_error *error) {
  lnsp_options inner = *options;
  lnspi_arena arena = {NULL, 0, 0, 0};
  memset(s, 0, sizeof *s);
  s->base = base;
  s->count = count;
  s->skip = skip;
  for (int32_t i = 0; i < count; i++) s->stages += deltas[i]->stage_count;
  delta_set_lay_out(s, &arena);
  inner.block = NULL;
  inner.block_bytes = 0;
  int32_t status = lnspi_block_open(&s->block, &inner, arena.used, error);
  if (status) return status;
  arena = (lnspi_arena){s->block.memory, 0, s->block.bytes, 0};
  delta_set_lay_out(s, &arena);
  for (int32_t i = 0, first = 0; i < count; i++) {
    s->one[i].delta = deltas[i];
    s->one[i].first = first;
    s->one[i].scale = s->one[i].weight = 1;
    first += deltas[i]->stage_count;
    status = delta_set_check(s, deltas[i], base_hash, error);
    if (status) status = delta_set_refuse(s, i, status, error);
    if (status) {
      lnspi_delta_set_close(s);
      return status;
    }
  }
  return LNSP_OK;
}

void lnspi_delta_set_close(lnspi_delta_set *s) { lnspi_block_close(&s->block); }

int32_t lnspi_delta_set_start(lnspi_delta_set *s, lnsp_error *error) {
  for (int32_t i = 0; i < s->count; i++) {
    lnspi_delta_set_item *one = &s->one[i];
    for (int32_t k = 0; !one->status && k < one->delta->stage_count; k++) {
      int32_t at = one->first + k;
      int32_t status =
          lnspi_stage_reader_start(&s->reader[at], one->delta, k,
                                   s->work + (size_t)at * LNSPI_CODEC_READ_BYTES, error);
      if (status) status = delta_set_refuse(s, i, status, error);
      if (status) return status;
    }
  }
  return LNSP_OK;
}

void lnspi_delta_set_tensor(lnspi_delta_set *s, int32_t index) {
  for (int32_t i = 0; i < s->count; i++) {
    const lnspi_delta_set_item *one = &s->one[i];
    if (one->status) continue;
    for (int32_t at = one->first; at < one->first + one->delta->stage_count; at++)
      s->reached[at] = (uint8_t)lnspi_stage_reader_tensor(&s->reader[at], index);
  }
}

static int32_t delta_set_finite(const lnspi_delta_set *s, int32_t index, const float *values,
                                int32_t count, lnsp_error *error) {
  uint32_t bad = 0;
  for (int32_t k = 0; k < count; k++)
    bad |= (lnspi_float_bits(values[k]) & 0x7F800000u) == 0x7F800000u;
  if (!bad) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_NOT_FINITE, s->base->graph->weights[index].name,
      "tensor '%s' of the delta has a NaN, an infinity or a change out of range",
      s->base->graph->weights[index].name);
}

/* The change of one delta in a span: its stages in turn, then the difference. */
static int32_t delta_set_change(lnspi_delta_set *s, const lnspi_delta_set_item *one,
                                int32_t index, const float *base, int32_t count,
                                lnsp_error *error) {
  float *values = one->change;
  memcpy(values, base, (size_t)count * sizeof(float));
  for (int32_t at = one->first; at < one->first + one->delta->stage_count; at++) {
    int32_t status = LNSP_OK;
    if (!s->reached[at]) continue;
    status = lnspi_stage_reader_next(&s->reader[at], values, count, error);
    if (!status) status = delta_set_finite(s, index, values, count, error);
    if (status) return status; /* apply checks between stages too */
  }
  for (int32_t k = 0; k < count; k++) values[k] -= base[k];
  return delta_set_finite(s, index, values, count, error);
}

int32_t lnspi_delta_set_next(lnspi_delta_set *s, int32_t index, const float *base,
                             int32_t count, lnsp_error *error) {
  for (int32_t i = 0; i < s->count; i++) {
    if (s->one[i].status) continue;
    int32_t status = delta_set_change(s, &s->one[i], index, base, count, error);
    if (status) status = delta_set_refuse(s, i, status, error);
    if (status) return status;
  }
  return LNSP_OK;
}

int32_t lnspi_delta_set_end(lnspi_delta_set *s, lnsp_error *error) {
  for (int32_t i = 0; i < s->count; i++) {
    const lnspi_delta_set_item *one = &s->one[i];
    for (int32_t k = 0; !one->status && k < one->delta->stage_count; k++) {
      int32_t status = lnspi_stage_reader_end(&s->reader[one->first + k], error);
      if (status) status = delta_set_refuse(s, i, status, error);
      if (status) return status;
    }
  }
  return LNSP_OK;
}

/* Adds the changes of a span to the squared norm of each delta. */
static void delta_set_add_norms(lnspi_delta_set *s, int64_t n) {
  for (int32_t i = 0; i < s->count; i++) {
    lnspi_delta_set_item *one = &s->one[i];
    if (one->status) continue;
    for (int64_t k = 0; k < n; k++) {
      double change = fabs((double)one->change[k]);
      one->norm += change * change;
      if (change > one->most) one->most = change;
    }
  }
}

int32_t lnspi_delta_set_norms(lnspi_delta_set *s, lnsp_error *error) {
  const lnsp_graph *graph = s->base->graph;
  float base[LNSPI_DELTA_SPAN];
  for (int32_t i = 0; i < s->count; i++) s->one[i].norm = s->one[i].most = 0;
  int32_t status = lnspi_delta_set_start(s, error);
  if (status) return status;
  for (int32_t t = 0; t < graph->weight_count; t++) {
    const lnspi_weight *weight = &graph->weights[t];
    lnspi_delta_set_tensor(s, t);
    for (int64_t at = 0, n; at < weight->count; at += n) {
      n = lnspi_min_i64(weight->count - at, LNSPI_DELTA_SPAN);
      lnspi_state_read_span(weight, s->base->state, at, n, base);
      status = lnspi_delta_set_next(s, t, base, (int32_t)n, error);
      if (status) return status;
      delta_set_add_norms(s, n);
      status = lnspi_progress_add(s->progress, (uint64_t)n, error);
      if (status) return status;
    }
  }
  status = lnspi_delta_set_end(s, error);
  if (status) return status;
  for (int32_t i = 0; i < s->count; i++) s->one[i].norm = sqrt(s->one[i].norm);
  return LNSP_OK;
}

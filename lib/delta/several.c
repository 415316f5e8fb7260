/* Several deltas read side by side: see several.h. */
#include "delta/several.h"

#include <math.h>

#include "base/problem.h"

/* A delta is named in every refusal: a server must know whom to ask, or to leave out. */
static int32_t several_refuse(lnspi_several *s, int32_t index, int32_t status,
                              lnsp_problem *problem) {
  lnspi_several_one *one = &s->one[index];
  one->status = status;
  if (s->skip) return LNSP_OK;
  if (s->count > 1 && problem) {
    char said[sizeof problem->message];
    memcpy(said, problem->message, sizeof said);
    lnspi_format(problem->message, sizeof problem->message, "delta %d of %d%s%s%s: %s",
                 (int)index + 1, (int)s->count, one->delta->sender[0] ? " (from " : "",
                 one->delta->sender, one->delta->sender[0] ? ")" : "", said);
  }
  return status;
}

static void several_lay_out(lnspi_several *s, lnspi_arena *arena) {
  uint64_t count = (uint64_t)s->count, stages = (uint64_t)s->stages;
  float *change;
  s->one = lnspi_take(arena, count, sizeof *s->one);
  s->reader = lnspi_take(arena, stages, sizeof *s->reader);
  s->work = lnspi_take(arena, stages, LNSPI_CODEC_READ_BYTES);
  s->reached = lnspi_take(arena, stages, 1);
  s->column = lnspi_take(arena, count, sizeof *s->column);
  change = lnspi_take(arena, count, LNSPI_DELTA_SPAN * sizeof *change);
  for (uint64_t i = 0; s->one && !arena->failed && i < count; i++)
    s->one[i].change = change + i * LNSPI_DELTA_SPAN;
}

static int32_t several_check(const lnspi_several *s, const lnsp_delta *delta,
                             const uint8_t hash[LNSP_HASH_BYTES], lnsp_problem *problem) {
  if (!lnspi_graph_equal(delta->graph, s->base->graph))
    return lnspi_fail(problem, LNSP_E_MISMATCH, "lnsp.delta.arch",
                      "it is for another network: '%s'", delta->graph->architecture);
  if (memcmp(delta->base, hash, LNSP_HASH_BYTES))
    return lnspi_fail(problem, LNSP_E_MISMATCH, "lnsp.delta.base",
                      "it was made from another version of the model: ask for one on this base");
  return LNSP_OK;
}

int32_t lnspi_several_open(lnspi_several *s, const lnsp_model *base,
                           const uint8_t base_hash[LNSP_HASH_BYTES],
                           const lnsp_delta *const *deltas, int32_t count, int32_t skip,
                           const lnsp_options *options, lnsp_problem *problem) {
  lnsp_options inner = *options;
  lnspi_arena arena = {NULL, 0, 0, 0};
  memset(s, 0, sizeof *s);
  s->base = base;
  s->count = count;
  s->skip = skip;
  for (int32_t i = 0; i < count; i++) s->stages += deltas[i]->stage_count;
  several_lay_out(s, &arena);
  inner.block = NULL;
  inner.block_bytes = 0;
  int32_t status = lnspi_block_open(&s->block, &inner, arena.used, problem);
  if (status) return status;
  arena = (lnspi_arena){s->block.memory, 0, s->block.bytes, 0};
  several_lay_out(s, &arena);
  for (int32_t i = 0, first = 0; i < count && !status; i++) {
    s->one[i].delta = deltas[i];
    s->one[i].first = first;
    s->one[i].scale = s->one[i].weight = 1;
    first += deltas[i]->stage_count;
    status = several_check(s, deltas[i], base_hash, problem);
    if (status) status = several_refuse(s, i, status, problem);
  }
  if (status) lnspi_several_close(s);
  return status;
}

void lnspi_several_close(lnspi_several *s) { lnspi_block_close(&s->block); }

int32_t lnspi_several_start(lnspi_several *s, lnsp_problem *problem) {
  for (int32_t i = 0; i < s->count; i++) {
    lnspi_several_one *one = &s->one[i];
    for (int32_t k = 0; !one->status && k < one->delta->stage_count; k++) {
      int32_t at = one->first + k;
      int32_t status =
          lnspi_delta_read_start(&s->reader[at], one->delta, k,
                                 s->work + (size_t)at * LNSPI_CODEC_READ_BYTES, problem);
      if (status) status = several_refuse(s, i, status, problem);
      if (status) return status;
    }
  }
  return LNSP_OK;
}

void lnspi_several_tensor(lnspi_several *s, int32_t index) {
  for (int32_t i = 0; i < s->count; i++) {
    const lnspi_several_one *one = &s->one[i];
    for (int32_t at = one->first; !one->status && at < one->first + one->delta->stage_count; at++)
      s->reached[at] = (uint8_t)lnspi_delta_read_tensor(&s->reader[at], index);
  }
}

static int32_t several_finite(const lnspi_several *s, int32_t index, const float *values,
                              int32_t count, lnsp_problem *problem) {
  uint32_t bad = 0;
  for (int32_t k = 0; k < count; k++)
    bad |= (lnspi_float_bits(values[k]) & 0x7F800000u) == 0x7F800000u;
  if (!bad) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_NOT_FINITE, s->base->graph->weights[index].name,
                    "its tensor '%s' has a NaN, an infinity or a change too large for one",
                    s->base->graph->weights[index].name);
}

/* The span of one delta: its stages in turn, then the difference. */
static int32_t several_change(lnspi_several *s, const lnspi_several_one *one, int32_t index,
                              const float *base, int32_t count, lnsp_problem *problem) {
  float *values = one->change;
  memcpy(values, base, (size_t)count * sizeof(float));
  for (int32_t at = one->first; at < one->first + one->delta->stage_count; at++) {
    int32_t status = LNSP_OK;
    if (!s->reached[at]) continue;
    status = lnspi_delta_read_next(&s->reader[at], values, count, problem);
    if (!status) status = several_finite(s, index, values, count, problem);
    if (status) return status; /* between two stages too: apply would not pass it */
  }
  for (int32_t k = 0; k < count; k++) values[k] -= base[k];
  return several_finite(s, index, values, count, problem);
}

int32_t lnspi_several_next(lnspi_several *s, int32_t index, const float *base, int32_t count,
                           lnsp_problem *problem) {
  for (int32_t i = 0; i < s->count; i++) {
    if (s->one[i].status) continue;
    int32_t status = several_change(s, &s->one[i], index, base, count, problem);
    if (status) status = several_refuse(s, i, status, problem);
    if (status) return status;
  }
  return LNSP_OK;
}

int32_t lnspi_several_end(lnspi_several *s, lnsp_problem *problem) {
  for (int32_t i = 0; i < s->count; i++) {
    const lnspi_several_one *one = &s->one[i];
    for (int32_t k = 0; !one->status && k < one->delta->stage_count; k++) {
      int32_t status = lnspi_delta_read_end(&s->reader[one->first + k], problem);
      if (status) status = several_refuse(s, i, status, problem);
      if (status) return status;
    }
  }
  return LNSP_OK;
}

int32_t lnspi_several_norms(lnspi_several *s, lnsp_problem *problem) {
  const lnsp_graph *graph = s->base->graph;
  float base[LNSPI_DELTA_SPAN];
  for (int32_t i = 0; i < s->count; i++) s->one[i].norm = s->one[i].most = 0;
  int32_t status = lnspi_several_start(s, problem);
  for (int32_t t = 0; !status && t < graph->weight_count; t++) {
    const lnspi_weight *weight = &graph->weights[t];
    lnspi_several_tensor(s, t);
    for (int64_t at = 0, n; !status && at < weight->count; at += n) {
      n = weight->count - at < LNSPI_DELTA_SPAN ? weight->count - at : LNSPI_DELTA_SPAN;
      lnspi_state_span(weight, s->base->state, at, n, base);
      status = lnspi_several_next(s, t, base, (int32_t)n, problem);
      for (int32_t i = 0; !status && i < s->count; i++) {
        lnspi_several_one *one = &s->one[i];
        for (int64_t k = 0; !one->status && k < n; k++) {
          double change = fabs((double)one->change[k]);
          one->norm += change * change;
          if (change > one->most) one->most = change;
        }
      }
    }
  }
  if (!status) status = lnspi_several_end(s, problem);
  for (int32_t i = 0; !status && i < s->count; i++) s->one[i].norm = sqrt(s->one[i].norm);
  return status;
}

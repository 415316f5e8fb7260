/* Deltas: make, apply, invert. */
#include "delta/delta.h"

#include "base/problem.h"
#include "base/text.h"
#include "delta/codecs/list.h"
#include "run/stage.h"

static const lnspi_codec *const delta_codecs[] = {
#define LNSPI_X(name) &lnspi_codec_##name,
    LNSPI_CODEC_LIST(LNSPI_X)
#undef LNSPI_X
};

const lnspi_codec *lnspi_codec_at(int32_t index) {
  int32_t count = (int32_t)(sizeof delta_codecs / sizeof *delta_codecs);
  return index < 0 || index >= count ? NULL : delta_codecs[index];
}

const lnspi_codec *lnspi_codec_find(const char *name) {
  for (int32_t i = 0; lnspi_codec_at(i); i++)
    if (lnspi_equal(lnspi_codec_at(i)->name, name)) return lnspi_codec_at(i);
  return NULL;
}

/* ---- the handle ----------------------------------------------------------- */

/* Digits and a comma for every run; there is at most one more than tensors. */
static uint64_t delta_runs_bytes(const lnsp_graph *graph) {
  return 6 * ((uint64_t)graph->weight_count + 1) + 1;
}

static lnsp_delta *delta_lay_out(lnspi_arena *arena, const lnsp_graph *graph, uint64_t words,
                                 int row, lnsp_delta *pieces, float **scratch) {
  lnsp_delta *delta = LNSPI_TAKE_STRUCT(arena, lnsp_delta, LNSPI_HANDLE_BYTES);
  lnspi_take(arena, 1, graph->bytes);
  pieces->changed = lnspi_take(arena, (uint64_t)graph->weight_count, 1);
  pieces->runs = lnspi_take(arena, delta_runs_bytes(graph), 1);
  pieces->payload = lnspi_take(arena, words, sizeof(uint32_t));
  if (row) *scratch = lnspi_take(arena, (uint64_t)lnspi_state_columns(graph), sizeof(float));
  return delta;
}

int32_t lnspi_delta_bytes(const lnsp_graph *graph, uint64_t words, int row, uint64_t *bytes,
                          lnsp_problem *problem) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnsp_delta pieces;
  float *scratch;
  delta_lay_out(&arena, graph, words, row, &pieces, &scratch);
  if (arena.failed)
    return lnspi_fail(problem, LNSP_E_MEMORY, "payload",
                      "a delta of %llu words is too large for this machine",
                      (unsigned long long)words);
  *bytes = arena.used;
  return LNSP_OK;
}

/* "3,2,10": 3 tensors that stayed, 2 that changed, 10 that stayed. */
static void delta_write_runs(const lnsp_graph *graph, const uint8_t *changed, char *to) {
  size_t used = 0, capacity = (size_t)delta_runs_bytes(graph);
  int32_t run = 0;
  uint8_t state = 0;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    if (changed[i] != state) {
      used += lnspi_format(to + used, capacity - used, "%d,", run);
      state = changed[i];
      run = 0;
    }
    run++;
  }
  lnspi_format(to + used, capacity - used, "%d", run);
}

lnsp_delta *lnspi_delta_place(const lnspi_block *block, lnsp_graph *graph,
                              const lnspi_codec *codec, const uint8_t *changed,
                              uint64_t words, float **row) {
  lnspi_arena arena = {block->memory, 0, block->bytes, 0};
  lnsp_delta pieces;
  memset(&pieces, 0, sizeof pieces);
  lnsp_delta *delta = delta_lay_out(&arena, graph, words, row != NULL, &pieces, row);
  *delta = pieces;
  delta->block = *block;
  delta->graph = graph;
  delta->codec = codec;
  delta->words = words;
  if (graph->weight_count) memcpy(delta->changed, changed, (size_t)graph->weight_count);
  delta_write_runs(graph, changed, delta->runs);
  return delta;
}

void lnspi_delta_release(lnsp_delta *delta) {
  if (delta) lnspi_block_close(&delta->block);
}

/* A handle with its own copy of the graph. */
static int32_t delta_blank(const lnsp_graph *graph, const lnspi_codec *codec,
                           const uint8_t *changed, uint64_t words,
                           const lnsp_options *options, float **row, lnsp_delta **out,
                           lnsp_problem *problem) {
  lnspi_block block;
  uint64_t bytes = 0;
  int32_t status = lnspi_delta_bytes(graph, words, row != NULL, &bytes, problem);
  if (status == LNSP_OK) status = lnspi_block_open(&block, options, bytes, problem);
  if (status != LNSP_OK) return status;
  lnsp_graph *copy = lnspi_graph_move(graph, (uint8_t *)block.memory + LNSPI_HANDLE_BYTES);
  *out = lnspi_delta_place(&block, copy, codec, changed, words, row);
  return LNSP_OK;
}

/* ---- make, apply, invert --------------------------------------------------- */

/* Codes are no version of the float weights, and nothing is trained from them. */
static int32_t delta_check_type(const lnsp_model *model, lnsp_problem *problem) {
  if (lnspi_graph_type(model->graph) != LNSP_I8) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_DTYPE, NULL,
                    "a model stored as I8 is only run: use the float model that it was "
                    "converted from");
}

int32_t lnspi_delta_make(const lnsp_model *base, const lnsp_model *next,
                         const lnsp_options *options, lnsp_delta **out,
                         lnsp_problem *problem) {
  const lnspi_codec *codec = &lnspi_codec_exact;
  uint8_t changed[LNSPI_MAX_WEIGHTS];
  lnsp_delta *delta = NULL;
  float *row = NULL;
  if (!lnspi_graph_equal(base->graph, next->graph))
    return lnspi_fail(problem, LNSP_E_SHAPE, NULL,
                      "a delta is made between two versions of one network, and these differ "
                      "in architecture: '%s' and '%s'",
                      base->graph->architecture, next->graph->architecture);
  int32_t status = delta_check_type(base, problem);
  if (status == LNSP_OK) status = delta_check_type(next, problem);
  if (status != LNSP_OK) return status;
  uint64_t words = codec->measure(base, next, changed);
  status =
      delta_blank(base->graph, codec, changed, words, options, &row, &delta, problem);
  if (status) return status;
  codec->encode(base, next, delta->changed, delta->payload, row);
  delta->changed_count = codec->count(delta->payload, words);
  lnspi_model_hash(base, delta->base);
  lnspi_model_hash(next, delta->result);
  *out = delta;
  return LNSP_OK;
}

/* The sender of a delta chooses its result hash, so a good hash says nothing
 * about what the weights are: apply has checked them. */
static int32_t delta_check_result(const lnsp_delta *delta, const lnsp_model *model,
                                  lnsp_problem *problem) {
  uint8_t hash[LNSP_HASH_BYTES];
  if (!delta->codec->exact) return LNSP_OK;
  lnspi_model_hash(model, hash);
  if (memcmp(hash, delta->result, sizeof hash))
    return lnspi_fail(problem, LNSP_E_MISMATCH, "lnsp.delta.result",
                      "the result's hash is not the one that the delta promises: the delta is "
                      "damaged or forged");
  return LNSP_OK;
}

int32_t lnspi_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, lnsp_model **out,
                          lnsp_problem *problem) {
  uint8_t hash[LNSP_HASH_BYTES];
  lnsp_model *model = NULL;
  float *row = NULL;
  if (!lnspi_graph_equal(delta->graph, base->graph))
    return lnspi_fail(problem, LNSP_E_MISMATCH, "lnsp.delta.arch",
                      "apply a delta to the network it was made for: it is for '%s', and the "
                      "model is '%s'",
                      delta->graph->architecture, base->graph->architecture);
  int32_t status = delta_check_type(base, problem);
  if (status) return status;
  lnspi_model_hash(base, hash);
  if (memcmp(hash, delta->base, sizeof hash)) {
    char is[65], needed[65];
    lnspi_hex(hash, is);
    lnspi_hex(delta->base, needed);
    is[16] = needed[16] = 0;
    return lnspi_fail(problem, LNSP_E_MISMATCH, "lnsp.delta.base",
                      "the delta was made from a model with hash %s..., this one has %s...: "
                      "apply it to that version",
                      needed, is);
  }
  status = lnspi_model_blank(base->graph, options->storage ? options->storage : LNSP_F32,
                             options, &model, &row, problem);
  if (status) return status;
  status = delta->codec->apply(base, delta->changed, delta->payload, model, row, problem);
  if (status == LNSP_OK) status = delta_check_result(delta, model, problem);
  if (status)
    lnspi_model_release(model);
  else
    *out = model;
  return status;
}

int32_t lnspi_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                           lnsp_delta **out, lnsp_problem *problem) {
  lnsp_delta *back = NULL;
  if (!delta->codec->invert)
    return lnspi_fail(problem, LNSP_E_UNSUPPORTED, delta->codec->name,
                      "a delta of kind '%s' cannot be inverted: it does not hold all bits",
                      delta->codec->name);
  int32_t status = delta_blank(delta->graph, delta->codec, delta->changed, delta->words,
                               options, NULL, &back, problem);
  if (status) return status;
  if (delta->words) memcpy(back->payload, delta->payload, (size_t)delta->words * 4);
  delta->codec->invert(back->payload, back->words);
  back->changed_count = delta->changed_count;
  memcpy(back->base, delta->result, sizeof back->base);
  memcpy(back->result, delta->base, sizeof back->result);
  *out = back;
  return LNSP_OK;
}

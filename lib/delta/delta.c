/* The handle of a delta; inverting one; merging several into one.
 *
 * Neither decodes anything: inverting reverses the order of the stages and flips their flag
 * `back`, which the codec obeys when it reads; merging appends stages. So both cost a copy of
 * the payload, whatever the network.
 *
 * A handle is laid out from a shape (how many stages, bytes of payload and text): when a delta
 * is made, from the most that the codec can need; when it is read, inverted or merged, from
 * what there is. `capacity` and `text_bytes` remember the room, `bytes` what is used of it.
 *
 * A delta knows two hashes: of the weights it applies to, and of those that come out. They hold
 * a chain together: merging demands that each base is the result before it, applying that the
 * model has the base's hash. What a file says of them proves nothing about who made it
 * (delta_check.c). */
#include "delta/delta.h"

#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include "delta/delta_set.h"
#include "delta/stages.h"
#include "graph/graph_text.h"
#include "run/handle.h"

/* Counts or gives out the pieces (base/arena.h). Each stage has a byte a tensor, which are
 * one array here. */
static lnsp_delta *delta_lay_out(lnspi_arena *arena, const lnsp_graph *graph,
                                 const lnspi_delta_shape *shape, lnsp_delta *pieces,
                                 uint8_t **tensors) {
  lnsp_delta *delta = LNSPI_ARENA_STRUCT(arena, lnsp_delta, LNSPI_HANDLE_BYTES);
  lnspi_arena_alloc(arena, 1, graph->bytes);
  pieces->stages =
      lnspi_arena_alloc(arena, (uint64_t)shape->stages, LNSPI_COUNTED(lnspi_delta_stage, 128));
  *tensors =
      lnspi_arena_alloc(arena, (uint64_t)shape->stages * (uint64_t)graph->weight_count, 1);
  pieces->text = lnspi_arena_alloc(arena, shape->text, 1);
  pieces->payload = lnspi_arena_alloc(arena, shape->payload, 1);
  pieces->work = lnspi_arena_alloc(arena, shape->work, 1);
  return delta;
}

int32_t lnspi_delta_bytes(const lnsp_graph *graph, const lnspi_delta_shape *shape,
                          uint64_t *bytes, lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnsp_delta pieces;
  uint8_t *tensors;
  delta_lay_out(&arena, graph, shape, &pieces, &tensors);
  if (arena.failed)
    return lnspi_error_set(error, LNSP_E_MEMORY, "payload",
                           "a delta of %llu bytes is too large for this machine",
                           (unsigned long long)shape->payload);
  *bytes = arena.used;
  return LNSP_OK;
}

lnsp_delta *lnspi_delta_place(const lnspi_block *block, lnsp_graph *graph,
                              const lnspi_delta_shape *shape) {
  lnspi_arena arena = {block->memory, 0, block->bytes, 0};
  lnsp_delta pieces;
  uint8_t *tensors = NULL;
  memset(&pieces, 0, sizeof pieces);
  lnsp_delta *delta = delta_lay_out(&arena, graph, shape, &pieces, &tensors);
  *delta = pieces;
  delta->block = *block;
  delta->graph = graph;
  delta->changed_count = -1;
  delta->stage_count = shape->stages;
  delta->capacity = shape->payload;
  delta->text_bytes = shape->text;
  for (int32_t s = 0; s < shape->stages; s++)
    delta->stages[s].tensors = tensors + (size_t)s * (size_t)graph->weight_count;
  return delta;
}

int32_t lnspi_delta_blank(const lnsp_graph *graph, const lnspi_delta_shape *shape,
                          const lnsp_options *options, lnsp_delta **out, lnsp_error *error) {
  lnspi_block block;
  uint64_t bytes = 0;
  int32_t status = lnspi_delta_bytes(graph, shape, &bytes, error);
  if (status == LNSP_OK) status = lnspi_block_open(&block, options, bytes, error);
  if (status != LNSP_OK) return status;
  lnsp_graph *copy = lnspi_graph_move(graph, (uint8_t *)block.memory + LNSPI_HANDLE_BYTES);
  *out = lnspi_delta_place(&block, copy, shape);
  return LNSP_OK;
}

void lnspi_delta_release(lnsp_delta *delta) {
  if (delta) lnspi_block_close(&delta->block);
}

/* Codes are not a version of the float weights, and nothing is trained from them. */
static int32_t delta_check_type(const lnsp_model *model, lnsp_error *error) {
  if (lnspi_graph_storage(model->graph) != LNSP_I8) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_DTYPE, NULL,
      "a model stored as I8 can only be run: use the float model that it was "
      "converted from");
}

int32_t lnspi_delta_check_models(const lnsp_model *base, const lnsp_model *next,
                                 lnsp_error *error) {
  if (!lnspi_graph_equal(base->graph, next->graph))
    return lnspi_graph_text_refuse(LNSP_E_SHAPE, NULL, "the second model",
                                   next->graph->architecture, base->graph->architecture, error);
  int32_t status = delta_check_type(base, error);
  return status ? status : delta_check_type(next, error);
}

/* ---- invert and merge ---- */

/* Copies a stage to place number `at`, and its payload behind what is there. */
static void delta_copy_stage(lnsp_delta *to, int32_t at, const lnsp_delta *from,
                             const lnspi_delta_stage *stage) {
  lnspi_delta_stage *copy = &to->stages[at];
  uint8_t *tensors = copy->tensors;
  size_t count = (size_t)to->graph->weight_count;
  *copy = *stage;
  copy->tensors = tensors;
  copy->at = to->bytes;
  if (count) memcpy(tensors, stage->tensors, count);
  if (stage->bytes)
    memcpy(to->payload + to->bytes, from->payload + stage->at, (size_t)stage->bytes);
  to->bytes += stage->bytes;
}

int32_t lnspi_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                           lnsp_delta **out, lnsp_error *error) {
  lnspi_delta_shape shape = {delta->stage_count, 0, delta->bytes, /* text: " back=1" a stage */
                             lnspi_str_length(delta->text) + 8 * (uint64_t)delta->stage_count +
                                 1,
                             0};
  lnsp_delta *back = NULL;
  for (int32_t s = 0; s < delta->stage_count; s++)
    if (!delta->stages[s].config.codec->exact)
      return lnspi_error_set(
          error, LNSP_E_UNSUPPORTED, delta->stages[s].config.codec->name,
          "a delta of codec '%s' cannot be inverted: only codec exact holds all bits",
          delta->stages[s].config.codec->name);
  int32_t status = lnspi_delta_blank(delta->graph, &shape, options, &back, error);
  if (status) return status;
  for (int32_t s = 0; s < delta->stage_count; s++) {
    delta_copy_stage(back, s, delta, &delta->stages[delta->stage_count - 1 - s]);
    back->stages[s].back = !back->stages[s].back;
  }
  back->changed_count = delta->changed_count;
  memcpy(back->base, delta->result, sizeof back->base);
  memcpy(back->result, delta->base, sizeof back->result);
  lnspi_stages_write(back);
  *out = back;
  return LNSP_OK;
}

/* Checks that each delta begins where the one before it ends, and adds up their sizes. */
static int32_t delta_check_chain(const lnsp_delta *const *deltas, int32_t count,
                                 lnspi_delta_shape *shape, lnsp_error *error) {
  char what[24];
  memset(shape, 0, sizeof *shape);
  for (int32_t i = 0; i < count; i++) {
    if (i && !lnspi_graph_equal(deltas[i]->graph, deltas[0]->graph)) {
      lnspi_format(what, sizeof what, "delta %d", (int)(i + 1));
      return lnspi_graph_text_refuse(LNSP_E_MISMATCH, "lnsp.delta.arch", what,
                                     deltas[i]->graph->architecture,
                                     deltas[0]->graph->architecture, error);
    }
    if (i && memcmp(deltas[i]->base, deltas[i - 1]->result, LNSP_HASH_BYTES))
      return lnspi_error_set(
          error, LNSP_E_MISMATCH, "lnsp.delta.base",
          "delta %d does not begin where delta %d ends: give them in the order "
          "in which they are applied, without gaps",
          (int)(i + 1), (int)i);
    shape->stages += deltas[i]->stage_count;
    shape->payload += deltas[i]->bytes;
    shape->text += lnspi_str_length(deltas[i]->text) + 2;
    if (shape->stages > LNSPI_DELTA_STAGES)
      return lnspi_error_set(error, LNSP_E_LIMIT, "lnsp.delta.stages",
                             "these deltas have more than %d stages: apply them, and make one "
                             "delta from the first base to the last result",
                             LNSPI_DELTA_STAGES);
  }
  return LNSP_OK;
}

int32_t lnspi_delta_merge(const lnsp_delta *const *deltas, int32_t count,
                          const lnsp_options *options, lnsp_delta **out, lnsp_error *error) {
  lnspi_delta_shape shape;
  lnsp_delta *merged = NULL;
  int32_t stage = 0, status = delta_check_chain(deltas, count, &shape, error);
  if (!status) status = lnspi_delta_blank(deltas[0]->graph, &shape, options, &merged, error);
  if (status) return status;
  for (int32_t i = 0; i < count; i++)
    for (int32_t s = 0; s < deltas[i]->stage_count; s++)
      delta_copy_stage(merged, stage++, deltas[i], &deltas[i]->stages[s]);
  merged->changed_count = count == 1 ? deltas[0]->changed_count : -1;
  memcpy(merged->base, deltas[0]->base, sizeof merged->base);
  memcpy(merged->result, deltas[count - 1]->result, sizeof merged->result);
  lnspi_stages_write(merged);
  *out = merged;
  return LNSP_OK;
}

int32_t lnspi_delta_check_base(const lnsp_delta *delta, const lnsp_model *base,
                               lnsp_error *error) {
  uint8_t hash[LNSP_HASH_BYTES];
  char is[65], needed[65];
  if (!lnspi_graph_equal(delta->graph, base->graph))
    return lnspi_graph_text_refuse(LNSP_E_MISMATCH, "lnsp.delta.arch", "the delta",
                                   delta->graph->architecture, base->graph->architecture,
                                   error);
  int32_t status = lnspi_delta_check_models(base, base, error);
  if (status) return status;
  lnspi_model_hash(base, hash);
  if (!memcmp(hash, delta->base, sizeof hash)) return LNSP_OK;
  lnspi_digest_to_hex(hash, is);
  lnspi_digest_to_hex(delta->base, needed);
  is[16] = needed[16] = 0;
  return lnspi_error_set(
      error, LNSP_E_MISMATCH, "lnsp.delta.base",
      "the delta was made from a model with hash %s..., but this one has %s...: "
      "apply it to that version",
      needed, is);
}

int32_t lnspi_delta_norms(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, double *norm, double *most,
                          lnsp_error *error) {
  lnspi_delta_set set;
  lnspi_progress progress;
  int32_t status = lnspi_delta_check_base(delta, base, error);
  if (!status)
    status = lnspi_delta_set_open(&set, base, delta->base, &delta, 1, 0, options, error);
  if (status) return status;
  lnspi_progress_begin(&progress, options, (uint64_t)base->graph->parameter_count);
  set.progress = &progress;
  status = lnspi_delta_set_norms(&set, error);
  *norm = set.one[0].norm;
  *most = set.one[0].most;
  lnspi_delta_set_close(&set);
  return status;
}

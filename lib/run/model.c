/* Models: an immutable, counted version of the weights.
 *
 * One block holds the handle, its copy of the graph, the state (all tensors, packed for the
 * kernels) and room for one row, through which weights are loaded, converted and initialised.
 * The graph is first in every handle, LNSPI_HANDLE_BYTES from the start, because it has to be
 * built before the block's size is known (handle.c).
 *
 * A model is filled by the function that makes it and given out only then: one that fails half
 * way frees the block, and nobody has seen it. After that nothing in it changes but `owners`,
 * an atomic count, so any number of sessions on any threads may read it. */
#include "run/model.h"

#include "base/arena.h"
#include "base/refcount.h"
#include "run/handle.h"
#include "run/init.h"
#include "run/load.h"

uint64_t lnspi_model_bytes(const lnsp_graph *graph, int32_t type) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnspi_arena_alloc(&arena, 1, LNSPI_HANDLE_BYTES);
  lnspi_arena_alloc(&arena, 1, graph->bytes);
  lnspi_arena_alloc(&arena, (uint64_t)lnspi_graph_storage_bytes(graph, type), 1);
  lnspi_arena_alloc(&arena, (uint64_t)lnspi_state_longest_row(graph), sizeof(float));
  return arena.used;
}

/* Sets up the handle in its block, whose graph is in place; gives the row. */
static lnsp_model *model_place(const lnspi_block *block, lnsp_graph *graph, float **row) {
  lnspi_arena arena = {block->memory, 0, block->bytes, 0};
  lnsp_model *model = LNSPI_ARENA_STRUCT(&arena, lnsp_model, LNSPI_HANDLE_BYTES);
  lnspi_arena_alloc(&arena, 1, graph->bytes);
  model->block = *block;
  model->owners = 1;
  model->graph = graph;
  model->state = lnspi_arena_alloc(&arena, (uint64_t)graph->state_bytes, 1);
  *row = lnspi_arena_alloc(&arena, (uint64_t)lnspi_state_longest_row(graph), sizeof(float));
  return model;
}

int32_t lnspi_model_alloc(const lnsp_graph *graph, int32_t type, const lnsp_options *options,
                          lnsp_model **out, float **row, lnsp_error *error) {
  lnspi_block block;
  int32_t status = lnspi_block_open(&block, options, lnspi_model_bytes(graph, type), error);
  if (status) return status;
  lnsp_graph *copy = lnspi_graph_move(graph, (uint8_t *)block.memory + LNSPI_HANDLE_BYTES);
  lnspi_graph_set_storage(copy, type);
  *out = model_place(&block, copy, row);
  return LNSP_OK;
}

int32_t lnspi_model_copy(const lnsp_graph *graph, const void *state, int32_t type,
                         const lnsp_options *options, lnsp_model **out, lnsp_error *error) {
  lnsp_model *model = NULL;
  lnspi_progress progress;
  float *row;
  int32_t status = lnspi_model_alloc(graph, type, options, &model, &row, error);
  if (status) return status;
  lnspi_progress_begin(&progress, options, (uint64_t)graph->parameter_count);
  status = lnspi_state_copy(graph, state, model->graph, model->state, row, &progress, error);
  if (!status)
    *out = model;
  else
    lnspi_model_release(model);
  return status;
}

/* Turns a stage, whose graph is built, into a model with a zero state. */
static int32_t model_finish(lnspi_handle *stage, const lnsp_options *options, lnsp_model **out,
                            float **row, lnsp_error *error) {
  lnspi_block block;
  lnsp_graph *graph = NULL;
  uint64_t total = lnspi_model_bytes(stage->graph, lnspi_graph_storage(stage->graph));
  int32_t status = lnspi_handle_finish(stage, total, options, &block, &graph, error);
  if (!status) *out = model_place(&block, graph, row);
  return status;
}

int32_t lnspi_model_create(const char *text, uint64_t seed, const lnsp_options *options,
                           lnsp_model **out, lnsp_error *error) {
  lnspi_handle stage;
  lnsp_model *model = NULL;
  float *row;
  int32_t status = lnspi_handle_begin(&stage, text, NULL, options, error);
  if (!status) status = model_finish(&stage, options, &model, &row, error);
  if (status) return status;
  status = lnspi_init(model->graph, seed, model->state, row, options, error);
  if (!status)
    *out = model;
  else
    lnspi_model_release(model);
  return status;
}

int32_t lnspi_model_load(lnsp_file *file, const lnsp_options *options, lnsp_model **out,
                         lnsp_error *error) {
  lnspi_handle stage;
  lnsp_model *model;
  float *row;
  int32_t status = lnspi_handle_begin_file(&stage, file, options, error);
  if (!status) status = model_finish(&stage, options, &model, &row, error);
  if (status) return status;
  status = lnspi_load(file, model->graph, options->prefix, model->state, row, error);
  if (!status) status = lnspi_progress_end(&file->progress, error); /* a state file has more */
  if (!status)
    *out = model;
  else
    lnspi_model_release(model);
  return status;
}

void lnspi_model_release(lnsp_model *model) {
  if (model && lnspi_refcount_decrement(&model->owners) == 0) lnspi_block_close(&model->block);
}

void lnspi_model_hash_reporting(const lnsp_model *model, lnspi_progress *progress,
                                uint8_t out[32]) {
  lnspi_blake2s hash;
  lnspi_blake2s_init(&hash);
  lnspi_state_hash(model->graph, model->state, &hash, progress);
  lnspi_blake2s_final(&hash, out);
}

void lnspi_model_hash(const lnsp_model *model, uint8_t out[32]) {
  lnspi_model_hash_reporting(model, NULL, out);
}

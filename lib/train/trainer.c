/* Measuring and making trainers: one block, laid out once to count and once to place.
 *
 * trainer_layout takes every array from an arena. With an arena without memory it only adds up
 * sizes; that is lnsp_trainer_measure. With the block of a handle it returns addresses. Since
 * both run the same code on the same recipe (graph, texts, limits), a trainer needs exactly
 * what was measured. Structs with pointers count at a fixed size, so that the numbers are the
 * same on 32-bit hosts; static assertions hold those sizes.
 *
 * Order of the block: struct, graph, objective, texts, small arrays, then the state that marks
 * copy (weights, moments, average, residual, adjacent in this order: history.c relies on it),
 * accumulated gradients, marks, activations, and workspace.
 *
 * A graph is copied because its weights carry the type of storage, which is the trainer's
 * choice (weights=bf16) and not the model's. Sources are a model in memory or a file; a file
 * may be a state of a trainer, which then also gives texts, moments and ages (checkpoint.c).
 *
 * A step allocates nothing. It is: loss_eval.c (bind, load, forward, losses), backward.c,
 * update.c. */
#include "train/trainer.h"

#include "base/error.h"
#include "run/handle.h"
#include "run/load.h"
#include "train/checkpoint.h"
#include "train/grad_tiles.h"
#include "train/loss_bind.h"
#include "train/moments8.h"
#include "train/replay.h"

#define TRAINER_USE_BYTES 48 /* counted for a use, which has pointers, on every host */

/* What the layout depends on. */
typedef struct trainer_recipe {
  const lnsp_graph *graph;
  const char *loss, *optimizer; /* loss NULL: none */
  lnsp_size_options limits;
  lnspi_optimizer_config rule;
  lnspi_objective objective;
  lnspi_plan plan;
} trainer_recipe;

static int32_t trainer_check_text(const char *text, const char *what, lnsp_error *error) {
  if (text && lnspi_str_length(text) >= LNSPI_TEXT_BYTES)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "the %s text is longer than %d bytes: shorten it", what,
                           LNSPI_TEXT_BYTES - 1);
  return LNSP_OK;
}

/* What was rounded for storage is widened, but codes are not a place to start from. */
static int32_t trainer_check_type(const lnsp_graph *graph, lnsp_error *error) {
  if (lnspi_graph_storage(graph) != LNSP_I8) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_DTYPE, NULL,
      "a model stored as I8 can only be run: train the float model that it was converted from, "
      "and convert the result");
}

/* Clipping by example is of no use where a row's gradient depends on other rows. */
static int32_t trainer_check_examples(const lnsp_graph *graph, const lnspi_objective *objective,
                                      lnsp_error *error) {
  for (int32_t n = 0; n < graph->node_count; n++)
    if (lnspi_layer_at(graph->nodes[n].layer)->no_again)
      return lnspi_error_set(
          error, LNSP_E_UNSUPPORTED, graph->nodes[n].name,
          "clip_each needs the gradient of each single row, which layer %d (%s) cannot "
          "compute: leave out clip_each",
          n, lnspi_layer_at(graph->nodes[n].layer)->name);
  for (int32_t i = 0; i < objective->term_count; i++) {
    const lnspi_loss *loss = objective->terms[i].loss;
    if (lnspi_loss_term_weighs_rows(&objective->terms[i]))
      return lnspi_error_set(
          error, LNSP_E_UNSUPPORTED, objective->terms[i].on,
          "clip_each needs a loss that is a mean over rows, but gate=, auto= and ramp= weigh a "
          "term by all rows: leave one of them out");
    if (loss && (loss->minimum_rows > 1 || loss->across))
      return lnspi_error_set(
          error, LNSP_E_UNSUPPORTED, loss->name,
          "clip_each needs a loss that is a mean over rows, but %s compares rows with each "
          "other: leave one of them out",
          loss->name);
  }
  return LNSP_OK;
}

static int32_t trainer_prepare(const lnsp_graph *graph, const char *loss, const char *optimizer,
                               const lnsp_size_options *limits, trainer_recipe *recipe,
                               lnsp_error *error) {
  lnsp_size_options wide;
  memset(recipe, 0, sizeof *recipe);
  recipe->graph = graph;
  recipe->loss = loss;
  recipe->optimizer = optimizer ? optimizer : "adamw";
  recipe->limits = wide = *limits;
  int32_t status = trainer_check_type(graph, error);
  if (!status) status = trainer_check_text(loss, "loss", error);
  if (!status) status = trainer_check_text(optimizer, "optimizer", error);
  if (!status) status = lnspi_optimizer_parse(recipe->optimizer, &recipe->rule, error);
  if (!status) status = lnspi_loss_bind(loss, graph, &recipe->objective, error);
  if (!status && recipe->rule.clip_each > 0)
    status = trainer_check_examples(graph, &recipe->objective, error);
  if (status) return status;
  wide.max_rows =
      limits->max_rows * recipe->objective.needs.group_count + recipe->objective.replay_rows;
  return lnspi_plan_make(graph, &wide, LNSPI_MODE_TRAIN, &recipe->plan, error);
}

/* Floats of the second gradients that one layer's inputs may need at a time. */
static int64_t trainer_second_floats(const lnsp_graph *graph, int32_t slot, int64_t rows) {
  int64_t most = 0;
  for (int32_t n = 1; n < graph->node_count; n++)
    if (slot < graph->nodes[n].input_count) {
      int32_t input = graph->nodes[n].input[slot], readers = 0;
      for (int32_t o = 0; o < graph->output_count; o++)
        readers += graph->outputs[o].node == input;
      for (int32_t m = 1; m < graph->node_count; m++)
        for (int32_t i = 0; i < graph->nodes[m].input_count; i++)
          readers += graph->nodes[m].input[i] == input;
      if (readers > 1 && lnspi_node_ld(graph, input) > most) most = lnspi_node_ld(graph, input);
    }
  return rows * most;
}

static int64_t trainer_flat_floats(const lnsp_graph *graph, int64_t *offset) {
  int64_t used = 0;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    if (offset) offset[i] = used;
    if (graph->weights[i].kind == LNSPI_FLAT) used += graph->weights[i].floats;
  }
  return used;
}

/* Most tiles of a matrix. */
static int64_t trainer_most_tiles(const lnsp_graph *graph) {
  int64_t most = 0;
  for (int32_t i = 0; i < graph->weight_count; i++)
    if (graph->weights[i].kind == LNSPI_MATRIX &&
        lnspi_grad_tiles_count(&graph->weights[i]) > most)
      most = lnspi_grad_tiles_count(&graph->weights[i]);
  return most;
}

/* The arrays whose size the caller may want to know, by kind. */
static void trainer_layout_state(lnsp_trainer *t, lnspi_arena *arena,
                                 lnsp_memory_info *memory) {
  uint64_t floats = (uint64_t)t->graph->state_floats;
  lnspi_arena_alloc(arena, 0, 1); /* aligns, so that the differences are whole */
  uint64_t set = arena->used, start = set;
  t->state =
      lnspi_arena_alloc(arena,
                        (uint64_t)lnspi_graph_storage_bytes(t->graph, t->optim.rule.weights),
                        1);
  memory->weight_bytes = t->marks.bytes = arena->used - start;
  start = arena->used;
  for (int32_t m = 0; m < t->optim.moment_count; m++)
    if (t->optim.has_moments8) {
      uint64_t blocks = (uint64_t)lnspi_moments8_block_count(t->graph);
      t->optim.code[m] = lnspi_arena_alloc(arena, floats, 1);
      t->optim.scale[m] = lnspi_arena_alloc(arena, blocks, sizeof(float));
    } else {
      t->optim.moment[m] = lnspi_arena_alloc(arena, floats, sizeof(float));
    }
  lnspi_arena_alloc(arena, 0, 1);
  memory->moment_bytes = arena->used - start;
  start = arena->used;
  if (t->optim.rule.average > 0) t->average = lnspi_arena_alloc(arena, floats, sizeof(float));
  memory->average_bytes = arena->used - start;
  start = arena->used;
  if (t->optim.rule.residual) t->residual = lnspi_arena_alloc(arena, floats, sizeof(float));
  memory->residual_bytes = arena->used - start;
  if (t->limits.undo == LNSP_MARK_STATE) t->marks.bytes = arena->used - set;
  start = arena->used;
  if (t->optim.rule.accumulate > 1)
    t->accum.sum = lnspi_arena_alloc(arena, floats, sizeof(float));
  memory->gradient_bytes = arena->used - start;
  start = arena->used;
  if (t->limits.history > 0) {
    t->marks.memory = lnspi_arena_alloc(arena, (uint64_t)t->limits.history, t->marks.bytes);
    /* pointers are counted at 8 bytes on every host */
    t->marks.at = lnspi_arena_alloc(arena, (uint64_t)t->limits.history, 8);
    t->marks.ages =
        lnspi_arena_alloc(arena, (uint64_t)t->limits.history,
                          (1 + (uint64_t)t->graph->weight_count) * sizeof(uint64_t));
  }
  memory->undo_bytes = arena->used - start;
}

static void trainer_layout_work(lnsp_trainer *t, lnspi_arena *arena) {
  const lnsp_graph *graph = t->graph;
  int64_t rows = t->limits.max_rows * (int64_t)t->limits.max_concepts;
  for (int32_t i = 0; i < t->loss.objective->needs.data_count; i++) {
    lnspi_batch_data *data = &t->loss.objective->needs.data[i];
    int64_t vectors = rows * (data->most ? data->most : 1);
    void *to = lnspi_arena_alloc(arena, (uint64_t)vectors,
                                 (uint64_t)lnspi_round16(data->width) * sizeof(float));
    if (to) data->rows = to; /* counting, the objective is not the trainer's own */
  }
  int64_t replay_rows = t->loss.objective->replay_rows * (int64_t)t->limits.max_concepts;
  t->loss.scratch =
      lnspi_arena_alloc(arena,
                        (uint64_t)lnspi_loss_bind_scratch_floats(t->loss.objective, graph,
                                                                 t->limits.max_rows,
                                                                 t->limits.max_concepts,
                                                                 replay_rows),
                        sizeof(float));
  if (t->loss.objective->replay_rows)
    t->loss.replay =
        lnspi_arena_alloc(arena, (uint64_t)lnspi_replay_floats(graph->nodes[0].width),
                          sizeof(float));
  if (t->optim.rule.clip > 0)
    t->grad.tile_squares =
        lnspi_arena_alloc(arena, (uint64_t)trainer_most_tiles(graph), sizeof(float));
  if (t->optim.rule.clip_each > 0)
    t->dp.factor = lnspi_arena_alloc(arena, (uint64_t)t->limits.max_rows, sizeof(double));
  t->row = lnspi_arena_alloc(arena, (uint64_t)lnspi_state_longest_row(graph), sizeof(float));
  t->grad.flat =
      lnspi_arena_alloc(arena, (uint64_t)trainer_flat_floats(graph, NULL), sizeof(float));
}

static void trainer_layout(lnsp_trainer *t, lnspi_arena *arena, lnsp_memory_info *memory) {
  const lnsp_graph *graph = t->graph;
  uint64_t nodes = (uint64_t)graph->node_count, weights = (uint64_t)graph->weight_count;
  int64_t rows = t->engine.plan.batch * t->engine.plan.concepts;
  memset(memory, 0, sizeof *memory);
  lnspi_arena_alloc(arena, 1, LNSPI_HANDLE_BYTES);
  lnspi_arena_alloc(arena, 1, graph->bytes);
  lnspi_objective *objective = lnspi_arena_alloc(arena, 1, LNSPI_OBJECTIVE_BYTES);
  if (objective) {
    *objective = *t->loss.objective;
    t->loss.objective = objective;
  }
  t->loss.text = lnspi_arena_alloc(arena, 1, LNSPI_TEXT_BYTES);
  t->optim.text = lnspi_arena_alloc(arena, 1, LNSPI_TEXT_BYTES);
  t->optim.age = lnspi_arena_alloc(arena, weights, sizeof(uint64_t));
  t->grad.flat_offset = lnspi_arena_alloc(arena, weights, sizeof(int64_t));
  if (t->optim.has_moments8)
    t->optim.block_at = lnspi_arena_alloc(arena, weights + 1, sizeof(int64_t));
  t->grad.uses = lnspi_arena_alloc(arena, (uint64_t)t->engine.plan.uses, TRAINER_USE_BYTES);
  t->grad.given_room = lnspi_arena_alloc(arena, weights, 8);
  t->grad.reached = lnspi_arena_alloc(arena, nodes, 1);
  t->grad.wanted = lnspi_arena_alloc(arena, nodes, 1);
  t->grad.touched = lnspi_arena_alloc(arena, weights, 1);
  t->frozen = lnspi_arena_alloc(arena, weights, 1);
  if (t->optim.rule.accumulate > 1) t->accum.holds = lnspi_arena_alloc(arena, weights, 1);
  trainer_layout_state(t, arena, memory);
  lnspi_arena_alloc(arena, 0, 1);
  uint64_t start = arena->used;
  lnspi_engine_layout(&t->engine, arena);
  t->grad.values =
      lnspi_arena_alloc(arena, (uint64_t)t->engine.plan.value_floats, sizeof(float));
  for (int32_t i = 0; i < LNSPI_MAX_INPUTS; i++)
    t->grad.second[i] =
        lnspi_arena_alloc(arena, (uint64_t)trainer_second_floats(graph, i, rows),
                          sizeof(float));
  memory->activation_bytes = arena->used - start;
  start = arena->used;
  trainer_layout_work(t, arena);
  memory->workspace_bytes = arena->used - start;
  memory->total_bytes = arena->used;
  memory->plan_bytes = memory->total_bytes - memory->weight_bytes - memory->moment_bytes -
                       memory->average_bytes - memory->residual_bytes - memory->gradient_bytes -
                       memory->undo_bytes - memory->activation_bytes - memory->workspace_bytes;
}

static void trainer_take_recipe(lnsp_trainer *t, const trainer_recipe *recipe) {
  t->engine.graph = t->graph;
  t->engine.plan = recipe->plan;
  t->optim.rule = recipe->rule;
  t->loss.objective = (lnspi_objective *)(uintptr_t)&recipe->objective; /* layout copies it */
  t->limits = recipe->limits;
  t->optim.has_moments8 = lnspi_optimizer_has_moments8(&t->optim.rule);
  t->optim.moment_count = t->optim.rule.optimizer->moments(t->optim.rule.real);
}

static int32_t trainer_count(trainer_recipe *recipe, lnsp_memory_info *memory,
                             lnsp_error *error) {
  lnsp_trainer t;
  lnspi_arena arena = {NULL, 0, 0, 0};
  memset(&t, 0, sizeof t);
  t.graph = (lnsp_graph *)(uintptr_t)recipe->graph; /* only read */
  trainer_take_recipe(&t, recipe);
  trainer_layout(&t, &arena, memory);
  if (arena.failed)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "the trainer needs more memory than this machine can address: lower the limits");
  return LNSP_OK;
}

int32_t lnspi_trainer_measure(const lnsp_graph *graph, const char *loss, const char *optimizer,
                              const lnsp_size_options *limits, lnsp_memory_info *out,
                              lnsp_error *error) {
  trainer_recipe recipe;
  int32_t status = trainer_prepare(graph, loss, optimizer, limits, &recipe, error);
  if (!status) status = trainer_count(&recipe, out, error);
  return status;
}

/* Sets up the handle in its block, whose graph is in place. */
static lnsp_trainer *trainer_place(const lnspi_block *block, lnsp_graph *graph,
                                   const lnspi_kernels *k, const lnspi_tasks *tasks,
                                   const trainer_recipe *recipe) {
  lnspi_arena arena = {block->memory, 0, block->bytes, 0};
  lnsp_trainer *t = block->memory;
  lnsp_size_options wide = recipe->limits;
  _Static_assert(sizeof(lnsp_trainer) <= LNSPI_HANDLE_BYTES, "raise LNSPI_HANDLE_BYTES");
  _Static_assert(sizeof(lnspi_objective) <= LNSPI_OBJECTIVE_BYTES, "raise it");
  _Static_assert(sizeof(lnspi_use) <= TRAINER_USE_BYTES, "raise TRAINER_USE_BYTES");
  t->block = *block;
  t->graph = graph;
  trainer_take_recipe(t, recipe);
  t->engine.k = k;
  t->engine.tasks = *tasks;
  trainer_layout(t, &arena, &t->memory);
  t->memory.struct_size = sizeof t->memory;
  wide.max_rows = (int32_t)recipe->plan.batch;
  (void)lnspi_plan_make(graph, &wide, LNSPI_MODE_TRAIN, &t->engine.plan, NULL);
  trainer_flat_floats(graph, t->grad.flat_offset);
  if (t->optim.has_moments8) lnspi_moments8_place_blocks(graph, t->optim.block_at);
  for (int32_t i = 0; i < graph->weight_count; i++)
    t->frozen[i] = (uint8_t)graph->weights[i].fixed;
  t->marks.newest = t->marks.pending = -1;
  for (int32_t i = 0; i < t->limits.history; i++)
    t->marks.at[i] = (float *)(void *)(t->marks.memory + (uint64_t)i * t->marks.bytes);
  lnspi_format(t->optim.text, LNSPI_TEXT_BYTES, "%s", recipe->optimizer);
  lnspi_format(t->loss.text, LNSPI_TEXT_BYTES, "%s", recipe->loss ? recipe->loss : "");
  return t;
}

void lnspi_trainer_seed_layers(lnsp_trainer *t, int learning) {
  t->engine.training = learning;
  t->engine.seed = t->optim.rule.seed;
  t->engine.pass = (t->step << 16) + (uint64_t)t->accum.calls;
}

static void trainer_start_average(lnsp_trainer *t) {
  if (t->average) memcpy(t->average, t->state, (size_t)t->graph->state_floats * sizeof(float));
}

int32_t lnspi_trainer_from_model(const lnsp_model *model, const char *loss,
                                 const char *optimizer, const lnsp_size_options *limits,
                                 const lnsp_options *options, lnsp_trainer **out,
                                 lnsp_error *error) {
  trainer_recipe recipe;
  lnsp_memory_info memory;
  lnspi_block block;
  const lnspi_kernels *k = NULL;
  lnspi_tasks tasks;
  int32_t status = lnspi_engine_choose_kernels(options->isa, 0, &k, error);
  if (!status) status = lnspi_tasks_open(&tasks, options, limits->tasks, error);
  if (!status) status = trainer_prepare(model->graph, loss, optimizer, limits, &recipe, error);
  if (!status) status = trainer_count(&recipe, &memory, error);
  if (!status) status = lnspi_block_open(&block, options, memory.total_bytes, error);
  if (status) return status;
  lnsp_graph *graph =
      lnspi_graph_move(model->graph, (uint8_t *)block.memory + LNSPI_HANDLE_BYTES);
  lnspi_graph_set_storage(graph, recipe.rule.weights);
  lnsp_trainer *t = trainer_place(&block, graph, k, &tasks, &recipe);
  status = lnspi_state_copy(model->graph, model->state, graph, t->state, t->row, error);
  if (status) { /* too large for bfloat16 */
    lnspi_block_close(&block);
    return status;
  }
  trainer_start_average(t);
  *out = t;
  return LNSP_OK;
}

int32_t lnspi_trainer_from_file(lnsp_file *file, const char *loss, const char *optimizer,
                                const lnsp_size_options *limits, const lnsp_options *options,
                                lnsp_trainer **out, lnsp_error *error) {
  trainer_recipe recipe;
  lnsp_memory_info memory;
  lnspi_handle stage;
  lnspi_block block;
  lnsp_graph *graph = NULL;
  const lnspi_kernels *k = NULL;
  lnspi_tasks tasks;
  int resume = lnspi_safetensors_metadata(file, "lnsp.trainer") != NULL;
  if (resume && !loss) loss = lnspi_safetensors_metadata(file, "lnsp.loss");
  if (resume && !optimizer) optimizer = lnspi_safetensors_metadata(file, "lnsp.optimizer");
  if (loss && !*loss) loss = NULL;
  if (resume && options->prefix && *options->prefix)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "a state file is resumed as a whole: leave options->prefix empty");
  int32_t status = lnspi_engine_choose_kernels(options->isa, 0, &k, error);
  if (!status) status = lnspi_tasks_open(&tasks, options, limits->tasks, error);
  if (!status) status = lnspi_handle_begin_file(&stage, file, options, error);
  if (status) return status;
  status = trainer_check_type(stage.graph, error);
  if (!status) status = trainer_prepare(stage.graph, loss, optimizer, limits, &recipe, error);
  if (!status) lnspi_graph_set_storage(stage.graph, recipe.rule.weights);
  if (!status) status = trainer_count(&recipe, &memory, error);
  if (status) {
    lnspi_handle_cancel(&stage);
    return status;
  }
  status = lnspi_handle_finish(&stage, memory.total_bytes, options, &block, &graph, error);
  if (status) return status;
  recipe.graph = graph;
  lnsp_trainer *t = trainer_place(&block, graph, k, &tasks, &recipe);
  status = lnspi_load(file, graph, options->prefix, t->state, t->row, error);
  if (!status) trainer_start_average(t);
  if (!status && resume) status = lnspi_checkpoint_load(t, file, error);
  if (!status)
    *out = t;
  else
    lnspi_block_close(&block);
  return status;
}

float *lnspi_trainer_weight(const lnsp_trainer *t, const lnspi_weight *weight) {
  return t->state + weight->at / (int64_t)sizeof(float);
}

uint64_t lnspi_trainer_call_number(const lnsp_trainer *t) {
  return t->step * (uint64_t)t->optim.rule.accumulate + (uint64_t)t->accum.calls;
}

/* The memory of a trainer: every array taken from an arena, to count or to place.
 *
 * With an arena without memory this only adds up sizes; that is lnsp_trainer_measure. With the
 * block of a handle it returns addresses. Structs with pointers count at a fixed size, so that
 * the numbers are the same on 32-bit hosts; static assertions hold those sizes.
 *
 * Order of the block: struct, graph, objective, texts, small arrays, then the state that marks
 * copy (weights, moments, average, residual: history.c relies on their order), accumulated
 * gradients, marks, activations and their gradients, and workspace. */
#include "train/trainer_layout.h"

#include "run/handle.h"
#include "run/state.h"
#include "train/grad_tiles.h"
#include "train/history.h"
#include "train/loss_bind.h"
#include "train/moments8.h"
#include "train/replay.h"

#define TRAINER_LAYOUT_USE_BYTES 48 /* counted for a use, which has pointers, on every host */

_Static_assert(sizeof(lnsp_trainer) <= LNSPI_HANDLE_BYTES, "raise LNSPI_HANDLE_BYTES");
_Static_assert(sizeof(lnspi_objective) <= LNSPI_OBJECTIVE_BYTES, "raise LNSPI_OBJECTIVE_BYTES");
_Static_assert(sizeof(lnspi_use) <= TRAINER_LAYOUT_USE_BYTES, "raise TRAINER_LAYOUT_USE_BYTES");

static float *trainer_layout_floats(lnspi_arena *arena, int64_t count) {
  return lnspi_arena_alloc(arena, (uint64_t)count, sizeof(float));
}

/* Floats of the second gradients that one layer's inputs may need at a time. */
static int64_t trainer_layout_second(const lnsp_graph *graph, int32_t slot, int64_t rows) {
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

/* Of all FLAT weights; offset, where it is given, gets where each one's are. */
static int64_t trainer_layout_flat(const lnsp_graph *graph, int64_t *offset) {
  int64_t used = 0;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    if (offset) offset[i] = used;
    if (graph->weights[i].kind == LNSPI_FLAT) used += graph->weights[i].floats;
  }
  return used;
}

/* Most tiles of a matrix. */
static int64_t trainer_layout_tiles(const lnsp_graph *graph) {
  int64_t most = 0;
  for (int32_t i = 0; i < graph->weight_count; i++)
    if (graph->weights[i].kind == LNSPI_MATRIX &&
        lnspi_grad_tiles_count(&graph->weights[i]) > most)
      most = lnspi_grad_tiles_count(&graph->weights[i]);
  return most;
}

/* The arrays whose size the caller may want to know, by kind. */
static void trainer_layout_arrays(lnsp_trainer *t, lnspi_arena *arena,
                                  lnsp_memory_info *memory) {
  const int64_t floats = t->graph->state_floats;
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
      int64_t blocks = lnspi_moments8_block_count(t->graph);
      t->optim.code[m] = lnspi_arena_alloc(arena, (uint64_t)floats, 1);
      t->optim.scale[m] = trainer_layout_floats(arena, blocks);
    } else {
      t->optim.moment[m] = trainer_layout_floats(arena, floats);
    }
  lnspi_arena_alloc(arena, 0, 1);
  memory->moment_bytes = arena->used - start;
  start = arena->used;
  if (t->optim.rule.average > 0) t->average = trainer_layout_floats(arena, floats);
  memory->average_bytes = arena->used - start;
  start = arena->used;
  if (t->optim.rule.residual) t->residual = trainer_layout_floats(arena, floats);
  memory->residual_bytes = arena->used - start;
  if (t->limits.mark_contents == LNSP_MARK_STATE) t->marks.bytes = arena->used - set;
  start = arena->used;
  if (t->optim.rule.accumulate > 1) t->accum.sum = trainer_layout_floats(arena, floats);
  memory->gradient_bytes = arena->used - start;
  start = arena->used;
  if (t->limits.max_marks > 0) {
    t->marks.memory = lnspi_arena_alloc(arena, (uint64_t)t->limits.max_marks, t->marks.bytes);
    /* pointers are counted at 8 bytes on every host */
    t->marks.at = lnspi_arena_alloc(arena, (uint64_t)t->limits.max_marks, 8);
    t->marks.ages = lnspi_arena_alloc(arena, (uint64_t)t->limits.max_marks,
                                      lnspi_history_words(t) * sizeof(uint64_t));
  }
  memory->mark_bytes = arena->used - start;
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
      trainer_layout_floats(arena, lnspi_loss_bind_scratch_floats(t->loss.objective, graph,
                                                                  t->limits.max_rows,
                                                                  t->limits.max_concepts,
                                                                  replay_rows));
  if (t->loss.objective->replay_rows)
    t->loss.replay = trainer_layout_floats(arena, lnspi_replay_floats(graph->nodes[0].width));
  if (t->optim.rule.clip > 0)
    t->grad.tile_squares = trainer_layout_floats(arena, trainer_layout_tiles(graph));
  if (t->optim.rule.clip_each > 0)
    t->dp.factor = lnspi_arena_alloc(arena, (uint64_t)t->limits.max_rows, sizeof(double));
  t->row = trainer_layout_floats(arena, lnspi_state_longest_row(graph));
  t->grad.flat = trainer_layout_floats(arena, trainer_layout_flat(graph, t->grad.flat_offset));
}

void lnspi_trainer_layout(lnsp_trainer *t, lnspi_arena *arena, lnsp_memory_info *memory) {
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
  t->grad.uses =
      lnspi_arena_alloc(arena, (uint64_t)t->engine.plan.uses, TRAINER_LAYOUT_USE_BYTES);
  t->grad.given_room = lnspi_arena_alloc(arena, weights, 8);
  t->grad.reached = lnspi_arena_alloc(arena, nodes, 1);
  t->grad.wanted = lnspi_arena_alloc(arena, nodes, 1);
  t->grad.touched = lnspi_arena_alloc(arena, weights, 1);
  t->frozen = lnspi_arena_alloc(arena, weights, 1);
  if (t->optim.rule.accumulate > 1) t->accum.holds = lnspi_arena_alloc(arena, weights, 1);
  trainer_layout_arrays(t, arena, memory);
  lnspi_arena_alloc(arena, 0, 1);
  uint64_t start = arena->used;
  lnspi_engine_layout(&t->engine, arena);
  t->grad.values = trainer_layout_floats(arena, t->engine.plan.value_floats);
  for (int32_t i = 0; i < LNSPI_MAX_INPUTS; i++)
    t->grad.second[i] = trainer_layout_floats(arena, trainer_layout_second(graph, i, rows));
  memory->activation_bytes = arena->used - start;
  start = arena->used;
  trainer_layout_work(t, arena);
  memory->workspace_bytes = arena->used - start;
  memory->total_bytes = arena->used;
  memory->plan_bytes = memory->total_bytes - memory->weight_bytes - memory->moment_bytes -
                       memory->average_bytes - memory->residual_bytes - memory->gradient_bytes -
                       memory->mark_bytes - memory->activation_bytes - memory->workspace_bytes;
}

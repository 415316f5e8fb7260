/* Running a plan forward, whole or in parts of the batch.
 *
 * A graph is a list of nodes in the order of the text, which is an order of computation: a
 * node reads only values before it. Forward walks the list and calls each layer with a
 * lnspi_call that says where its inputs, its output, its weights and its scratch are. After
 * each node the output must be finite; a later layer could hide an overflow (relu of NaN is
 * 0).
 *
 * With tasks, a pass is cut in spans. A span is a run of nodes that can be computed for a part
 * of the batch by itself: each task takes some sequences through all nodes of the span,
 * without waiting for the others, and has scratch of its own. In a trainer, a layer that saves
 * something for backward can take part only if its saved values are laid out by rows. A
 * product with a matrix is a span of its own there and is divided by outputs: a task then
 * reads the weights that it updated itself, which are in its processor's cache. By rows, it
 * would fetch those of all others.
 *
 * Results do not depend on the spans: every output element is computed by one task, with the
 * sums in the same order. Parts are made only where the work pays for them (ENGINE_WORK), and
 * with a least number of rows (LNSPI_PART_ROWS), because each task reads all weights of its
 * span. */
/* Hot: built for speed. */
#include "run/engine.h"

#include "base/error.h"
#include "base/min_max.h"
#include "kernels/dispatch.h"

#define ENGINE_WORK (INT64_C(1) << 20) /* multiply-adds that are worth being split */

/* 1 if some layer of the graph looks at a mask. */
static int engine_uses_mask(const lnsp_graph *graph) {
  for (int32_t n = 0; n < graph->node_count; n++)
    if (lnspi_layer_at(graph->nodes[n].layer)->masks == LNSPI_MASKS) return 1;
  return 0;
}

void lnspi_engine_layout(lnspi_engine *engine, lnspi_arena *arena) {
  uint64_t nodes = (uint64_t)engine->graph->node_count;
  engine->plan.value_offset = lnspi_arena_alloc(arena, nodes, sizeof(int64_t));
  engine->plan.saved_offset = lnspi_arena_alloc(arena, nodes, sizeof(int64_t));
  engine->values = lnspi_arena_alloc(arena, (uint64_t)engine->plan.value_floats, sizeof(float));
  engine->saved = lnspi_arena_alloc(arena, (uint64_t)engine->plan.saved_floats, sizeof(float));
  engine->scratch =
      lnspi_arena_alloc(arena, (uint64_t)engine->plan.scratch_floats, sizeof(float));
  engine->product =
      lnspi_arena_alloc(arena, (uint64_t)engine->plan.product_floats, sizeof(float));
  if (engine->plan.concepts > 1 && engine_uses_mask(engine->graph))
    engine->mask =
        lnspi_arena_alloc(arena, (uint64_t)(engine->plan.batch * engine->plan.concepts), 1);
}

void lnspi_engine_fill_call(const lnspi_engine *engine, const void *state, int32_t index,
                            lnspi_call *call) {
  const lnsp_graph *graph = engine->graph;
  const lnspi_node *node = &graph->nodes[index];
  memset(call, 0, sizeof *call);
  call->k = engine->k;
  call->graph = graph;
  call->node = node;
  call->batch = engine->batch;
  call->all_batch = engine->batch;
  call->number = index;
  call->training = engine->training;
  call->seed = engine->seed;
  call->pass = engine->pass;
  if (engine->has_mask) call->mask = engine->mask;
  call->mask_ld = engine->concepts;
  call->concepts = lnspi_graph_rows(graph, index, engine->concepts);
  call->rows = engine->batch * call->concepts;
  for (int32_t i = 0; i < node->input_count; i++) {
    call->in_concepts[i] = lnspi_graph_rows(graph, node->input[i], engine->concepts);
    call->in_rows[i] = engine->batch * call->in_concepts[i];
    call->in[i] = lnspi_engine_value(engine, node->input[i]);
    call->in_ld[i] = lnspi_node_ld(graph, node->input[i]);
    call->in_width[i] = graph->nodes[node->input[i]].width;
  }
  call->out = lnspi_engine_value(engine, index);
  call->out_ld = lnspi_node_ld(graph, index);
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    if (node->slot[s] >= 0)
      call->weight[s] = (const uint8_t *)state + graph->weights[node->slot[s]].at;
  call->all_rows = call->rows;
  call->tasks = &engine->tasks;
  call->saved = engine->saved + engine->plan.saved_offset[index];
  call->scratch = engine->scratch;
  call->product = engine->product;
}

/* ---- parts of the batch ---- */

int lnspi_engine_can_split(const lnspi_engine *engine, int32_t index) {
  const lnspi_node *node = &engine->graph->nodes[index];
  const lnspi_extent extent =
      lnspi_layer_extent(engine->graph, node, engine->batch, engine->concepts);
  const lnspi_need need = lnspi_layer_need(&extent);
  if (engine->plan.mode != LNSPI_MODE_TRAIN) return 1;
  return need.saved_floats == 0 || need.rows_apart;
}

/* 1 for a product in training: a task has the outputs whose weights it updates, which are
 * then in its processor's cache. By rows, each task would fetch those of all others. */
static int engine_by_outputs(const lnspi_engine *engine, int32_t index) {
  const lnspi_node *node = &engine->graph->nodes[index];
  const lnspi_extent extent =
      lnspi_layer_extent(engine->graph, node, engine->batch, engine->concepts);
  int matrix = 0;
  if (engine->plan.mode != LNSPI_MODE_TRAIN) return 0;
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    matrix |= node->slot[s] >= 0 && engine->graph->weights[node->slot[s]].kind == LNSPI_MATRIX;
  if (!matrix) return 0;
  return lnspi_layer_need(&extent).saved_floats == 0;
}

/* Few rows are not worth it: each task reads all the weights. */
int32_t lnspi_engine_part_count(const lnspi_engine *engine) {
  const int64_t rows = engine->batch * engine->concepts;
  const int64_t most = rows / LNSPI_PART_ROWS(engine->plan.mode);
  if (rows * engine->graph->state_floats < ENGINE_WORK) return 1;
  return lnspi_tasks_count(&engine->tasks, lnspi_min_i64(most, engine->batch), 1);
}

int64_t lnspi_engine_select_rows(lnspi_call *c, int64_t from, int64_t count) {
  const int64_t first = from * c->concepts;
  c->batch = count;
  c->rows = count * c->concepts;
  for (int32_t i = 0; i < c->node->input_count; i++) {
    const int64_t skip = from * c->in_concepts[i] * c->in_ld[i];
    c->in[i] += skip;
    c->in_rows[i] = count * c->in_concepts[i];
    if (c->din[i]) c->din[i] += skip;
  }
  if (c->mask) c->mask += from * c->mask_ld;
  c->first = from;
  c->out += first * c->out_ld;
  if (c->dout) c->dout += first * c->out_ld;
  c->row0 = first;
  return first;
}

int64_t lnspi_engine_select_part(const lnspi_engine *engine, lnspi_call *c, int32_t count,
                                 int32_t index) {
  const lnspi_plan *plan = &engine->plan;
  const int64_t from = lnspi_tasks_from(c->batch, count, index);
  const int64_t end = lnspi_tasks_from(c->batch, count, index + 1);
  const int64_t first = lnspi_engine_select_rows(c, from, end - from);
  if (plan->mode != LNSPI_MODE_TRAIN) { /* each part saves apart */
    c->row0 = c->first = 0;
    c->all_rows = c->rows;
    c->all_batch = c->batch;
    c->saved += index * plan->saved_part;
  }
  c->scratch += index * plan->scratch_part;
  c->product += index * plan->product_part;
  c->tasks = NULL;
  return first;
}

/* ---- forward ---- */

/* Pads may hold what an earlier value left in a shared buffer: only the width counts. */
static int engine_finite(const lnspi_call *call) {
  const float *row = call->out;
  const int64_t ld = call->out_ld, width = call->node->width;
  int finite = 1;
  if (ld == width) return call->k->finite(row, call->rows * ld);
  for (int64_t r = 0; r < call->rows && finite; r++, row += ld)
    finite = call->k->finite(row, width);
  return finite;
}

/* Nodes from first to last, for parts of the batch: one task each. */
typedef struct engine_span {
  const lnspi_engine *engine;
  const void *state;
  int32_t first, last, count, split;
  int32_t failed[LNSPI_MAX_TASKS]; /* the first node with an infinity, or 0 */
} engine_span;

static void engine_part(void *argument, int32_t index) {
  engine_span *span = argument;
  int32_t failed = 0;
  for (int32_t n = span->first; n <= span->last && !failed; n++) {
    lnspi_call call;
    lnspi_engine_fill_call(span->engine, span->state, n, &call);
    call.split = span->split;
    if (span->count > 1) lnspi_engine_select_part(span->engine, &call, span->count, index);
    lnspi_layer_at(call.node->layer)->forward(&call);
    if (!engine_finite(&call)) failed = n;
  }
  span->failed[index] = failed;
}

/* What begins at a node: all, one product by outputs, or what is done by rows. */
static void engine_extend(engine_span *span, int32_t parts) {
  const lnspi_engine *engine = span->engine;
  const int32_t first = span->first, nodes = engine->graph->node_count;
  int32_t next = first;
  if (parts == 1) {
    span->last = nodes - 1;
    return;
  }
  span->split = engine_by_outputs(engine, first);
  if (span->split) return;
  while (next < nodes && lnspi_engine_can_split(engine, next) &&
         !engine_by_outputs(engine, next))
    next++;
  if (next == first) return; /* whole */
  span->last = next - 1;
  span->count = parts;
}

int32_t lnspi_engine_forward(lnspi_engine *engine, const void *state, int64_t batch,
                             int64_t concepts, lnsp_error *error) {
  const int32_t nodes = engine->graph->node_count;
  engine->batch = batch;
  engine->concepts = concepts;
  const int32_t parts = lnspi_engine_part_count(engine);
  for (int32_t n = 1; n < nodes;) {
    engine_span span = {engine, state, n, n, 1, 0, {0}};
    engine_extend(&span, parts);
    lnspi_tasks_run(&engine->tasks, span.count, engine_part, &span);
    int32_t failed = 0;
    for (int32_t i = 0; i < span.count; i++)
      if (span.failed[i] && (!failed || span.failed[i] < failed)) failed = span.failed[i];
    if (failed) {
      const lnspi_node *node = &engine->graph->nodes[failed];
      return lnspi_error_set(
          error, LNSP_E_NOT_FINITE, node->name,
          "value '%s' (layer %d, %s) overflows for this input: the input or the weights are "
          "too large",
          node->name, failed, lnspi_layer_at(node->layer)->name);
    }
    n = span.last + 1;
  }
  return LNSP_OK;
}

int32_t lnspi_engine_choose_kernels(const char *isa, int bytes, const lnspi_kernels **out,
                                    lnsp_error *error) {
  lnsp_error own;
  if (!error) error = &own;
  *out = lnspi_dispatch_select_for(isa, bytes ? LNSPI_DISPATCH_INT8 : LNSPI_DISPATCH_FLOATS,
                                   error);
  return *out ? LNSP_OK : error->code;
}

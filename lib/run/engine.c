/* Running a plan forward; tensors of the caller in and out of padded rows. */
#include "run/engine.h"

#include "base/problem.h"

#define ENGINE_WORK (INT64_C(1) << 20) /* multiply-adds that are worth being split */
#define ENGINE_COPY 4096 /* elements of a tensor of the caller: the same */

void lnspi_engine_layout(lnspi_engine *engine, lnspi_arena *arena) {
  uint64_t nodes = (uint64_t)engine->graph->node_count;
  engine->plan.value_offset = lnspi_take(arena, nodes, sizeof(int64_t));
  engine->plan.saved_offset = lnspi_take(arena, nodes, sizeof(int64_t));
  engine->values = lnspi_take(arena, (uint64_t)engine->plan.value_floats, sizeof(float));
  engine->saved = lnspi_take(arena, (uint64_t)engine->plan.saved_floats, sizeof(float));
  engine->scratch = lnspi_take(arena, (uint64_t)engine->plan.scratch_floats, sizeof(float));
  engine->product = lnspi_take(arena, (uint64_t)engine->plan.product_floats, sizeof(float));
  if (engine->plan.concepts > 1 && lnspi_graph_masks(engine->graph))
    engine->mask = lnspi_take(arena, (uint64_t)(engine->plan.batch * engine->plan.concepts), 1);
}

int lnspi_tensor_within_reach(const lnsp_tensor *tensor) {
  uint64_t reach = 0, step, part;
  int contiguous = 1;
  for (int32_t d = 0; d < tensor->rank; d++) contiguous &= tensor->strides[d] == 0;
  if (contiguous) return 1; /* all of it is memory that the caller has */
  for (int32_t d = 0; d < tensor->rank; d++) {
    step = (uint64_t)tensor->strides[d];
    if (tensor->strides[d] < 0) step = 0 - step;
    if (!lnspi_mul(step, (uint64_t)tensor->dims[d] - 1, &part) ||
        !lnspi_add(reach, part, &reach))
      return 0;
  }
  return reach <= (uint64_t)(PTRDIFF_MAX / 8); /* bytes of the largest elements */
}

int32_t lnspi_tensor_check(const lnsp_tensor *tensor, const char *role, int64_t width,
                           int64_t *batch, int64_t *concepts, lnsp_problem *problem) {
  if (tensor->dtype != LNSP_F32)
    return lnspi_fail(problem, LNSP_E_DTYPE, role, "'%s' must be F32: convert it first", role);
  if (!tensor->data)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, role, "'%s' has no data", role);
  if (tensor->rank != 2 && tensor->rank != 3)
    return lnspi_fail(problem, LNSP_E_SHAPE, role,
                      "'%s' has rank %d: give [rows, %lld] or [rows, concepts, %lld]", role,
                      tensor->rank, (long long)width, (long long)width);
  int64_t rows = tensor->dims[0], middle = tensor->rank == 3 ? tensor->dims[1] : 1;
  if (tensor->dims[tensor->rank - 1] != width)
    return lnspi_fail(problem, LNSP_E_SHAPE, role, "'%s' has width %lld, but %lld is needed",
                      role, (long long)tensor->dims[tensor->rank - 1], (long long)width);
  if (rows < 1 || middle < 1)
    return lnspi_fail(problem, LNSP_E_SHAPE, role, "'%s' is empty", role);
  if ((*batch && *batch != rows) || (*concepts && *concepts != middle))
    return lnspi_fail(problem, LNSP_E_SHAPE, role,
                      "'%s' has %lld rows of %lld concepts, but %lld of %lld are needed", role,
                      (long long)rows, (long long)middle, (long long)*batch,
                      (long long)*concepts);
  if (!lnspi_tensor_within_reach(tensor))
    return lnspi_fail(problem, LNSP_E_SHAPE, role,
                      "the strides of '%s' lead beyond any memory: give them in elements",
                      role);
  *batch = rows;
  *concepts = middle;
  return LNSP_OK;
}

/* A checked tensor row by row, in bytes: its data need not be aligned. */
typedef struct engine_walk {
  int64_t rows, concepts, width, row, concept, element;
} engine_walk;

static engine_walk engine_walk_over(const lnsp_tensor *tensor) {
  const int64_t *strides = tensor->strides, size = (int64_t)sizeof(float);
  int32_t last = tensor->rank - 1;
  engine_walk walk;
  walk.rows = tensor->dims[0];
  walk.concepts = last == 2 ? tensor->dims[1] : 1;
  walk.width = tensor->dims[last];
  walk.element = strides[last] * size;
  walk.concept = last == 2 ? strides[1] * size : 0;
  walk.row = strides[0] * size;
  if (!walk.row && !walk.concept && !walk.element) { /* contiguous */
    walk.element = size;
    walk.concept = walk.width * size;
    walk.row = walk.concept * walk.concepts;
  }
  return walk;
}

/* Some rows of a tensor in or out, for a task. */
typedef struct engine_copy {
  engine_walk walk;
  const lnspi_kernels *k; /* loading; NULL: storing */
  char *data;
  float *rows;
  int64_t ld;
  int32_t count, reserved;
  int64_t bad[LNSPI_MAX_TASKS]; /* the first vector with a NaN or infinity, or -1 */
} engine_copy;

static int engine_copy_vector(const engine_copy *copy, char *data, float *row) {
  const engine_walk *w = &copy->walk;
  const size_t bytes = sizeof(float);
  if (!copy->k) {
    if (w->element == (int64_t)bytes) memcpy(data, row, (size_t)w->width * bytes);
    else
      for (int64_t i = 0; i < w->width; i++) memcpy(data + i * w->element, row + i, bytes);
    return 1;
  }
  if (w->element == (int64_t)bytes) memcpy(row, data, (size_t)w->width * bytes);
  else
    for (int64_t i = 0; i < w->width; i++) memcpy(row + i, data + i * w->element, bytes);
  lnspi_zero_pads(row, copy->ld, 1, w->width);
  return copy->k->finite(row, w->width);
}

static void engine_copy_part(void *argument, int32_t index) {
  engine_copy *copy = argument;
  const engine_walk *w = &copy->walk;
  const int64_t end = lnspi_tasks_from(w->rows, copy->count, index + 1) * w->concepts;
  int64_t v = lnspi_tasks_from(w->rows, copy->count, index) * w->concepts;
  copy->bad[index] = -1;
  for (; v < end && copy->bad[index] < 0; v++)
    if (!engine_copy_vector(copy, copy->data + v / w->concepts * w->row + v % w->concepts * w->concept,
                            copy->rows + v * copy->ld))
      copy->bad[index] = v;
}

/* The first vector that is not finite, or -1. */
static int64_t engine_copy_all(const lnsp_tensor *tensor, const lnspi_kernels *k,
                               const lnspi_tasks *tasks, float *rows, int64_t ld) {
  engine_copy copy;
  copy.walk = engine_walk_over(tensor);
  copy.k = k;
  copy.data = tensor->data;
  copy.rows = rows;
  copy.ld = ld;
  copy.count = copy.walk.rows * copy.walk.concepts * ld < ENGINE_COPY
                   ? 1
                   : lnspi_tasks_count(tasks, copy.walk.rows, LNSPI_PART_ROWS(LNSPI_MODE_KEEP));
  lnspi_tasks_run(tasks, copy.count, engine_copy_part, &copy);
  for (int32_t i = 0; i < copy.count; i++)
    if (copy.bad[i] >= 0) return copy.bad[i];
  return -1;
}

int32_t lnspi_tensor_load(const lnsp_tensor *tensor, const char *role, const lnspi_kernels *k,
                          const lnspi_tasks *tasks, float *rows, int64_t ld,
                          lnsp_problem *problem) {
  const int64_t bad = engine_copy_all(tensor, k, tasks, rows, ld);
  const int64_t concepts = tensor->rank == 3 ? tensor->dims[1] : 1;
  if (bad < 0) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_NOT_FINITE, role,
                    "'%s' has a NaN or infinity in row %lld, concept %lld", role,
                    (long long)(bad / concepts), (long long)(bad % concepts));
}

void lnspi_tensor_store(const lnsp_tensor *tensor, const lnspi_tasks *tasks, const float *rows,
                        int64_t ld) {
  (void)engine_copy_all(tensor, NULL, tasks, (float *)(uintptr_t)rows, ld); /* only read */
}

const lnsp_tensor *lnspi_tensor_find(const lnsp_tensor *tensors, int32_t count,
                                     const char *name) {
  for (int32_t i = 0; i < count; i++)
    if (tensors[i].name && lnspi_equal(tensors[i].name, name)) return &tensors[i];
  return NULL;
}

void lnspi_engine_call(const lnspi_engine *engine, const void *state, int32_t index,
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
  call->concepts = lnspi_length_of(graph, index, engine->concepts);
  call->rows = engine->batch * call->concepts;
  for (int32_t i = 0; i < node->input_count; i++) {
    call->in_concepts[i] = lnspi_length_of(graph, node->input[i], engine->concepts);
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

int lnspi_engine_apart(const lnspi_engine *engine, int32_t index) {
  const lnspi_node *node = &engine->graph->nodes[index];
  const lnspi_extent extent =
      lnspi_extent_of(engine->graph, node, engine->batch, engine->concepts);
  const lnspi_need need = lnspi_need_of(&extent);
  if (engine->plan.mode != LNSPI_MODE_TRAIN) return 1;
  return need.saved_floats == 0 || need.rows_apart;
}

/* 1 for a product in training: a task has the outputs whose weights it updates, which are
 * then in its processor's cache. By rows, each task would fetch those of all others. */
static int engine_by_outputs(const lnspi_engine *engine, int32_t index) {
  const lnspi_node *node = &engine->graph->nodes[index];
  const lnspi_extent extent =
      lnspi_extent_of(engine->graph, node, engine->batch, engine->concepts);
  int matrix = 0;
  if (engine->plan.mode != LNSPI_MODE_TRAIN) return 0;
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    matrix |= node->slot[s] >= 0 && engine->graph->weights[node->slot[s]].kind == LNSPI_MATRIX;
  if (!matrix) return 0;
  return lnspi_need_of(&extent).saved_floats == 0;
}

/* Few rows are not worth it: each task reads all the weights. */
int32_t lnspi_engine_parts(const lnspi_engine *engine) {
  const int64_t rows = engine->batch * engine->concepts;
  const int64_t most = rows / LNSPI_PART_ROWS(engine->plan.mode);
  if (rows * engine->graph->state_floats < ENGINE_WORK) return 1;
  return lnspi_tasks_count(&engine->tasks, most < engine->batch ? most : engine->batch, 1);
}

int64_t lnspi_engine_rows(lnspi_call *c, int64_t from, int64_t count) {
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

int64_t lnspi_engine_narrow(const lnspi_engine *engine, lnspi_call *c, int32_t count,
                            int32_t index) {
  const lnspi_plan *plan = &engine->plan;
  const int64_t from = lnspi_tasks_from(c->batch, count, index);
  const int64_t end = lnspi_tasks_from(c->batch, count, index + 1);
  const int64_t first = lnspi_engine_rows(c, from, end - from);
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
    lnspi_engine_call(span->engine, span->state, n, &call);
    call.split = span->split;
    if (span->count > 1) lnspi_engine_narrow(span->engine, &call, span->count, index);
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
  while (next < nodes && lnspi_engine_apart(engine, next) && !engine_by_outputs(engine, next))
    next++;
  if (next == first) return; /* whole */
  span->last = next - 1;
  span->count = parts;
}

int32_t lnspi_engine_forward(lnspi_engine *engine, const void *state, int64_t batch,
                             int64_t concepts, lnsp_problem *problem) {
  const int32_t nodes = engine->graph->node_count;
  engine->batch = batch;
  engine->concepts = concepts;
  const int32_t parts = lnspi_engine_parts(engine);
  for (int32_t n = 1; n < nodes;) {
    engine_span span = {engine, state, n, n, 1, 0, {0}};
    engine_extend(&span, parts);
    lnspi_tasks_run(&engine->tasks, span.count, engine_part, &span);
    int32_t failed = 0;
    for (int32_t i = 0; i < span.count; i++)
      if (span.failed[i] && (!failed || span.failed[i] < failed)) failed = span.failed[i];
    if (failed) {
      const lnspi_node *node = &engine->graph->nodes[failed];
      return lnspi_fail(problem, LNSP_E_NOT_FINITE, node->name,
                        "value '%s' (layer %d, %s) overflows for this input: the input or the "
                        "weights are too large",
                        node->name, failed, lnspi_layer_at(node->layer)->name);
    }
    n = span.last + 1;
  }
  return LNSP_OK;
}

int32_t lnspi_kernels_choose(const char *isa, int bytes, const lnspi_kernels **out,
                             lnsp_problem *problem) {
  lnsp_problem own;
  if (!problem) problem = &own;
  *out = lnspi_kernels_pick_for(isa, bytes, problem);
  return *out ? LNSP_OK : problem->code;
}

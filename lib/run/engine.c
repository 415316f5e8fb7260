/* Running a plan forward; tensors of the caller in and out of padded rows. */
#include "run/engine.h"

#include "base/problem.h"

void lnspi_engine_layout(lnspi_engine *engine, lnspi_arena *arena) {
  uint64_t nodes = (uint64_t)engine->graph->node_count;
  engine->plan.value_offset = lnspi_take(arena, nodes, sizeof(int64_t));
  engine->plan.saved_offset = lnspi_take(arena, nodes, sizeof(int64_t));
  engine->values = lnspi_take(arena, (uint64_t)engine->plan.value_floats, sizeof(float));
  engine->saved = lnspi_take(arena, (uint64_t)engine->plan.saved_floats, sizeof(float));
  engine->scratch = lnspi_take(arena, (uint64_t)engine->plan.scratch_floats, sizeof(float));
  engine->product = lnspi_take(arena, (uint64_t)engine->plan.product_floats, sizeof(float));
}

/* 1 if every element of a tensor lies within half the address space of the first:
 * then no offset overflows. */
static int engine_within_reach(const lnsp_tensor *tensor) {
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
  return reach <= (uint64_t)(PTRDIFF_MAX / (ptrdiff_t)sizeof(float));
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
  if (!engine_within_reach(tensor))
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

int32_t lnspi_tensor_load(const lnsp_tensor *tensor, const char *role, const lnspi_kernels *k,
                          float *rows, int64_t ld, lnsp_problem *problem) {
  const engine_walk w = engine_walk_over(tensor);
  for (int64_t b = 0; b < w.rows; b++)
    for (int64_t c = 0; c < w.concepts; c++, rows += ld) {
      const char *from = (const char *)tensor->data + b * w.row + c * w.concept;
      if (w.element == (int64_t)sizeof(float))
        memcpy(rows, from, (size_t)w.width * sizeof(float));
      else
        for (int64_t i = 0; i < w.width; i++)
          memcpy(rows + i, from + i * w.element, sizeof(float));
      lnspi_zero_pads(rows, ld, 1, w.width);
      if (!k->finite(rows, w.width))
        return lnspi_fail(problem, LNSP_E_NOT_FINITE, role,
                          "'%s' has a NaN or infinity in row %lld, concept %lld", role,
                          (long long)b, (long long)c);
    }
  return LNSP_OK;
}

void lnspi_tensor_store(const lnsp_tensor *tensor, const float *rows, int64_t ld) {
  const engine_walk w = engine_walk_over(tensor);
  for (int64_t b = 0; b < w.rows; b++)
    for (int64_t c = 0; c < w.concepts; c++, rows += ld) {
      char *to = (char *)tensor->data + b * w.row + c * w.concept;
      if (w.element == (int64_t)sizeof(float))
        memcpy(to, rows, (size_t)w.width * sizeof(float));
      else
        for (int64_t i = 0; i < w.width; i++)
          memcpy(to + i * w.element, rows + i, sizeof(float));
    }
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
  call->concepts = engine->concepts;
  call->rows = engine->batch * engine->concepts;
  for (int32_t i = 0; i < node->input_count; i++) {
    call->in[i] = lnspi_engine_value(engine, node->input[i]);
    call->in_ld[i] = lnspi_node_ld(graph, node->input[i]);
    call->in_width[i] = graph->nodes[node->input[i]].width;
  }
  call->out = lnspi_engine_value(engine, index);
  call->out_ld = lnspi_node_ld(graph, index);
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++)
    if (node->slot[s] >= 0)
      call->weight[s] = (const uint8_t *)state + graph->weights[node->slot[s]].at;
  call->saved = engine->saved + engine->plan.saved_offset[index];
  call->scratch = engine->scratch;
  call->product = engine->product;
}

/* Pads may hold what an earlier value left in a shared buffer: only the width counts. */
static int32_t engine_check_value(const lnspi_engine *engine, int32_t index,
                                  lnsp_problem *problem) {
  const lnspi_node *node = &engine->graph->nodes[index];
  const float *row = lnspi_engine_value(engine, index);
  int64_t ld = lnspi_node_ld(engine->graph, index), rows = engine->batch * engine->concepts;
  int finite = 1;
  if (ld == node->width)
    finite = engine->k->finite(row, rows * ld);
  else
    for (int64_t r = 0; r < rows && finite; r++, row += ld)
      finite = engine->k->finite(row, node->width);
  if (finite) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_NOT_FINITE, node->name,
                    "value '%s' (layer %d, %s) overflows for this input: the input or the "
                    "weights are too large",
                    node->name, index, lnspi_layer_at(node->layer)->name);
}

int32_t lnspi_engine_forward(lnspi_engine *engine, const void *state, int64_t batch,
                             int64_t concepts, lnsp_problem *problem) {
  engine->batch = batch;
  engine->concepts = concepts;
  for (int32_t n = 1; n < engine->graph->node_count; n++) {
    lnspi_call call;
    lnspi_engine_call(engine, state, n, &call);
    lnspi_layer_at(call.node->layer)->forward(&call);
    int32_t status = engine_check_value(engine, n, problem);
    if (status != LNSP_OK) return status;
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

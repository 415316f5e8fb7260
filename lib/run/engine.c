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
  *batch = rows;
  *concepts = middle;
  return LNSP_OK;
}

/* Strides in elements, of a checked tensor: row, concept, element. */
static void engine_strides(const lnsp_tensor *tensor, int64_t strides[3]) {
  int32_t rank = tensor->rank;
  int contiguous = 1;
  for (int32_t d = 0; d < rank; d++) contiguous &= tensor->strides[d] == 0;
  strides[2] = contiguous ? 1 : tensor->strides[rank - 1];
  strides[1] = rank == 3 ? (contiguous ? tensor->dims[2] : tensor->strides[1]) : 0;
  strides[0] = contiguous ? tensor->dims[rank - 1] * (rank == 3 ? tensor->dims[1] : 1)
                          : tensor->strides[0];
}

int32_t lnspi_tensor_load(const lnsp_tensor *tensor, const char *role, const lnspi_kernels *k,
                          float *rows, int64_t ld, lnsp_problem *problem) {
  int64_t strides[3], width = tensor->dims[tensor->rank - 1];
  int64_t concepts = tensor->rank == 3 ? tensor->dims[1] : 1;
  engine_strides(tensor, strides);
  for (int64_t b = 0; b < tensor->dims[0]; b++)
    for (int64_t c = 0; c < concepts; c++, rows += ld) {
      const float *from = (const float *)tensor->data + b * strides[0] + c * strides[1];
      if (strides[2] == 1)
        memcpy(rows, from, (size_t)width * sizeof(float));
      else
        for (int64_t i = 0; i < width; i++) rows[i] = from[i * strides[2]];
      if (ld > width) memset(rows + width, 0, (size_t)(ld - width) * sizeof(float));
      if (!k->finite(rows, width))
        return lnspi_fail(problem, LNSP_E_NOT_FINITE, role,
                          "'%s' has a NaN or infinity in row %lld, concept %lld", role,
                          (long long)b, (long long)c);
    }
  return LNSP_OK;
}

void lnspi_tensor_store(const lnsp_tensor *tensor, const float *rows, int64_t ld) {
  int64_t strides[3], width = tensor->dims[tensor->rank - 1];
  int64_t concepts = tensor->rank == 3 ? tensor->dims[1] : 1;
  engine_strides(tensor, strides);
  for (int64_t b = 0; b < tensor->dims[0]; b++)
    for (int64_t c = 0; c < concepts; c++, rows += ld) {
      float *to = (float *)tensor->data + b * strides[0] + c * strides[1];
      if (strides[2] == 1)
        memcpy(to, rows, (size_t)width * sizeof(float));
      else
        for (int64_t i = 0; i < width; i++) to[i * strides[2]] = rows[i];
    }
}

const lnsp_tensor *lnspi_tensor_find(const lnsp_tensor *tensors, int32_t count,
                                     const char *name) {
  for (int32_t i = 0; i < count; i++)
    if (tensors[i].name && !strcmp(tensors[i].name, name)) return &tensors[i];
  return NULL;
}

void lnspi_engine_call(const lnspi_engine *engine, const float *state, int32_t index,
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
    if (node->slot[s] >= 0) call->weight[s] = state + graph->weights[node->slot[s]].offset;
  call->saved = engine->saved + engine->plan.saved_offset[index];
  call->scratch = engine->scratch;
}

void lnspi_engine_forward(lnspi_engine *engine, const float *state, int64_t batch,
                          int64_t concepts) {
  engine->batch = batch;
  engine->concepts = concepts;
  for (int32_t n = 1; n < engine->graph->node_count; n++) {
    lnspi_call call;
    lnspi_engine_call(engine, state, n, &call);
    lnspi_layer_at(call.node->layer)->forward(&call);
  }
}

int32_t lnspi_engine_check(const lnspi_engine *engine, lnsp_problem *problem) {
  const lnsp_graph *graph = engine->graph;
  for (int32_t o = 0; o < graph->output_count; o++) {
    int32_t node = graph->outputs[o].node;
    int64_t count = engine->batch * engine->concepts * lnspi_node_ld(graph, node);
    if (!engine->k->finite(lnspi_engine_value(engine, node), count))
      return lnspi_fail(problem, LNSP_E_NOT_FINITE, graph->outputs[o].name,
                        "output '%s' overflows for this input: its values or the weights are "
                        "too large", graph->outputs[o].name);
  }
  return LNSP_OK;
}

int32_t lnspi_kernels_choose(const char *isa, const lnspi_kernels **out,
                             lnsp_problem *problem) {
  lnsp_problem own;
  if (!problem) problem = &own;
  *out = lnspi_kernels_pick(isa, problem);
  return *out ? LNSP_OK : problem->code;
}

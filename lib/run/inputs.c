/* What goes into a network: vectors or ids, and a mask. */
#include "run/inputs.h"

#include "base/error.h"
#include "base/str.h"
#include "run/tensor.h"

static int inputs_is_ids(const lnsp_graph *graph) {
  return lnspi_str_equal(lnspi_layer_at(graph->nodes[0].layer)->name, "ids");
}

int lnspi_inputs_use_mask(const lnsp_graph *graph) {
  for (int32_t n = 0; n < graph->node_count; n++)
    if (lnspi_layer_at(graph->nodes[n].layer)->masks == LNSPI_MASKS) return 1;
  return 0;
}

const char *lnspi_inputs_name(const lnsp_graph *graph) {
  return inputs_is_ids(graph) ? "ids" : "input";
}

/* ---- integers ---- */

static int inputs_is_integer(int32_t dtype) { return dtype >= LNSP_I8 && dtype <= LNSP_BOOL; }

/* [rows, concepts] of integers; batch and concepts are set, or checked. */
static int32_t inputs_check_integers(const lnsp_tensor *tensor, const char *role,
                                     int64_t *batch, int64_t *concepts, lnsp_error *error) {
  if (!inputs_is_integer(tensor->dtype))
    return lnspi_error_set(
        error, LNSP_E_DTYPE, role,
        "'%s' must be of integers (I8 to U64, or BOOL), one for each concept", role);
  if (!tensor->data)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, role, "'%s' has no data", role);
  if (tensor->rank != 2)
    return lnspi_error_set(error, LNSP_E_SHAPE, role, "'%s' has rank %d: give [rows, concepts]",
                           role, tensor->rank);
  if (tensor->dims[0] < 1 || tensor->dims[1] < 1)
    return lnspi_error_set(error, LNSP_E_SHAPE, role, "'%s' is empty", role);
  if ((*batch && *batch != tensor->dims[0]) || (*concepts && *concepts != tensor->dims[1]))
    return lnspi_error_set(error, LNSP_E_SHAPE, role,
                           "'%s' has %lld rows of %lld concepts, but %lld of %lld are needed",
                           role, (long long)tensor->dims[0], (long long)tensor->dims[1],
                           (long long)*batch, (long long)*concepts);
  if (!lnspi_tensor_within_reach(tensor))
    return lnspi_error_set(error, LNSP_E_SHAPE, role,
                           "the strides of '%s' lead beyond any memory: give them in elements",
                           role);
  *batch = tensor->dims[0];
  *concepts = tensor->dims[1];
  return LNSP_OK;
}

/* The element of a row and concept as the host stores it; -1 for one beyond int64. */
static int64_t inputs_integer(const lnsp_tensor *tensor, int64_t r, int64_t c) {
  const int contiguous = !tensor->strides[0] && !tensor->strides[1];
  const int64_t index =
      contiguous ? r * tensor->dims[1] + c : r * tensor->strides[0] + c * tensor->strides[1];
#define INPUTS_AS(type)                                                                       \
  {                                                                                           \
    type value;                                                                               \
    memcpy(&value, (const char *)tensor->data + index * (int64_t)sizeof value, sizeof value); \
    return (int64_t)value;                                                                    \
  }
  switch (tensor->dtype) {
    case LNSP_I8: INPUTS_AS(int8_t)
    case LNSP_I16: INPUTS_AS(int16_t)
    case LNSP_I32: INPUTS_AS(int32_t)
    case LNSP_I64: INPUTS_AS(int64_t)
    case LNSP_U16: INPUTS_AS(uint16_t)
    case LNSP_U32: INPUTS_AS(uint32_t)
    case LNSP_U64: {
      uint64_t value;
      memcpy(&value, (const char *)tensor->data + index * 8, sizeof value);
      return value > INT64_MAX ? -1 : (int64_t)value;
    }
    default: INPUTS_AS(uint8_t)
  }
#undef INPUTS_AS
}

/* ---- the input ---- */

int32_t lnspi_inputs_check_tensor(const lnspi_engine *engine, const lnsp_tensor *tensor,
                                  const char *role, int64_t *batch, int64_t *concepts,
                                  lnsp_error *error) {
  const lnsp_graph *graph = engine->graph;
  int32_t status =
      inputs_is_ids(graph)
          ? inputs_check_integers(tensor, role, batch, concepts, error)
          : lnspi_tensor_check(tensor, role, graph->nodes[0].width, batch, concepts, error);
  if (status == LNSP_OK) status = lnspi_graph_check_concepts(graph, *concepts, error);
  return status;
}

static int32_t inputs_ids(const lnspi_engine *engine, const lnsp_tensor *tensor,
                          const char *role, float *rows, lnsp_error *error) {
  const int64_t concepts = tensor->dims[1], ld = lnspi_node_ld(engine->graph, 0);
  const int64_t most = engine->graph->nodes[0].number[0];
  for (int64_t i = 0; i < tensor->dims[0] * concepts; i++) {
    const int64_t id = inputs_integer(tensor, i / concepts, i % concepts);
    if (id < 0 || id >= most)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, role,
                             "'%s' has %lld in row %lld, concept %lld: ids are 0 to %lld", role,
                             (long long)id, (long long)(i / concepts),
                             (long long)(i % concepts), (long long)(most - 1));
    rows[i * ld] = (float)id;
    lnspi_layer_zero_pads(rows + i * ld, ld, 1, 1);
  }
  return LNSP_OK;
}

int32_t lnspi_inputs_load_tensor(const lnspi_engine *engine, const lnsp_tensor *tensor,
                                 const char *role, float *rows, lnsp_error *error) {
  if (inputs_is_ids(engine->graph)) return inputs_ids(engine, tensor, role, rows, error);
  return lnspi_tensor_load(tensor, role, engine->k, &engine->tasks, rows,
                           lnspi_node_ld(engine->graph, 0), error);
}

/* ---- the mask ---- */

static int32_t inputs_mask_allowed(const lnspi_engine *engine, const char *name,
                                   lnsp_error *error) {
  const lnsp_graph *graph = engine->graph;
  if (graph->concepts_step > 1)
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, name,
        "'%s' was given, but this network cuts its rows into chunks: give rows "
        "without padding",
        name);
  for (int32_t n = 0; n < graph->node_count; n++) {
    const lnspi_layer *layer = lnspi_layer_at(graph->nodes[n].layer);
    if (layer->masks == LNSPI_NO_MASK)
      return lnspi_error_set(
          error, LNSP_E_ARGUMENT, name,
          "'%s' was given, but layer %d (%s) of this network cannot leave concepts "
          "out: give rows without padding",
          name, n, layer->name);
  }
  return LNSP_OK;
}

static int32_t inputs_mask_row(const lnsp_tensor *mask, const char *name, int64_t r,
                               uint8_t *to, lnsp_error *error) {
  int64_t kept = 0;
  for (int64_t c = 0; c < mask->dims[1]; c++) {
    const int64_t value = inputs_integer(mask, r, c);
    if (value != 0 && value != 1)
      return lnspi_error_set(
          error, LNSP_E_ARGUMENT, name,
          "'%s' has %lld in row %lld, concept %lld: give 1 for a concept, 0 for "
          "padding",
          name, (long long)value, (long long)r, (long long)c);
    to[c] = (uint8_t)value;
    kept += value;
  }
  if (kept) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_ARGUMENT, name,
                         "'%s' leaves no concept in row %lld: each row needs one", name,
                         (long long)r);
}

int32_t lnspi_inputs_load_mask(lnspi_engine *engine, const lnsp_tensor *inputs,
                               int32_t input_count, const char *name, int64_t row,
                               int64_t batch, int64_t concepts, lnsp_error *error) {
  const lnsp_tensor *mask = lnspi_tensor_find(inputs, input_count, name);
  int32_t status = LNSP_OK;
  if (!engine->mask) { /* each row is by itself: no layer, or a concept a row */
    uint8_t kept;
    if (mask) status = inputs_check_integers(mask, name, &batch, &concepts, error);
    if (status == LNSP_OK && mask) status = inputs_mask_allowed(engine, name, error);
    for (int64_t r = 0; mask && concepts == 1 && status == LNSP_OK && r < batch; r++)
      status = inputs_mask_row(mask, name, r, &kept, error);
    return status;
  }
  if (mask) {
    status = inputs_check_integers(mask, name, &batch, &concepts, error);
    if (status == LNSP_OK) status = inputs_mask_allowed(engine, name, error);
    engine->has_mask = 1;
  } else {
    memset(engine->mask + row * concepts, 1, (size_t)(batch * concepts));
  }
  for (int64_t r = 0; mask && status == LNSP_OK && r < batch; r++)
    status = inputs_mask_row(mask, name, r, engine->mask + (row + r) * concepts, error);
  return status;
}

int32_t lnspi_inputs_check(const lnspi_engine *engine, const lnsp_tensor *inputs,
                           int32_t input_count, int64_t most_rows, int64_t *batch,
                           int64_t *concepts, lnsp_error *error) {
  const char *name = lnspi_inputs_name(engine->graph);
  const lnsp_tensor *input = lnspi_tensor_find(inputs, input_count, name);
  *batch = *concepts = 0;
  if (!input)
    return lnspi_error_set(error, LNSP_E_MISSING, name, "no tensor named '%s' was given", name);
  int32_t status = lnspi_inputs_check_tensor(engine, input, name, batch, concepts, error);
  if (status != LNSP_OK) return status;
  if (*batch > most_rows || *concepts > engine->plan.concepts)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, name,
        "'%s' has %lld rows of %lld concepts, but this handle was made for at "
        "most %lld of %lld: raise max_rows or max_concepts, or run it in parts",
        name, (long long)*batch, (long long)*concepts, (long long)most_rows,
        (long long)engine->plan.concepts);
  return LNSP_OK;
}

int32_t lnspi_inputs_load(lnspi_engine *engine, const lnsp_tensor *inputs, int32_t input_count,
                          int64_t batch, int64_t concepts, lnsp_error *error) {
  const char *name = lnspi_inputs_name(engine->graph);
  const int32_t status =
      lnspi_inputs_load_tensor(engine, lnspi_tensor_find(inputs, input_count, name), name,
                               lnspi_engine_value(engine, 0), error);
  engine->has_mask = 0;
  if (status != LNSP_OK) return status;
  return lnspi_inputs_load_mask(engine, inputs, input_count, "mask", 0, batch, concepts, error);
}

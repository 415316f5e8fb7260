/* The tensors of one call: found by name, checked, and bound to what needs them.
 *
 * Everything that a caller hands to a run or a step comes through here, once.
 * lnspi_batch_needs says what the call needs: groups (the network's inputs, of which a triplet
 * loss has three, each with a mask if the caller wants) and data (targets, teachers,
 * negatives: constants of the loss). lnspi_batch_bind finds each by its name and checks type,
 * rank, shape and strides. The first group sets the numbers of rows and concepts, and all
 * others must agree with it.
 *
 * The result is a view with a pointer a tensor. It owns nothing and is good only during the
 * call. lnspi_inputs_load (inputs.c) then copies what the view points to; no other function
 * looks at the caller's list again.
 *
 * Nothing is written before all of this has passed, so a call that is refused here leaves the
 * handle as it was, with the values and gradients of the pass before. Only values (NaN, an id
 * out of range, a mask that is neither 0 nor 1) are found later, while they are copied.
 *
 * Strides count elements. A tensor is accepted if the sum of its steps stays within half the
 * address space: after that no offset into it overflows. A tensor without strides is
 * contiguous, and the caller vouches for its memory. */
#include "run/batch.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/str.h"
#include "graph/layer.h"

int lnspi_batch_takes_ids(const lnsp_graph *graph) { return graph->id_count > 0; }

const char *lnspi_batch_input_name(const lnsp_graph *graph) {
  return lnspi_batch_takes_ids(graph) ? "ids" : "input";
}

void lnspi_batch_need_input(const lnsp_graph *graph, lnspi_batch_needs *needs) {
  needs->group_count = 1;
  needs->group[0] = lnspi_batch_input_name(graph);
  needs->data_count = needs->nothing_else = 0;
}

const lnsp_tensor *lnspi_batch_find(const lnsp_tensor *tensors, int32_t count,
                                    const char *name) {
  for (int32_t i = 0; i < count; i++)
    if (tensors[i].name && lnspi_str_equal(tensors[i].name, name)) return &tensors[i];
  return NULL;
}

/* ---- vectors ---- */

static int batch_within_reach(const lnsp_tensor *tensor) {
  uint64_t reach = 0, step, part;
  int contiguous = 1;
  for (int32_t d = 0; d < tensor->rank; d++) contiguous &= tensor->strides[d] == 0;
  if (contiguous) return 1; /* all of it is memory that the caller has */
  for (int32_t d = 0; d < tensor->rank; d++) {
    step = (uint64_t)tensor->strides[d];
    if (tensor->strides[d] < 0) step = 0 - step;
    if (!lnspi_checked_mul(step, (uint64_t)tensor->dims[d] - 1, &part) ||
        !lnspi_checked_add(reach, part, &reach))
      return 0;
  }
  return reach <= (uint64_t)(PTRDIFF_MAX / 8); /* bytes of the largest elements */
}

int32_t lnspi_batch_check_tensor(const lnsp_tensor *tensor, const char *role, int64_t width,
                                 int64_t *batch, int64_t *concepts, lnsp_error *error) {
  if (tensor->dtype != LNSP_F32)
    return lnspi_error_set(error, LNSP_E_DTYPE, role, "'%s' must be F32: convert it first",
                           role);
  if (!tensor->data)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, role, "'%s' has no data", role);
  if (tensor->rank != 2 && tensor->rank != 3)
    return lnspi_error_set(error, LNSP_E_SHAPE, role,
                           "'%s' has rank %d: give [rows, %lld] or [rows, concepts, %lld]",
                           role, tensor->rank, (long long)width, (long long)width);
  int64_t rows = tensor->dims[0], middle = tensor->rank == 3 ? tensor->dims[1] : 1;
  if (tensor->dims[tensor->rank - 1] != width)
    return lnspi_error_set(
        error, LNSP_E_SHAPE, role,
        "'%s' has width %lld, but %lld is needed: check the data or the model", role,
        (long long)tensor->dims[tensor->rank - 1], (long long)width);
  if (rows < 1 || middle < 1)
    return lnspi_error_set(error, LNSP_E_SHAPE, role, "'%s' is empty", role);
  if ((*batch && *batch != rows) || (*concepts && *concepts != middle))
    return lnspi_error_set(error, LNSP_E_SHAPE, role,
                           "'%s' has %lld rows of %lld concepts, but %lld of %lld are needed",
                           role, (long long)rows, (long long)middle, (long long)*batch,
                           (long long)*concepts);
  if (!batch_within_reach(tensor))
    return lnspi_error_set(
        error, LNSP_E_SHAPE, role,
        "the strides of '%s' are out of range; strides count elements, not bytes", role);
  *batch = rows;
  *concepts = middle;
  return LNSP_OK;
}

/* ---- ids and masks ---- */

static int batch_is_integer(int32_t dtype) { return dtype >= LNSP_I8 && dtype <= LNSP_BOOL; }

/* [rows, concepts] of integers; batch and concepts are set, or checked. */
static int32_t batch_check_integers(const lnsp_tensor *tensor, const char *role, int64_t *batch,
                                    int64_t *concepts, lnsp_error *error) {
  if (!batch_is_integer(tensor->dtype))
    return lnspi_error_set(error, LNSP_E_DTYPE, role,
                           "'%s' must hold integers (I8 to U64, or BOOL), one for each concept",
                           role);
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
  if (!batch_within_reach(tensor))
    return lnspi_error_set(
        error, LNSP_E_SHAPE, role,
        "the strides of '%s' are out of range; strides count elements, not bytes", role);
  *batch = tensor->dims[0];
  *concepts = tensor->dims[1];
  return LNSP_OK;
}

static int32_t batch_mask_allowed(const lnsp_graph *graph, const char *name,
                                  lnsp_error *error) {
  if (graph->concepts_step > 1)
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, name,
        "'%s' was given, but this network splits its rows into chunks and does not support "
        "masks: give rows without padding",
        name);
  for (int32_t n = 0; n < graph->node_count; n++) {
    const lnspi_layer *layer = lnspi_layer_at(graph->nodes[n].layer);
    if (layer->masks == LNSPI_NO_MASK)
      return lnspi_error_set(
          error, LNSP_E_ARGUMENT, name,
          "'%s' was given, but layer %d (%s) does not support masks: give rows without padding",
          name, n, layer->name);
  }
  return LNSP_OK;
}

/* ---- binding ---- */

/* A mask is "mask", or one a group: "anchor_mask". */
static int32_t batch_bind_mask(const lnsp_graph *graph, const lnsp_tensor *tensors,
                               int32_t count, int32_t group, lnspi_batch *batch,
                               lnsp_error *error) {
  char name[32] = "mask";
  if (batch->needs->group_count > 1)
    lnspi_format(name, sizeof name, "%s_mask", batch->needs->group[group]);
  const lnsp_tensor *mask = lnspi_batch_find(tensors, count, name);
  batch->mask[group] = mask;
  if (!mask) return LNSP_OK;
  int32_t status =
      batch_check_integers(mask, mask->name, &batch->rows, &batch->concepts, error);
  if (status) return status;
  return batch_mask_allowed(graph, mask->name, error);
}

/* The first group sets rows and concepts; all others must have as many. */
static int32_t batch_bind_group(const lnsp_graph *graph, const lnsp_tensor *tensors,
                                int32_t count, int32_t group, lnspi_batch *batch,
                                lnsp_error *error) {
  const char *name = batch->needs->group[group];
  const lnsp_tensor *input = lnspi_batch_find(tensors, count, name);
  batch->input[group] = input;
  if (!input)
    return lnspi_error_set(error, LNSP_E_MISSING, name,
                           "there is no tensor named '%s': give one, or check the names", name);
  int32_t status =
      lnspi_batch_takes_ids(graph)
          ? batch_check_integers(input, name, &batch->rows, &batch->concepts, error)
          : lnspi_batch_check_tensor(input, name, graph->nodes[0].width, &batch->rows,
                                     &batch->concepts, error);
  if (status) return status;
  return lnspi_graph_check_concepts(graph, batch->concepts, error);
}

/* rows: of the output that it goes with. A set is [rows, n, width] for one vector n or
 * more; anything else has one vector for each row. */
static int32_t batch_bind_data(const lnsp_tensor *tensors, int32_t count, int32_t index,
                               lnspi_batch *batch, lnsp_error *error) {
  const lnspi_batch_data *need = &batch->needs->data[index];
  const char *name = need->name;
  int64_t rows = batch->rows, each = need->every ? batch->concepts / need->every : 1;
  const lnsp_tensor *tensor = need->made ? NULL : lnspi_batch_find(tensors, count, name);
  batch->data[index] = tensor;
  batch->each[index] = 1;
  if (need->made) return LNSP_OK;
  if (!tensor)
    return lnspi_error_set(error, LNSP_E_MISSING, name,
                           "the loss needs a tensor named '%s': give one, or check the names",
                           name);
  if (need->most) {
    rows *= each;
    each = 0;
  } else if (each > 1 && tensor->rank == 2 && tensor->dims[0] == rows) {
    return lnspi_error_set(
        error, LNSP_E_SHAPE, name,
        "'%s' has one vector a row, but the output has %lld: name an output with one (on=last) "
        "or give [%lld, %lld, %d]",
        name, (long long)each, (long long)rows, (long long)each, need->width);
  }
  int32_t status = lnspi_batch_check_tensor(tensor, name, need->width, &rows, &each, error);
  if (status || !need->most) return status;
  batch->each[index] = each;
  if (each <= need->most) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_LIMIT, name,
      "'%s' has %lld vectors a row, but the loss was made for at most %d: raise the limit in "
      "the loss text (lnsp list shows its key)",
      name, (long long)each, need->most);
}

/* Of another name, a tensor would be ignored in silence: a mask under a wrong name, say. */
static int32_t batch_nothing_else(const lnspi_batch_needs *needs, const lnsp_tensor *tensors,
                                  int32_t count, lnsp_error *error) {
  const char *input = needs->group[0];
  for (int32_t i = 0; i < count; i++)
    if (tensors[i].name && !lnspi_str_equal(tensors[i].name, input) &&
        !lnspi_str_equal(tensors[i].name, "mask"))
      return lnspi_error_set(error, LNSP_E_ARGUMENT, tensors[i].name,
                             "a session takes '%s' and 'mask', but '%.80s' was given", input,
                             tensors[i].name);
  return LNSP_OK;
}

int32_t lnspi_batch_bind(const lnsp_graph *graph, const lnspi_batch_needs *needs,
                         int64_t max_rows, int64_t max_concepts, const lnsp_tensor *tensors,
                         int32_t count, lnspi_batch *batch, lnsp_error *error) {
  batch->needs = needs;
  batch->rows = batch->concepts = 0;
  for (int32_t g = 0; g < needs->group_count; g++) {
    int32_t status = batch_bind_group(graph, tensors, count, g, batch, error);
    if (status) return status;
  }
  for (int32_t d = 0; d < needs->data_count; d++) {
    int32_t status = batch_bind_data(tensors, count, d, batch, error);
    if (status) return status;
  }
  if (batch->rows > max_rows || batch->concepts > max_concepts)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, needs->group[0],
        "'%s' has %lld rows of %lld concepts, but this handle was made for at most %lld of "
        "%lld: raise max_rows or max_concepts, or give fewer at a time",
        needs->group[0], (long long)batch->rows, (long long)batch->concepts,
        (long long)max_rows, (long long)max_concepts);
  for (int32_t g = 0; g < needs->group_count; g++) {
    int32_t status = batch_bind_mask(graph, tensors, count, g, batch, error);
    if (status) return status;
  }
  return needs->nothing_else ? batch_nothing_else(needs, tensors, count, error) : LNSP_OK;
}

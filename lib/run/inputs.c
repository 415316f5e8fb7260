/* The values of a bound batch, copied in: vectors or ids, masks, and the data of a loss.
 *
 * Rows of all groups are stored one after the other in the value of node 0, so that one
 * forward pass runs anchor, positive and negative together: the weights are read once. Vectors
 * are padded with +0 to a multiple of 16 floats, as the kernels expect. Ids are stored as
 * floats; the vocabulary has at most 2^24 entries, so that each id is exact.
 *
 * A mask has one byte a concept. engine.mask is there only if a layer uses masks and rows have
 * more than one concept; engine.has_mask says whether this call has one, and layers skip the
 * mask altogether without. If one group has a mask and another has none, the other gets ones.
 *
 * Vectors are collected first and copied by one call (tensor.c), which spreads them over tasks
 * and checks that they are finite while they are in the cache. */
#include "run/inputs.h"

#include "base/error.h"
#include "run/tensor.h"

/* ---- ids and masks ---- */

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

static int32_t inputs_load_ids(const lnspi_engine *engine, const lnsp_tensor *tensor,
                               float *rows, lnsp_error *error) {
  const int64_t concepts = tensor->dims[1], ld = lnspi_node_ld(engine->graph, 0);
  const int64_t most = engine->graph->id_count;
  for (int64_t i = 0; i < tensor->dims[0] * concepts; i++) {
    const int64_t id = inputs_integer(tensor, i / concepts, i % concepts);
    if (id < 0 || id >= most)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, tensor->name,
                             "'%s' has %lld in row %lld, concept %lld: ids are 0 to %lld",
                             tensor->name, (long long)id, (long long)(i / concepts),
                             (long long)(i % concepts), (long long)(most - 1));
    rows[i * ld] = (float)id;
    lnspi_layer_zero_pads(rows + i * ld, ld, 1, 1);
  }
  return LNSP_OK;
}

static int32_t inputs_mask_row(const lnsp_tensor *mask, int64_t r, uint8_t *to,
                               lnsp_error *error) {
  int64_t kept = 0;
  for (int64_t c = 0; c < mask->dims[1]; c++) {
    const int64_t value = inputs_integer(mask, r, c);
    if (value != 0 && value != 1)
      return lnspi_error_set(
          error, LNSP_E_ARGUMENT, mask->name,
          "'%s' has %lld in row %lld, concept %lld: give 1 for a concept, 0 for padding",
          mask->name, (long long)value, (long long)r, (long long)c);
    to[c] = (uint8_t)value;
    kept += value;
  }
  if (kept) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_ARGUMENT, mask->name,
                         "'%s' masks every concept of row %lld: each row needs at least one",
                         mask->name, (long long)r);
}

/* One byte a concept, of the rows of a group; the content of a mask matters only where a
 * layer uses it, or where it could leave out the one concept of a row. */
static int32_t inputs_load_mask(lnspi_engine *engine, const lnspi_batch *batch, int32_t group,
                                lnsp_error *error) {
  const lnsp_tensor *mask = batch->mask[group];
  const int64_t first = group * batch->rows;
  if (!mask) {
    if (engine->has_mask)
      memset(engine->mask + first * batch->concepts, 1,
             (size_t)(batch->rows * batch->concepts));
    return LNSP_OK;
  }
  if (!engine->mask && batch->concepts > 1) return LNSP_OK;
  for (int64_t r = 0; r < batch->rows; r++) {
    uint8_t unused = 0;
    uint8_t *to = engine->mask ? engine->mask + (first + r) * batch->concepts : &unused;
    int32_t status = inputs_mask_row(mask, r, to, error);
    if (status) return status;
  }
  return LNSP_OK;
}

/* ---- all of it ---- */

int32_t lnspi_inputs_load(lnspi_engine *engine, const lnspi_batch *batch, lnsp_error *error) {
  const lnspi_batch_needs *needs = batch->needs;
  const int ids = lnspi_batch_takes_ids(engine->graph);
  const int64_t ld = lnspi_node_ld(engine->graph, 0);
  float *rows = lnspi_engine_value(engine, 0);
  lnspi_tensor_rows vectors[LNSPI_GROUPS + LNSPI_DATA];
  int32_t count = 0;
  engine->has_mask = 0;
  for (int32_t g = 0; g < needs->group_count; g++)
    if (batch->mask[g] && engine->mask) engine->has_mask = 1;
  for (int32_t g = 0; g < needs->group_count; g++) {
    const lnsp_tensor *input = batch->input[g];
    int32_t status = inputs_load_mask(engine, batch, g, error);
    if (!status && ids) status = inputs_load_ids(engine, input, rows, error);
    if (status) return status;
    if (!ids) vectors[count++] = (lnspi_tensor_rows){input, input->name, rows, ld};
    rows += batch->rows * batch->concepts * ld;
  }
  for (int32_t d = 0; d < needs->data_count; d++)
    if (batch->data[d])
      vectors[count++] =
          (lnspi_tensor_rows){batch->data[d], needs->data[d].name, needs->data[d].rows,
                              lnspi_round16(needs->data[d].width)};
  return lnspi_tensor_load(vectors, count, engine->k, &engine->tasks, error);
}

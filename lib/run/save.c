/* Writing states as safetensors, row by row.
 *
 * A file consists of parts (weights, moments, average, residual), each with a prefix. Items
 * are declared first, since the header of the format comes before the data, and rows follow in
 * the same order. Four-byte elements come before shorter ones, so that every tensor is aligned
 * to its element.
 *
 * A row at a time is unpacked from its panel, converted and written: the memory is that of one
 * row, whatever the network. Of int8 a row gives its codes in one tensor and its scale in
 * another, at different times, so it is quantised twice; the same input gives the same codes.
 * A row that does not fit into the type (float16 overflows) fails the save, after part of the
 * file was written: the sink's owner drops that. */
#include "run/save.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "format/dtype.h"
#include "format/writer.h"
#include "kernels/kernels.h"
#include "kernels/lowp.h"
#include "run/load.h"
#include "run/weight.h"

#define SAVE_PAIRS 80
#define SAVE_NAME_BYTES (2 * LNSPI_NAME_BYTES) /* prefix, name, suffix */

/* A tensor of the file: a weight's values, or the scales of its codes. */
typedef struct save_item {
  const lnspi_save_part *part;
  const lnspi_weight *weight;
  int32_t scales, dtype;
} save_item;

typedef struct save_work {
  lnspi_block block;
  lnsp_tensor *tensors;
  save_item *items;
  char *names;
  float *row;
  int8_t *codes; /* or halves: a row */
  int32_t count;
} save_work;

const char *lnspi_save_architecture_key(const lnsp_graph *graph) {
  return lnspi_str_starts_with(graph->architecture, "lnsp ") ? "lnsp.graph" : "lnsp.arch";
}

static void save_layout(lnspi_arena *arena, const lnsp_graph *graph, save_work *work) {
  uint64_t columns = (uint64_t)lnspi_state_longest_row(graph), count = (uint64_t)work->count;
  work->tensors = lnspi_arena_alloc(arena, count, sizeof *work->tensors);
  work->items = lnspi_arena_alloc(arena, count, sizeof *work->items);
  work->names = lnspi_arena_alloc(arena, count, SAVE_NAME_BYTES);
  work->row = lnspi_arena_alloc(arena, columns, sizeof(float));
  work->codes = lnspi_arena_alloc(arena, columns, sizeof(uint16_t));
}

static void save_declare_one(save_work *work, const lnspi_save_part *part,
                             const lnspi_weight *weight, int32_t scales, int32_t dtype) {
  lnsp_tensor *tensor = &work->tensors[work->count];
  char *name = work->names + (size_t)work->count * SAVE_NAME_BYTES;
  lnspi_format(name, SAVE_NAME_BYTES, "%s%s%s", part->prefix, weight->name,
               scales ? LNSPI_SCALE_SUFFIX : "");
  work->items[work->count++] = (save_item){part, weight, scales, dtype};
  tensor->name = name;
  tensor->dtype = dtype;
  tensor->rank = weight->rank;
  for (int32_t d = 0; d < weight->rank; d++) tensor->dims[d] = weight->dims[d];
  if (scales) tensor->dims[1] = 1;
}

static int32_t save_dtype(const lnspi_save_part *part, const lnspi_weight *weight,
                          int32_t dtype) {
  return weight->kind == LNSPI_MATRIX && !part->array ? dtype : LNSP_F32;
}

/* Larger elements first, so that all are aligned; else in canonical order. */
static void save_declare(const lnsp_graph *graph, const lnspi_save_part *parts,
                         int32_t part_count, int32_t dtype, save_work *work) {
  work->count = 0;
  for (int32_t compact = 0; compact < 2; compact++)
    for (int32_t p = 0; p < part_count; p++)
      for (int32_t i = 0; i < graph->weight_count; i++) {
        const lnspi_weight *weight = &graph->weights[i];
        int32_t as = save_dtype(&parts[p], weight, dtype);
        if ((as != LNSP_F32) == compact) save_declare_one(work, &parts[p], weight, 0, as);
        if (as == LNSP_I8 && !compact) save_declare_one(work, &parts[p], weight, 1, LNSP_F32);
      }
}

/* One row in the item's type; gives its address. */
static int32_t save_row(const save_item *item, int64_t row, const save_work *work,
                        const void **data, lnsp_error *error) {
  const lnspi_kernels *k = &lnspi_kernels_scalar;
  const lnspi_weight *weight = item->weight;
  const void *state = item->part->state;
  int64_t columns = lnspi_weight_columns(weight);
  uint16_t *half = (uint16_t *)(void *)work->codes;
  *data = work->codes;
  if (item->dtype == LNSP_I8 || item->scales) {
    if (weight->type == LNSP_I8) {
      *work->row = lnspi_state_read_codes(weight, state, row, work->codes);
    } else {
      lnspi_state_read(weight, state, row, 1, work->row);
      int32_t status = lnspi_state_check_row(weight, LNSP_I8, row, work->row, error);
      if (status) return status;
      *work->row = lnspi_lowp_quantise(work->codes, 4, work->row, columns);
    }
    if (item->scales) *data = work->row;
    return LNSP_OK;
  }
  if (item->part->read)
    item->part->read(state, weight, row, 0, columns, work->row);
  else if (item->part->array)
    lnspi_state_read_array(weight, state, row, 1, work->row);
  else
    lnspi_state_read(weight, state, row, 1, work->row);
  if (item->dtype == LNSP_F32) {
    *data = work->row;
    return LNSP_OK;
  }
  int32_t status = lnspi_state_check_row(weight, item->dtype, row, work->row, error);
  if (item->dtype == LNSP_F16)
    k->f32_to_f16(half, work->row, columns);
  else
    k->f32_to_bf16(half, work->row, columns);
  return status;
}

static int32_t save_rows(const save_item *item, const save_work *work, lnsp_writer *writer,
                         lnsp_error *error) {
  int64_t rows = lnspi_weight_rows(item->weight);
  int64_t columns = item->scales ? 1 : lnspi_weight_columns(item->weight);
  const size_t bytes = (size_t)columns * lnspi_dtype_bytes(item->dtype);
  for (int64_t r = 0; r < rows; r++) {
    const void *data = NULL;
    int32_t status = save_row(item, r, work, &data, error);
    if (!status) status = lnspi_writer_write(writer, data, bytes, error);
    if (status) return status;
  }
  return LNSP_OK;
}

int32_t lnspi_save(const lnsp_graph *graph, const lnspi_save_part *parts, int32_t part_count,
                   const lnsp_key_value *extra, int32_t extra_count, int32_t dtype,
                   const lnsp_sink *sink, const lnsp_options *options, lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  save_work work;
  lnsp_writer *writer = NULL;
  lnsp_key_value pairs[SAVE_PAIRS] = {{"format", "pt"},
                                      {lnspi_save_architecture_key(graph),
                                       graph->architecture}};
  if (extra_count > SAVE_PAIRS - 2)
    return lnspi_error_set(error, LNSP_E_INTERNAL, NULL, "too many metadata pairs");
  for (int32_t i = 0; i < extra_count; i++) pairs[2 + i] = extra[i];
  memset(&work, 0, sizeof work);
  for (int32_t p = 0; p < part_count; p++)
    for (int32_t i = 0; i < graph->weight_count; i++)
      work.count += 1 + (save_dtype(&parts[p], &graph->weights[i], dtype) == LNSP_I8);
  save_layout(&arena, graph, &work);
  int32_t status = lnspi_block_open(&work.block, options, arena.used, error);
  if (status) return status;
  arena = (lnspi_arena){work.block.memory, 0, arena.used, 0};
  save_layout(&arena, graph, &work);
  save_declare(graph, parts, part_count, dtype, &work);
  status = lnspi_writer_open(sink, work.tensors, work.count, pairs, 2 + extra_count, options,
                             &writer, error);
  for (int32_t i = 0; !status && i < work.count; i++)
    status = save_rows(&work.items[i], &work, writer, error);
  if (!status) status = lnspi_writer_close(writer, error);
  if (writer) lnspi_writer_destroy(writer);
  lnspi_block_close(&work.block);
  return status;
}

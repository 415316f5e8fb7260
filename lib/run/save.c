/* Writing states as safetensors, row by row. */
#include "run/save.h"

#include "base/problem.h"
#include "base/text.h"

#define SAVE_PAIRS 16

typedef struct save_work {
  lnspi_block block;
  lnsp_tensor *tensors;
  char *names;
  float *row;
  uint16_t *half;
} save_work;

const char *lnspi_save_architecture_key(const lnsp_graph *graph) {
  return lnspi_begins(graph->architecture, "lnsp ") ? "lnsp.graph" : "lnsp.arch";
}

static void save_layout(lnspi_arena *arena, const lnsp_graph *graph, uint64_t tensors,
                        save_work *work) {
  uint64_t columns = (uint64_t)lnspi_state_columns(graph);
  work->tensors = lnspi_take(arena, tensors, sizeof *work->tensors);
  work->names = lnspi_take(arena, tensors, 2 * LNSPI_NAME_BYTES);
  work->row = lnspi_take(arena, columns, sizeof(float));
  work->half = lnspi_take(arena, columns, sizeof(uint16_t));
}

static void save_declare(const lnsp_graph *graph, const lnspi_save_part *parts,
                         int32_t part_count, int32_t dtype, save_work *work) {
  int32_t index = 0;
  for (int32_t p = 0; p < part_count; p++)
    for (int32_t i = 0; i < graph->weight_count; i++, index++) {
      const lnspi_weight *weight = &graph->weights[i];
      lnsp_tensor *tensor = &work->tensors[index];
      char *name = work->names + (size_t)index * 2 * LNSPI_NAME_BYTES;
      lnspi_format(name, 2 * LNSPI_NAME_BYTES, "%s%s", parts[p].prefix, weight->name);
      tensor->name = name;
      tensor->dtype = dtype;
      tensor->rank = weight->rank;
      for (int32_t d = 0; d < weight->rank; d++) tensor->dims[d] = weight->dims[d];
    }
}

static int32_t save_rows(const lnspi_weight *weight, const void *state, int32_t dtype,
                         save_work *work, lnsp_writer *writer, lnsp_problem *problem) {
  int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
  for (int64_t r = 0; r < rows; r++) {
    const void *data = work->row;
    size_t bytes = (size_t)columns * sizeof(float);
    lnspi_state_read(weight, state, r, 1, work->row);
    if (dtype != LNSP_F32) {
      const lnspi_kernels *k = &lnspi_kernels_scalar;
      if (dtype == LNSP_F16) {
        k->f32_to_f16(work->half, work->row, columns);
        k->f16_to_f32(work->row, work->half, columns);
      } else {
        k->f32_to_bf16(work->half, work->row, columns);
        k->bf16_to_f32(work->row, work->half, columns);
      }
      if (!k->finite(work->row, columns))
        return lnspi_fail(problem, LNSP_E_NOT_FINITE, weight->name,
                          "tensor '%s' has a value too large for %s: save it as F32",
                          weight->name, dtype == LNSP_F16 ? "F16" : "BF16");
      data = work->half;
      bytes = (size_t)columns * sizeof(uint16_t);
    }
    int32_t status = lnspi_writer_write(writer, data, bytes, problem);
    if (status != LNSP_OK) return status;
  }
  return LNSP_OK;
}

int32_t lnspi_save(const lnsp_graph *graph, const lnspi_save_part *parts,
                   int32_t part_count, const lnsp_pair *extra, int32_t extra_count,
                   int32_t dtype, const lnsp_sink *sink, const lnsp_options *options,
                   lnsp_problem *problem) {
  uint64_t count = (uint64_t)part_count * (uint64_t)graph->weight_count;
  lnspi_arena arena = {NULL, 0, 0, 0};
  save_work work;
  lnsp_writer *writer = NULL;
  lnsp_pair pairs[SAVE_PAIRS] = {{"format", "pt"},
                                 {lnspi_save_architecture_key(graph), graph->architecture}};
  if (extra_count > SAVE_PAIRS - 2)
    return lnspi_fail(problem, LNSP_E_INTERNAL, NULL, "too many metadata pairs");
  for (int32_t i = 0; i < extra_count; i++) pairs[2 + i] = extra[i];
  save_layout(&arena, graph, count, &work);
  int32_t status = lnspi_block_open(&work.block, options, arena.used, problem);
  if (status != LNSP_OK) return status;
  arena = (lnspi_arena){work.block.memory, 0, arena.used, 0};
  save_layout(&arena, graph, count, &work);
  save_declare(graph, parts, part_count, dtype, &work);
  status = lnspi_writer_open(sink, work.tensors, (int32_t)count, pairs, 2 + extra_count,
                             options, &writer, problem);
  for (int32_t p = 0; status == LNSP_OK && p < part_count; p++)
    for (int32_t i = 0; status == LNSP_OK && i < graph->weight_count; i++)
      status = save_rows(&graph->weights[i], parts[p].state, dtype, &work, writer, problem);
  if (status == LNSP_OK) status = lnspi_writer_close(writer, problem);
  if (writer) lnspi_writer_destroy(writer);
  lnspi_block_close(&work.block);
  return status;
}

/* The state array: rows of its tensors in and out, and its hash. */
#include "run/state.h"

#include "base/text.h"

int64_t lnspi_weight_rows(const lnspi_weight *weight) {
  if (weight->kind == LNSPI_FLAT && weight->rank <= 1) return weight->parts;
  return weight->dims[0];
}

int64_t lnspi_weight_columns(const lnspi_weight *weight) {
  int64_t rows = lnspi_weight_rows(weight);
  return rows ? weight->count / rows : 0;
}

int64_t lnspi_state_columns(const lnsp_graph *graph) {
  int64_t most = 16;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    int64_t columns = lnspi_weight_columns(&graph->weights[i]);
    if (columns > most) most = columns;
  }
  return most;
}

/* Floats from the start of the tensor to row number row of a FLAT tensor. */
static int64_t state_flat_row(const lnspi_weight *weight, int64_t row) {
  int64_t columns = lnspi_weight_columns(weight);
  return row * (weight->rank <= 1 ? lnspi_round16(columns) : columns);
}

/* Rows of a tensor that lies at base as floats. */
static void state_read_floats(const lnspi_weight *weight, const float *base, int64_t first,
                              int64_t count, float *rows) {
  int64_t columns = lnspi_weight_columns(weight);
  for (int64_t r = 0; r < count; r++, rows += columns) {
    int64_t row = first + r;
    if (weight->kind == LNSPI_MATRIX) {
      int64_t out = weight->dims[0] / weight->parts;
      const float *part = base + row / out * lnspi_packed_floats(columns, out);
      lnspi_unpack_rows(part, columns, out, row % out, 1, rows, columns);
    } else {
      memcpy(rows, base + state_flat_row(weight, row), (size_t)columns * sizeof(float));
    }
  }
}

static void state_write_floats(const lnspi_weight *weight, float *base, int64_t first,
                               int64_t count, const float *rows) {
  int64_t columns = lnspi_weight_columns(weight);
  for (int64_t r = 0; r < count; r++, rows += columns) {
    int64_t row = first + r;
    if (weight->kind == LNSPI_MATRIX) {
      int64_t out = weight->dims[0] / weight->parts;
      float *part = base + row / out * lnspi_packed_floats(columns, out);
      lnspi_pack_rows(part, columns, out, row % out, 1, rows, columns);
    } else {
      memcpy(base + state_flat_row(weight, row), rows, (size_t)columns * sizeof(float));
    }
  }
}

void lnspi_array_read(const lnspi_weight *weight, const float *array, int64_t first,
                      int64_t count, float *rows) {
  state_read_floats(weight, array + weight->offset, first, count, rows);
}

void lnspi_array_write(const lnspi_weight *weight, float *array, int64_t first, int64_t count,
                       const float *rows) {
  state_write_floats(weight, array + weight->offset, first, count, rows);
}

void lnspi_state_read(const lnspi_weight *weight, const void *state, int64_t first,
                      int64_t count, float *rows) {
  const void *base = (const uint8_t *)state + weight->at;
  state_read_floats(weight, base, first, count, rows);
}

void lnspi_state_write(const lnspi_weight *weight, void *state, int64_t first, int64_t count,
                       const float *rows) {
  void *base = (uint8_t *)state + weight->at;
  state_write_floats(weight, base, first, count, rows);
}

/* One value of a tensor at base, wherever it lies. */
static float state_value(const lnspi_weight *weight, const float *base, int64_t row,
                         int64_t column, int64_t columns) {
  if (weight->kind == LNSPI_MATRIX) {
    int64_t out = weight->dims[0] / weight->parts;
    int64_t o = row % out, panel = o / 64, left = lnspi_round16(out) - 64 * panel;
    int64_t lanes = left < 64 ? left : 64;
    return base[row / out * lnspi_packed_floats(columns, out) + 64 * panel * columns +
                column * lanes + o % 64];
  }
  return base[state_flat_row(weight, row) + column];
}

/* A tensor that lies at base. */
static void state_hash_tensor(const lnspi_weight *weight, const float *base,
                              lnspi_blake2s *hash) {
  uint8_t bytes[256];
  int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
  lnspi_blake2s_add(hash, weight->name, lnspi_length(weight->name) + 1);
  lnspi_store64(bytes, (uint64_t)weight->rank);
  for (int32_t d = 0; d < weight->rank; d++)
    lnspi_store64(bytes + 8 + 8 * d, (uint64_t)weight->dims[d]);
  lnspi_blake2s_add(hash, bytes, 8 + 8 * (size_t)weight->rank);
  for (int64_t r = 0; r < rows; r++) {
    size_t filled = 0;
    for (int64_t c = 0; c < columns; c++) {
      float value = state_value(weight, base, r, c, columns);
      lnspi_store32(bytes + filled, lnspi_float_bits(value));
      filled += 4;
      if (filled == sizeof bytes || c + 1 == columns) {
        lnspi_blake2s_add(hash, bytes, filled);
        filled = 0;
      }
    }
  }
}

void lnspi_state_hash(const lnsp_graph *graph, const void *state, lnspi_blake2s *hash) {
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const void *base = (const uint8_t *)state + graph->weights[i].at;
    state_hash_tensor(&graph->weights[i], base, hash);
  }
}

void lnspi_array_hash(const lnsp_graph *graph, const float *array, lnspi_blake2s *hash) {
  for (int32_t i = 0; i < graph->weight_count; i++)
    state_hash_tensor(&graph->weights[i], array + graph->weights[i].offset, hash);
}

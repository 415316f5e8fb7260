/* The state: all tensors of a graph, packed, in one piece of memory.
 *
 * A weight of kind MATRIX is stored as the kernels read it. Each of its parts (a GRU has three
 * gates in one tensor) is cut into panels of 64 outputs; in a panel the 64 values of one input
 * are next to each other, so that one vector instruction serves 16 outputs. The last panel has
 * 16, 32 or 48 lanes. Padding lanes are zero and stay so. All other weights (FLAT) are rows as
 * in files, those of rank 0 and 1 padded to 16 floats.
 *
 * Storage types change the element, not the order: bfloat16, float16, or int8 with a float
 * scale a row. weight->at is the byte offset in a state of any type; weight->offset counts
 * floats in an array of float32 (moments, average, residual), which is laid out as a float32
 * state would be.
 *
 * Rows are always handed out row-major. The hash reads values through the same functions, so
 * that it depends neither on the layout nor on the type of storage. */
/* Hot: built for speed. */
#include "run/state.h"

#include "base/error.h"
#include "base/min_max.h"
#include "base/str.h"
#include "format/dtype.h"
#include "kernels/kernels.h"
#include "kernels/lowp.h"
#include "kernels/packed.h"
#include "run/weight.h"

int64_t lnspi_state_longest_row(const lnsp_graph *graph) {
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

/* Rows of a tensor that is at base as floats. */
static void state_read_floats(const lnspi_weight *weight, const float *base, int64_t first,
                              int64_t count, float *rows) {
  int64_t columns = lnspi_weight_columns(weight);
  for (int64_t r = 0; r < count; r++, rows += columns) {
    int64_t row = first + r;
    if (weight->kind == LNSPI_MATRIX) {
      int64_t out = weight->dims[0] / weight->parts;
      const float *part = base + row / out * lnspi_packed_floats(columns, out);
      lnspi_packed_to_rows(part, columns, out, row % out, 1, rows, columns);
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
      lnspi_packed_from_rows(part, columns, out, row % out, 1, rows, columns);
    } else {
      memcpy(base + state_flat_row(weight, row), rows, (size_t)columns * sizeof(float));
    }
  }
}

void lnspi_state_read_array(const lnspi_weight *weight, const float *array, int64_t first,
                            int64_t count, float *rows) {
  state_read_floats(weight, array + weight->offset, first, count, rows);
}

void lnspi_state_write_array(const lnspi_weight *weight, float *array, int64_t first,
                             int64_t count, const float *rows) {
  state_write_floats(weight, array + weight->offset, first, count, rows);
}

/* The part of a MATRIX weight that has a row. */
static int64_t state_part(const lnspi_weight *weight, int64_t row, int64_t *out) {
  *out = weight->dims[0] / weight->parts;
  return weight->at + row / *out * (weight->bytes / weight->parts);
}

void lnspi_state_read(const lnspi_weight *weight, const void *state, int64_t first,
                      int64_t count, float *rows) {
  int64_t columns = lnspi_weight_columns(weight), out;
  if (weight->type == LNSP_F32) {
    const void *base = (const uint8_t *)state + weight->at;
    state_read_floats(weight, base, first, count, rows);
    return;
  }
  for (int64_t r = first; r < first + count; r++, rows += columns) {
    const uint8_t *part = (const uint8_t *)state + state_part(weight, r, &out);
    lnspi_lowp_unpack_rows(weight->type, part, columns, out, r % out, 1, rows, columns);
  }
}

void lnspi_state_write(const lnspi_weight *weight, void *state, int64_t first, int64_t count,
                       const float *rows) {
  int64_t columns = lnspi_weight_columns(weight), out;
  if (weight->type == LNSP_F32) {
    void *base = (uint8_t *)state + weight->at;
    state_write_floats(weight, base, first, count, rows);
    return;
  }
  for (int64_t r = first; r < first + count; r++, rows += columns) {
    uint8_t *part = (uint8_t *)state + state_part(weight, r, &out);
    lnspi_lowp_pack_rows(weight->type, part, columns, out, r % out, 1, rows, columns);
  }
}

void lnspi_state_write_codes(const lnspi_weight *weight, void *state, int64_t row,
                             const int8_t *codes, float scale) {
  int64_t out;
  uint8_t *part = (uint8_t *)state + state_part(weight, row, &out);
  lnspi_lowp_put_codes(part, weight->dims[1], out, row % out, codes, scale);
}

float lnspi_state_read_codes(const lnspi_weight *weight, const void *state, int64_t row,
                             int8_t *codes) {
  int64_t out;
  const uint8_t *part = (const uint8_t *)state + state_part(weight, row, &out);
  return lnspi_lowp_get_codes(part, weight->dims[1], out, row % out, codes);
}

/* The largest magnitude that a type does not round to infinity. */
static float state_most(int32_t type) {
  if (type == LNSP_F16) return 0x1.ffdffep+15f;  /* below 65520 */
  if (type == LNSP_BF16) return 0x1.fefffep+127f;
  if (type == LNSP_I8) return 0x1.fffffcp+127f; /* 127 times its scale is infinite */
  return 0x1.fffffep+127f;
}

int32_t lnspi_state_check_row(const lnspi_weight *weight, int32_t type, int64_t row,
                              const float *values, lnsp_error *error) {
  float most = lnspi_kernels_scalar.max_abs(values, lnspi_weight_columns(weight));
  if (!(most <= 0x1.fffffep+127f))
    return lnspi_error_set(error, LNSP_E_NOT_FINITE, weight->name,
                           "tensor '%s' would have a NaN or infinity in row %lld", weight->name,
                           (long long)row);
  if (most > state_most(type))
    return lnspi_error_set(
        error, LNSP_E_NOT_FINITE, weight->name,
        "tensor '%s' has a value too large for %s in row %lld: store it as F32%s", weight->name,
        lnspi_dtype_name(type), (long long)row, type == LNSP_F16 ? " or BF16" : "");
  return LNSP_OK;
}

int32_t lnspi_state_write_checked(const lnspi_weight *weight, void *state, int64_t row,
                                  const float *values, lnsp_error *error) {
  int32_t status = lnspi_state_check_row(weight, weight->type, row, values, error);
  if (!status) lnspi_state_write(weight, state, row, 1, values);
  return status;
}

int32_t lnspi_state_copy(const lnsp_graph *from_graph, const void *from,
                         const lnsp_graph *to_graph, void *to, float *row,
                         lnspi_progress *progress, lnsp_error *error) {
  for (int32_t i = 0; i < from_graph->weight_count; i++) {
    const lnspi_weight *a = &from_graph->weights[i], *b = &to_graph->weights[i];
    if (a->type == b->type) {
      memcpy((uint8_t *)to + b->at, (const uint8_t *)from + a->at, (size_t)a->bytes);
      int32_t status = lnspi_progress_add(progress, (uint64_t)a->count, error);
      if (status) return status;
      continue;
    }
    for (int64_t r = 0; r < lnspi_weight_rows(a); r++) {
      lnspi_state_read(a, from, r, 1, row);
      int32_t status = lnspi_state_write_checked(b, to, r, row, error);
      if (!status)
        status = lnspi_progress_add(progress, (uint64_t)lnspi_weight_columns(a), error);
      if (status) return status;
    }
  }
  return LNSP_OK;
}

/* Where a row of a MATRIX weight of floats begins; *lanes is the distance of its values. */
static int64_t state_place(const lnspi_weight *weight, int64_t row, int64_t columns,
                           int64_t *lanes) {
  int64_t out = weight->dims[0] / weight->parts;
  int64_t o = row % out, panel = o / 64, left = lnspi_round16(out) - 64 * panel;
  *lanes = lnspi_min_i64(left, 64);
  return row / out * lnspi_packed_floats(columns, out) + 64 * panel * columns + o % 64;
}

/* Columns first..first+count-1 of a row of a tensor that is at base as floats. */
static void state_read_piece(const lnspi_weight *weight, const float *base, int64_t row,
                             int64_t first, int64_t count, float *values) {
  int64_t lanes;
  if (weight->kind != LNSPI_MATRIX) {
    memcpy(values, base + state_flat_row(weight, row) + first, (size_t)count * sizeof(float));
    return;
  }
  const float *from = base + state_place(weight, row, lnspi_weight_columns(weight), &lanes);
  from += first * lanes;
  for (int64_t c = 0; c < count; c++) values[c] = from[c * lanes];
}

static void state_read_columns(const void *state, const lnspi_weight *weight, int64_t row,
                               int64_t first, int64_t count, float *values) {
  int64_t out;
  if (weight->type == LNSP_F32) {
    const void *base = (const uint8_t *)state + weight->at;
    state_read_piece(weight, base, row, first, count, values);
    return;
  }
  const uint8_t *part = (const uint8_t *)state + state_part(weight, row, &out);
  for (int64_t c = 0; c < count; c++)
    values[c] =
        lnspi_lowp_value(weight->type, part, weight->dims[1], out, row % out, first + c);
}

float lnspi_state_read_value(const lnspi_weight *weight, const void *state, int64_t row,
                             int64_t column) {
  float value;
  state_read_columns(state, weight, row, column, 1, &value);
  return value;
}

static void state_read_array(const void *array, const lnspi_weight *weight, int64_t row,
                             int64_t first, int64_t count, float *values) {
  state_read_piece(weight, (const float *)array + weight->offset, row, first, count, values);
}

void lnspi_state_read_span(const lnspi_weight *weight, const void *state, int64_t first,
                           int64_t count, float *values) {
  int64_t columns = lnspi_weight_columns(weight), n;
  for (; count > 0; values += n, first += n, count -= n) {
    int64_t row = first / columns, column = first - row * columns;
    n = lnspi_min_i64(columns - column, count);
    state_read_columns(state, weight, row, column, n, values);
  }
}

void lnspi_state_write_span(const lnspi_weight *weight, void *state, int64_t first,
                            int64_t count, const float *values) {
  int64_t columns = lnspi_weight_columns(weight), n;
  float *base = (void *)((uint8_t *)state + weight->at);
  for (; count > 0; values += n, first += n, count -= n) {
    int64_t row = first / columns, column = first - row * columns, lanes = 1, to;
    n = lnspi_min_i64(columns - column, count);
    if (weight->kind == LNSPI_MATRIX)
      to = state_place(weight, row, columns, &lanes) + column * lanes;
    else
      to = state_flat_row(weight, row) + column;
    for (int64_t c = 0; c < n; c++) base[to + c * lanes] = values[c];
  }
}

void lnspi_state_hash_tensor(const lnspi_weight *weight, lnspi_blake2s *hash) {
  uint8_t bytes[64];
  lnspi_blake2s_update(hash, weight->name, lnspi_str_length(weight->name) + 1);
  lnspi_store64(bytes, (uint64_t)weight->rank);
  for (int32_t d = 0; d < weight->rank; d++)
    lnspi_store64(bytes + 8 + 8 * d, (uint64_t)weight->dims[d]);
  lnspi_blake2s_update(hash, bytes, 8 + 8 * (size_t)weight->rank);
}

void lnspi_state_hash_values(const float *values, int64_t count, lnspi_blake2s *hash) {
  uint8_t bytes[1024];
  for (int64_t n; count > 0; count -= n, values += n) {
    n = lnspi_min_i64(count, 256);
    for (int64_t i = 0; i < n; i++) lnspi_store32(bytes + 4 * i, lnspi_float_bits(values[i]));
    lnspi_blake2s_update(hash, bytes, 4 * (size_t)n);
  }
}

void lnspi_state_hash_rows(const lnsp_graph *graph, lnspi_row_read *read, const void *user,
                           lnspi_blake2s *hash, lnspi_progress *progress) {
  float values[256];
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight), n;
    lnspi_state_hash_tensor(weight, hash);
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t c = 0; c < columns; c += n) {
        n = lnspi_min_i64(columns - c, 256);
        read(user, weight, r, c, n, values);
        lnspi_state_hash_values(values, n, hash);
      }
      if (lnspi_progress_add(progress, (uint64_t)columns, NULL)) return;
    }
  }
}

void lnspi_state_hash(const lnsp_graph *graph, const void *state, lnspi_blake2s *hash,
                      lnspi_progress *progress) {
  lnspi_state_hash_rows(graph, state_read_columns, state, hash, progress);
}

void lnspi_state_hash_array(const lnsp_graph *graph, const float *array, lnspi_blake2s *hash,
                            lnspi_progress *progress) {
  lnspi_state_hash_rows(graph, state_read_array, array, hash, progress);
}

int32_t lnspi_state_read_tensor(const lnsp_graph *graph, const void *state, const char *name,
                                float *out, int64_t count, lnsp_error *error) {
  int32_t index = lnspi_graph_find_weight(graph, name);
  if (index < 0)
    return lnspi_error_set(error, LNSP_E_MISSING, name, "the network has no tensor '%s'", name);
  if (graph->weights[index].count != count)
    return lnspi_error_set(error, LNSP_E_SHAPE, name,
                           "tensor '%s' has %lld elements, but room for %lld was given", name,
                           (long long)graph->weights[index].count, (long long)count);
  if (state)
    lnspi_state_read(&graph->weights[index], state, 0,
                     lnspi_weight_rows(&graph->weights[index]), out);
  return LNSP_OK;
}

/* Filling a state from a file, one row at a time.
 *
 * A file's tensors are found by their names after a prefix, or under an alias
 * (lnspi_graph_tensor_alias). Each row is read into a buffer of one row, checked (finite, not
 * too large for the type of storage) and packed. Thus loading needs no more memory than the
 * state and one row, whatever the size of the file.
 *
 * I8 matrices have a tensor of scales next to them, one for each row. If the state is I8 too,
 * codes are copied as they are, so that a stored model comes back to the same bits; otherwise
 * they are widened to floats. Tensors that the graph does not have are refused, except the
 * trainer's own in a state file. */
#include "run/load.h"

#include "base/error.h"
#include "base/str.h"
#include "format/dtype.h"
#include "format/read_tensor.h"
#include "kernels/kernels.h"
#include "run/init.h"
#include "run/weight.h"

#define LOAD_NAME_BYTES (3 * LNSPI_NAME_BYTES) /* prefix, name and suffix */

/* What trainer state files carry besides the weights; best. is what lnsp train puts
 * there. Asked for by a prefix, they are weights themselves. */
static int load_is_trainer_tensor(const lnsp_file *file, const char *prefix, const char *name) {
  static const char *const own[] = {"optimizer.", "average.", "residual.", "best."};
  if (!lnspi_safetensors_metadata(file, "lnsp.trainer")) return 0;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (lnspi_str_starts_with(name, own[i])) return !lnspi_str_starts_with(prefix, own[i]);
  return 0;
}

static int32_t load_find_exact(const lnsp_file *file, const char *prefix, const char *name) {
  char full[LOAD_NAME_BYTES];
  size_t length = lnspi_format(full, sizeof full, "%s%s", prefix ? prefix : "", name);
  return length < sizeof full ? lnspi_safetensors_find(file, full) : -1;
}

int32_t lnspi_load_find(const lnsp_file *file, const char *prefix, const char *name) {
  char alias[LNSPI_NAME_BYTES];
  int32_t index = load_find_exact(file, prefix, name);
  for (int32_t i = 0; index < 0 && lnspi_graph_tensor_alias(name, i, alias); i++)
    index = load_find_exact(file, prefix, alias);
  return index;
}

/* The scales of an I8 tensor of the file, or -1. */
static int32_t load_find_scale(const lnsp_file *file, int32_t index) {
  return load_find_exact(file, file->entries[index].name, LNSPI_SCALE_SUFFIX);
}

int32_t lnspi_load_type(const lnsp_file *file, const lnsp_graph *graph, const char *prefix) {
  int32_t type = 0;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    if (graph->weights[i].kind != LNSPI_MATRIX) continue;
    int32_t index = lnspi_load_find(file, prefix, graph->weights[i].name);
    int32_t dtype = index < 0 ? LNSP_F32 : file->entries[index].dtype;
    if (type && dtype != type) return LNSP_F32;
    type = dtype;
  }
  return type == LNSP_F16 || type == LNSP_BF16 || type == LNSP_I8 ? type : LNSP_F32;
}

/* 1 if some weight of the graph takes the file's tensor: as its values or scales. */
static int load_is_used(const lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                        int32_t tensor) {
  for (int32_t i = 0; i < graph->weight_count; i++) {
    int32_t index = lnspi_load_find(file, prefix, graph->weights[i].name);
    if (index == tensor) return 1;
    if (index >= 0 && file->entries[index].dtype == LNSP_I8 &&
        load_find_scale(file, index) == tensor)
      return 1;
  }
  return 0;
}

/* Refuses a file tensor that no weight of the graph takes. */
static int32_t load_check_all_used(const lnsp_file *file, const lnsp_graph *graph,
                                   const char *prefix, lnsp_error *error) {
  int32_t used = 0, own = 0;
  if (!prefix) prefix = "";
  for (int32_t i = 0; i < graph->weight_count; i++) {
    int32_t index = lnspi_load_find(file, prefix, graph->weights[i].name);
    used += index >= 0;
    used += index >= 0 && file->entries[index].dtype == LNSP_I8 &&
            load_find_scale(file, index) >= 0;
  }
  for (int32_t i = 0; i < file->tensor_count; i++) {
    const char *name = file->entries[i].name;
    own += lnspi_str_starts_with(name, prefix) && !load_is_trainer_tensor(file, prefix, name) &&
           !lnspi_graph_ignores(graph, name);
  }
  if (own == used) return LNSP_OK;
  for (int32_t i = 0; i < file->tensor_count; i++) {
    const char *name = file->entries[i].name;
    if (!lnspi_str_starts_with(name, prefix) || load_is_trainer_tensor(file, prefix, name) ||
        lnspi_graph_ignores(graph, name))
      continue;
    if (!load_is_used(file, graph, prefix, i))
      return lnspi_error_set(
          error, LNSP_E_UNKNOWN, name,
          "the file has tensor '%s', which the architecture does not have: give the right "
          "architecture, or a prefix",
          name);
  }
  return LNSP_OK;
}

static int32_t load_check_shape(const lnspi_entry *entry, const lnspi_weight *weight,
                                lnsp_error *error) {
  int same = entry->rank == weight->rank;
  for (int32_t d = 0; same && d < weight->rank; d++) same = entry->dims[d] == weight->dims[d];
  if (same) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_SHAPE, entry->name,
      "tensor '%s' has shape [%lld, %lld] in the file, but the architecture needs [%lld, "
      "%lld]: check its widths",
      entry->name, (long long)(entry->rank > 0 ? entry->dims[0] : 0),
      (long long)(entry->rank > 1 ? entry->dims[1] : 0), (long long)weight->dims[0],
      (long long)(weight->rank > 1 ? weight->dims[1] : 0));
}

/* ---- one byte an element ---- */

static int32_t load_check_scale(const lnsp_file *file, int32_t index, int32_t scale,
                                lnsp_error *error) {
  const lnspi_entry *entry = &file->entries[index], *s = &file->entries[scale < 0 ? 0 : scale];
  if (scale < 0)
    return lnspi_error_set(
        error, LNSP_E_MISSING, entry->name,
        "tensor '%s' is I8, but the file has no '%s%s' with a scale for each row: convert it "
        "from the float model",
        entry->name, entry->name, LNSPI_SCALE_SUFFIX);
  if (s->dtype != LNSP_F32)
    return lnspi_error_set(error, LNSP_E_DTYPE, s->name,
                           "the scales '%s' are %s and must be F32", s->name,
                           lnspi_dtype_name(s->dtype));
  if (s->rank < 1 || s->rank > 2 || s->dims[0] != entry->dims[0] ||
      (s->rank == 2 && s->dims[1] != 1))
    return lnspi_error_set(
        error, LNSP_E_SHAPE, s->name,
        "the scales '%s' must have the shape [%lld] or [%lld, 1]: one for each row of '%s'",
        s->name, (long long)entry->dims[0], (long long)entry->dims[0], entry->name);
  return LNSP_OK;
}

/* A row of codes and its scale; the codes are in the room of a row of floats. */
static int32_t load_codes(lnsp_file *file, int32_t index, int32_t scale_index, int64_t row,
                          int64_t columns, int8_t *codes, float *scale, lnsp_error *error) {
  const char *name = file->entries[index].name;
  int32_t status =
      lnspi_read_tensor(file, index, row * columns, columns, LNSP_I8, codes, error);
  if (!status) status = lnspi_read_tensor(file, scale_index, row, 1, LNSP_F32, scale, error);
  if (status) return status;
  if (!(*scale >= 0.f) || !(*scale * 127.f <= 0x1.fffffep+127f))
    return lnspi_error_set(
        error, LNSP_E_NOT_FINITE, file->entries[scale_index].name,
        "the scale of row %lld of tensor '%s' is negative or too large: the file is damaged",
        (long long)row, name);
  for (int64_t c = 0; c < columns; c++)
    if (codes[c] == -128)
      return lnspi_error_set(
          error, LNSP_E_FORMAT, name,
          "tensor '%s' has the code -128 in row %lld; codes are -127 to 127: quantise it "
          "symmetrically",
          name, (long long)row);
  return LNSP_OK;
}

/* Codes to floats in place: from the last, since a float is longer. */
static void load_widen(float *row, int64_t columns, float scale) {
  const int8_t *codes = (const int8_t *)(const void *)row;
  for (int64_t c = columns - 1; c >= 0; c--) row[c] = (float)codes[c] * scale;
}

static int32_t load_bytes(lnsp_file *file, int32_t index, const lnspi_weight *weight,
                          void *state, float *row, lnsp_error *error) {
  int64_t columns = weight->dims[1];
  int8_t *codes = (int8_t *)(void *)row;
  float scale = 0;
  int32_t scale_index = load_find_scale(file, index);
  int32_t status = load_check_scale(file, index, scale_index, error);
  if (status) return status;
  for (int64_t r = 0; r < weight->dims[0]; r++) {
    status = load_codes(file, index, scale_index, r, columns, codes, &scale, error);
    if (status) return status;
    if (weight->type == LNSP_I8) {
      lnspi_state_write_codes(weight, state, r, codes, scale);
      continue;
    }
    load_widen(row, columns, scale);
    status = lnspi_state_write_checked(weight, state, r, row, error);
    if (status) return status;
  }
  return LNSP_OK;
}

/* ---- all ---- */

/* Where rows go: into a state, or to a function. */
typedef struct load_to {
  void *state;
  lnspi_row_write *write; /* NULL: state; else with state as user */
} load_to;

static int32_t load_tensor(lnsp_file *file, int32_t index, const lnspi_weight *weight,
                           load_to to, float *row, lnsp_error *error) {
  const lnspi_entry *entry = &file->entries[index];
  int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
  int32_t status = load_check_shape(entry, weight, error);
  if (status) return status;
  if (entry->dtype == LNSP_I8 && weight->kind == LNSPI_MATRIX && !to.write)
    return load_bytes(file, index, weight, to.state, row, error);
  for (int64_t r = 0; r < rows; r++) {
    status = lnspi_read_tensor(file, index, r * columns, columns, LNSP_F32, row, error);
    if (status) return status;
    if (!lnspi_kernels_scalar.finite(row, columns))
      return lnspi_error_set(
          error, LNSP_E_NOT_FINITE, entry->name,
          "tensor '%s' has a NaN or infinity in row %lld: the file is damaged or its training "
          "diverged",
          entry->name, (long long)r);
    if (to.write)
      to.write(to.state, weight, r, row);
    else
      status = lnspi_state_write_checked(weight, to.state, r, row, error);
    if (status) return status;
  }
  return LNSP_OK;
}

/* array: the state is an array of floats. */
static int32_t load_all(lnsp_file *file, const lnsp_graph *graph, const char *prefix, int array,
                        load_to to, float *row, lnsp_error *error) {
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    const lnspi_weight there = lnspi_weight_in_array(weight);
    int32_t index = lnspi_load_find(file, prefix, weight->name), status;
    if (index >= 0)
      status = load_tensor(file, index, array ? &there : weight, to, row, error);
    else if (weight->optional && !array && !to.write)
      status = lnspi_init_weight(graph, i, 0, to.state, row, NULL, error);
    else
      return lnspi_error_set(
          error, LNSP_E_MISSING, weight->name,
          "the file has no tensor '%s%s', which the architecture needs: check the architecture "
          "or the prefix",
          prefix ? prefix : "", weight->name);
    if (status) return status;
  }
  return LNSP_OK;
}

int32_t lnspi_load(lnsp_file *file, const lnsp_graph *graph, const char *prefix, void *state,
                   float *row, lnsp_error *error) {
  int32_t status = load_check_all_used(file, graph, prefix, error);
  if (status) return status;
  lnspi_progress_restart(&file->progress, file->data_bytes);
  return load_all(file, graph, prefix, 0, (load_to){state, NULL}, row, error);
}

int32_t lnspi_load_array(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                         float *array, float *row, lnsp_error *error) {
  return load_all(file, graph, prefix, 1, (load_to){array, NULL}, row, error);
}

int32_t lnspi_load_rows(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                        lnspi_row_write *write, void *user, float *row, lnsp_error *error) {
  return load_all(file, graph, prefix, 0, (load_to){user, write}, row, error);
}

/* Filling a state: from a file, or fresh from a seed. */
#include "run/load.h"

#include "base/problem.h"
#include "base/text.h"
#include "format/header.h"

#define LOAD_NAME_BYTES (3 * LNSPI_NAME_BYTES) /* prefix, name and suffix */

/* What trainer state files carry besides the weights; best. is what lnsp train puts
 * there. Asked for by a prefix, they are weights themselves. */
static int load_is_trainer_tensor(const lnsp_file *file, const char *prefix, const char *name) {
  static const char *const own[] = {"optimizer.", "average.", "residual.", "best."};
  if (!lnspi_file_metadata(file, "lnsp.trainer")) return 0;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (lnspi_begins(name, own[i])) return !lnspi_begins(prefix, own[i]);
  return 0;
}

static int32_t load_find_exact(const lnsp_file *file, const char *prefix, const char *name) {
  char full[LOAD_NAME_BYTES];
  size_t length = lnspi_format(full, sizeof full, "%s%s", prefix ? prefix : "", name);
  return length < sizeof full ? lnspi_file_find(file, full) : -1;
}

int32_t lnspi_load_find(const lnsp_file *file, const char *prefix, const char *name) {
  char alias[LNSPI_NAME_BYTES];
  int32_t index = load_find_exact(file, prefix, name);
  for (int32_t i = 0; index < 0 && lnspi_graph_alias(name, i, alias); i++)
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
                                   const char *prefix, lnsp_problem *problem) {
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
    own += lnspi_begins(name, prefix) && !load_is_trainer_tensor(file, prefix, name) &&
           !lnspi_graph_ignores(graph, name);
  }
  if (own == used) return LNSP_OK;
  for (int32_t i = 0; i < file->tensor_count; i++) {
    const char *name = file->entries[i].name;
    if (!lnspi_begins(name, prefix) || load_is_trainer_tensor(file, prefix, name) ||
        lnspi_graph_ignores(graph, name))
      continue;
    if (!load_is_used(file, graph, prefix, i))
      return lnspi_fail(problem, LNSP_E_UNKNOWN, name,
                        "the file has tensor '%s', which the architecture does not: give "
                        "the architecture that fits, or a prefix", name);
  }
  return LNSP_OK;
}

static int32_t load_check_shape(const lnspi_entry *entry, const lnspi_weight *weight,
                                lnsp_problem *problem) {
  int same = entry->rank == weight->rank;
  for (int32_t d = 0; same && d < weight->rank; d++) same = entry->dims[d] == weight->dims[d];
  if (same) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_SHAPE, entry->name,
                    "tensor '%s' has shape [%lld, %lld] in the file, but the architecture "
                    "needs [%lld, %lld]: check its widths",
                    entry->name, (long long)(entry->rank > 0 ? entry->dims[0] : 0),
                    (long long)(entry->rank > 1 ? entry->dims[1] : 0),
                    (long long)weight->dims[0],
                    (long long)(weight->rank > 1 ? weight->dims[1] : 0));
}

/* ---- one byte an element ---- */

static int32_t load_check_scale(const lnsp_file *file, int32_t index, int32_t scale,
                                lnsp_problem *problem) {
  const lnspi_entry *entry = &file->entries[index], *s = &file->entries[scale < 0 ? 0 : scale];
  if (scale < 0)
    return lnspi_fail(problem, LNSP_E_MISSING, entry->name,
                      "tensor '%s' is I8 but the file has no '%s%s' with a scale a row: "
                      "convert it from the float model",
                      entry->name, entry->name, LNSPI_SCALE_SUFFIX);
  if (s->dtype != LNSP_F32)
    return lnspi_fail(problem, LNSP_E_DTYPE, s->name, "the scales '%s' are %s and must be F32",
                      s->name, lnspi_dtype_name(s->dtype));
  if (s->rank < 1 || s->rank > 2 || s->dims[0] != entry->dims[0] ||
      (s->rank == 2 && s->dims[1] != 1))
    return lnspi_fail(problem, LNSP_E_SHAPE, s->name,
                      "the scales '%s' must have the shape [%lld] or [%lld, 1]: one for each "
                      "row of '%s'",
                      s->name, (long long)entry->dims[0], (long long)entry->dims[0],
                      entry->name);
  return LNSP_OK;
}

/* A row of codes and its scale; the codes lie in the room of a row of floats. */
static int32_t load_codes(lnsp_file *file, int32_t index, int32_t scale_index, int64_t row,
                          int64_t columns, int8_t *codes, float *scale,
                          lnsp_problem *problem) {
  const char *name = file->entries[index].name;
  int32_t status = lnspi_file_read(file, index, row * columns, columns, LNSP_I8, codes, problem);
  if (status == LNSP_OK)
    status = lnspi_file_read(file, scale_index, row, 1, LNSP_F32, scale, problem);
  if (status != LNSP_OK) return status;
  if (!(*scale >= 0.f) || !(*scale * 127.f <= 0x1.fffffep+127f))
    return lnspi_fail(problem, LNSP_E_NOT_FINITE, file->entries[scale_index].name,
                      "the scale of row %lld of tensor '%s' is negative, or no finite number "
                      "that 127 may be multiplied by: the file is damaged",
                      (long long)row, name);
  for (int64_t c = 0; c < columns; c++)
    if (codes[c] == -128)
      return lnspi_fail(problem, LNSP_E_FORMAT, name,
                        "tensor '%s' has the code -128 in row %lld; codes are -127 to 127: "
                        "quantise it symmetrically", name, (long long)row);
  return LNSP_OK;
}

/* Codes to floats where they lie: from the last, since a float is longer. */
static void load_widen(float *row, int64_t columns, float scale) {
  const int8_t *codes = (const int8_t *)(const void *)row;
  for (int64_t c = columns - 1; c >= 0; c--) row[c] = (float)codes[c] * scale;
}

static int32_t load_bytes(lnsp_file *file, int32_t index, const lnspi_weight *weight,
                          void *state, float *row, lnsp_problem *problem) {
  int64_t columns = weight->dims[1];
  int8_t *codes = (int8_t *)(void *)row;
  float scale = 0;
  int32_t scale_index = load_find_scale(file, index);
  int32_t status = load_check_scale(file, index, scale_index, problem);
  for (int64_t r = 0; status == LNSP_OK && r < weight->dims[0]; r++) {
    status = load_codes(file, index, scale_index, r, columns, codes, &scale, problem);
    if (status != LNSP_OK) return status;
    if (weight->type == LNSP_I8) {
      lnspi_state_put_codes(weight, state, r, codes, scale);
    } else {
      load_widen(row, columns, scale);
      status = lnspi_state_store(weight, state, r, row, problem);
    }
  }
  return status;
}

/* ---- all ---- */

/* Where rows go: into a state, or to a function. */
typedef struct load_to {
  void *state;
  lnspi_row_write *write; /* NULL: state; else with state as user */
} load_to;

static int32_t load_tensor(lnsp_file *file, int32_t index, const lnspi_weight *weight,
                           load_to to, float *row, lnsp_problem *problem) {
  const lnspi_entry *entry = &file->entries[index];
  int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
  int32_t status = load_check_shape(entry, weight, problem);
  if (status != LNSP_OK) return status;
  if (entry->dtype == LNSP_I8 && weight->kind == LNSPI_MATRIX && !to.write)
    return load_bytes(file, index, weight, to.state, row, problem);
  for (int64_t r = 0; r < rows; r++) {
    status = lnspi_file_read(file, index, r * columns, columns, LNSP_F32, row, problem);
    if (status != LNSP_OK) return status;
    if (!lnspi_kernels_scalar.finite(row, columns))
      return lnspi_fail(problem, LNSP_E_NOT_FINITE, entry->name,
                        "tensor '%s' has a NaN or infinity in row %lld: the file is damaged "
                        "or its training diverged", entry->name, (long long)r);
    if (to.write)
      to.write(to.state, weight, r, row);
    else
      status = lnspi_state_store(weight, to.state, r, row, problem);
    if (status != LNSP_OK) return status;
  }
  return LNSP_OK;
}

/* ---- fresh ---- */

/* exp(x) for x in [-10, 0], and the sine of x in [0, 65536), in double and by IEEE
 * operations alone: the C library's differ from host to host. To 1e-12. */
static double load_exp(double x) {
  double y = 1;
  for (int i = 12; i > 0; i--) y = 1 + x / 1024 / i * y;
  for (int i = 0; i < 10; i++) y *= y;
  return y;
}

static double load_sine(double x) {
  const double turns = x * 0.15915494309189535; /* 1 / 2 pi */
  const int64_t whole = (int64_t)(2 * turns + 0.5); /* half turns */
  const double high = 3.1415926534682512, low = 1.2154201013012384e-10; /* pi */
  double r = x - (double)whole * high, y = 1;
  r -= (double)whole * low;
  for (int i = 12; i > 0; i--) y = 1 - r * r / (2 * i * (2 * i + 1)) * y;
  return whole & 1 ? -r * y : r * y;
}

/* The table of sinusoidal positions ("Attention is all you need", 2017), elements from
 * first on: sine and cosine of t / 10000^(2j / d) by turns. */
static void load_waves(int64_t first, int64_t count, int64_t d, float *row) {
  for (int64_t i = 0; i < count; i++) {
    const int64_t t = (first + i) / d, c = (first + i) % d;
    const double angle = (double)t * load_exp(-9.210340371976184 * (double)(c / 2 * 2) / (double)d);
    row[i] = (float)load_sine(angle + (c & 1 ? 1.5707963267948966 : 0));
  }
}

static void load_initial_row(const lnspi_weight *weight, uint64_t seed, int32_t index, int64_t r,
                             int64_t columns, float *row) {
  const uint32_t element = (uint32_t)(r * columns);
  switch (weight->init) {
    case LNSPI_INIT_UNIFORM:
      lnspi_random_uniform(row, columns, weight->amount, seed, 0, (uint32_t)index, element);
      break;
    case LNSPI_INIT_NORMAL:
      lnspi_random_normal(row, columns, seed, 0, (uint32_t)index, element);
      for (int64_t c = 0; c < columns; c++) row[c] = weight->centre + row[c] * weight->amount;
      break;
    case LNSPI_INIT_LIST:
      for (int64_t c = 0; c < columns; c++) row[c] = weight->start[r * columns + c];
      break;
    case LNSPI_INIT_WAVES:
      load_waves(r * columns, columns, weight->dims[weight->rank - 1], row);
      break;
    default:
      for (int64_t c = 0; c < columns; c++) row[c] = weight->init == LNSPI_INIT_ONE ? 1.f : 0.f;
  }
}

static int32_t load_initial(const lnsp_graph *graph, int32_t index, uint64_t seed, void *state,
                            float *row, lnsp_problem *problem) {
  const lnspi_weight *weight = &graph->weights[index];
  const int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
  int32_t status = LNSP_OK;
  for (int64_t r = 0; status == LNSP_OK && r < rows; r++) {
    load_initial_row(weight, seed, index, r, columns, row);
    status = lnspi_state_store(weight, state, r, row, problem);
  }
  return status;
}

/* array: the state is an array of floats. */
static int32_t load_all(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                        int array, load_to to, float *row, lnsp_problem *problem) {
  int32_t status = LNSP_OK;
  for (int32_t i = 0; status == LNSP_OK && i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    const lnspi_weight there = lnspi_weight_in_array(weight);
    int32_t index = lnspi_load_find(file, prefix, weight->name);
    if (index < 0 && weight->optional && !array && !to.write) {
      status = load_initial(graph, i, 0, to.state, row, problem);
      continue;
    }
    if (index < 0)
      return lnspi_fail(problem, LNSP_E_MISSING, weight->name,
                        "the file has no tensor '%s%s', which the architecture needs",
                        prefix ? prefix : "", weight->name);
    status = load_tensor(file, index, array ? &there : weight, to, row, problem);
  }
  return status;
}

int32_t lnspi_load(lnsp_file *file, const lnsp_graph *graph, const char *prefix, void *state,
                   float *row, lnsp_problem *problem) {
  int32_t status = load_check_all_used(file, graph, prefix, problem);
  if (status != LNSP_OK) return status;
  return load_all(file, graph, prefix, 0, (load_to){state, NULL}, row, problem);
}

int32_t lnspi_load_array(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                         float *array, float *row, lnsp_problem *problem) {
  return load_all(file, graph, prefix, 1, (load_to){array, NULL}, row, problem);
}

int32_t lnspi_load_rows(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                        lnspi_row_write *write, void *user, float *row,
                        lnsp_problem *problem) {
  return load_all(file, graph, prefix, 0, (load_to){user, write}, row, problem);
}

int32_t lnspi_init(const lnsp_graph *graph, uint64_t seed, void *state, float *row,
                   lnsp_problem *problem) {
  int32_t status = LNSP_OK;
  for (int32_t i = 0; status == LNSP_OK && i < graph->weight_count; i++)
    status = load_initial(graph, i, seed, state, row, problem);
  return status;
}

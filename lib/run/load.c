/* Filling a state: from a file, or fresh from a seed. */
#include "run/load.h"

#include "base/problem.h"
#include "base/text.h"

/* What trainer state files carry besides the weights. */
static int load_is_trainer_tensor(const lnsp_file *file, const char *name) {
  return lnspi_file_metadata(file, "lnsp.trainer") &&
         (lnspi_begins(name, "optimizer.") || lnspi_begins(name, "average."));
}

static int32_t load_find_exact(const lnsp_file *file, const char *prefix, const char *name) {
  char full[2 * LNSPI_NAME_BYTES];
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

/* Refuses a file tensor that no weight of the graph takes. */
static int32_t load_check_all_used(const lnsp_file *file, const lnsp_graph *graph,
                                   const char *prefix, lnsp_problem *problem) {
  int32_t used = 0, own = 0;
  if (!prefix) prefix = "";
  for (int32_t i = 0; i < graph->weight_count; i++)
    used += lnspi_load_find(file, prefix, graph->weights[i].name) >= 0;
  for (int32_t i = 0; i < file->tensor_count; i++) {
    const char *name = file->entries[i].name;
    own += lnspi_begins(name, prefix) && !load_is_trainer_tensor(file, name);
  }
  if (own == used) return LNSP_OK;
  for (int32_t i = 0; i < file->tensor_count; i++) {
    const char *name = file->entries[i].name;
    int found = 0;
    if (!lnspi_begins(name, prefix) || load_is_trainer_tensor(file, name)) continue;
    for (int32_t j = 0; j < graph->weight_count && !found; j++)
      found = lnspi_load_find(file, prefix, graph->weights[j].name) == i;
    if (!found)
      return lnspi_fail(problem, LNSP_E_UNKNOWN, name,
                        "the file has tensor '%s', which the architecture does not: give "
                        "the architecture that fits, or a prefix", name);
  }
  return LNSP_OK;
}

static int32_t load_tensor(lnsp_file *file, int32_t index, const lnspi_weight *weight,
                           void *state, float *row, lnsp_problem *problem) {
  const lnspi_entry *entry = &file->entries[index];
  int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
  int same = entry->rank == weight->rank;
  for (int32_t d = 0; same && d < weight->rank; d++) same = entry->dims[d] == weight->dims[d];
  if (!same)
    return lnspi_fail(problem, LNSP_E_SHAPE, entry->name,
                      "tensor '%s' has shape [%lld, %lld] in the file, but the architecture "
                      "needs [%lld, %lld]: check its widths",
                      entry->name, (long long)(entry->rank > 0 ? entry->dims[0] : 0),
                      (long long)(entry->rank > 1 ? entry->dims[1] : 0),
                      (long long)weight->dims[0],
                      (long long)(weight->rank > 1 ? weight->dims[1] : 0));
  for (int64_t r = 0; r < rows; r++) {
    int32_t status = lnspi_file_read(file, index, r * columns, columns, LNSP_F32, row, problem);
    if (status != LNSP_OK) return status;
    if (!lnspi_kernels_scalar.finite(row, columns))
      return lnspi_fail(problem, LNSP_E_NOT_FINITE, entry->name,
                        "tensor '%s' has a NaN or infinity in row %lld: the file is damaged "
                        "or its training diverged", entry->name, (long long)r);
    lnspi_state_write(weight, state, r, 1, row);
  }
  return LNSP_OK;
}

int32_t lnspi_load(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                   int partial, void *state, float *row, lnsp_problem *problem) {
  int32_t status = LNSP_OK;
  if (!partial) status = load_check_all_used(file, graph, prefix, problem);
  for (int32_t i = 0; status == LNSP_OK && i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    int32_t index = lnspi_load_find(file, prefix, weight->name);
    if (index < 0)
      return lnspi_fail(problem, LNSP_E_MISSING, weight->name,
                        "the file has no tensor '%s%s', which the architecture needs",
                        prefix ? prefix : "", weight->name);
    status = load_tensor(file, index, weight, state, row, problem);
  }
  return status;
}

void lnspi_init(const lnsp_graph *graph, uint64_t seed, void *state, float *row) {
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
    for (int64_t r = 0; r < rows; r++) {
      uint32_t element = (uint32_t)(r * columns);
      if (weight->init == LNSPI_INIT_UNIFORM) {
        lnspi_random_uniform(row, columns, weight->amount, seed, 0, (uint32_t)i, element);
      } else if (weight->init == LNSPI_INIT_NORMAL) {
        lnspi_random_normal(row, columns, seed, 0, (uint32_t)i, element);
        for (int64_t c = 0; c < columns; c++) row[c] *= weight->amount;
      } else {
        for (int64_t c = 0; c < columns; c++) row[c] = weight->init == LNSPI_INIT_ONE ? 1.f : 0.f;
      }
      lnspi_state_write(weight, state, r, 1, row);
    }
  }
}

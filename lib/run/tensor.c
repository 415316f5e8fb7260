/* Vectors of the caller copied into padded rows, and back.
 *
 * The caller's data need not be aligned and may have any strides, so elements are copied with
 * memcpy; contiguous vectors are copied whole. A large copy is divided among tasks by rows.
 * Each task notes the first bad vector of its share, and the lowest of those is reported, so
 * that the message does not depend on the number of tasks. */
#include "run/tensor.h"

#include "base/error.h"
#include "graph/layer.h"
#include "run/plan.h"

#define TENSOR_COPY 4096 /* elements from which on a copy is worth tasks */

/* A checked tensor row by row, in bytes: its data need not be aligned. */
typedef struct tensor_walk {
  int64_t rows, concepts, width, row, concept, element;
} tensor_walk;

static tensor_walk tensor_walk_over(const lnsp_tensor *tensor) {
  const int64_t *strides = tensor->strides, size = (int64_t)sizeof(float);
  int32_t last = tensor->rank - 1;
  tensor_walk walk;
  walk.rows = tensor->dims[0];
  walk.concepts = last == 2 ? tensor->dims[1] : 1;
  walk.width = tensor->dims[last];
  walk.element = strides[last] * size;
  walk.concept = last == 2 ? strides[1] * size : 0;
  walk.row = strides[0] * size;
  if (!walk.row && !walk.concept && !walk.element) { /* contiguous */
    walk.element = size;
    walk.concept = walk.width * size;
    walk.row = walk.concept * walk.concepts;
  }
  return walk;
}

/* Some rows of a tensor in or out, for a task. */
typedef struct tensor_copy {
  tensor_walk walk;
  const lnspi_kernels *k; /* loading; NULL: storing */
  char *data;
  float *rows;
  int64_t ld;
  int32_t count, reserved;
  int64_t bad[LNSPI_MAX_TASKS]; /* the first vector with a NaN or infinity, or -1 */
} tensor_copy;

static int tensor_copy_vector(const tensor_copy *copy, char *data, float *row) {
  const tensor_walk *w = &copy->walk;
  const size_t bytes = sizeof(float);
  if (!copy->k) {
    if (w->element == (int64_t)bytes)
      memcpy(data, row, (size_t)w->width * bytes);
    else
      for (int64_t i = 0; i < w->width; i++) memcpy(data + i * w->element, row + i, bytes);
    return 1;
  }
  if (w->element == (int64_t)bytes)
    memcpy(row, data, (size_t)w->width * bytes);
  else
    for (int64_t i = 0; i < w->width; i++) memcpy(row + i, data + i * w->element, bytes);
  lnspi_layer_zero_pads(row, copy->ld, 1, w->width);
  return copy->k->finite(row, w->width);
}

static void tensor_copy_part(void *argument, int32_t index) {
  tensor_copy *copy = argument;
  const tensor_walk *w = &copy->walk;
  const int64_t end = lnspi_tasks_from(w->rows, copy->count, index + 1) * w->concepts;
  int64_t v = lnspi_tasks_from(w->rows, copy->count, index) * w->concepts;
  copy->bad[index] = -1;
  for (; v < end && copy->bad[index] < 0; v++)
    if (!tensor_copy_vector(copy,
                            copy->data + v / w->concepts * w->row +
                                v % w->concepts * w->concept,
                            copy->rows + v * copy->ld))
      copy->bad[index] = v;
}

/* The first vector that is not finite, or -1. */
static int64_t tensor_copy_all(const lnsp_tensor *tensor, const lnspi_kernels *k,
                               const lnspi_tasks *tasks, float *rows, int64_t ld) {
  tensor_copy copy;
  copy.walk = tensor_walk_over(tensor);
  copy.k = k;
  copy.data = tensor->data;
  copy.rows = rows;
  copy.ld = ld;
  copy.count = copy.walk.rows * copy.walk.concepts * ld < TENSOR_COPY
                   ? 1
                   : lnspi_tasks_count(tasks, copy.walk.rows, LNSPI_PART_ROWS(LNSPI_MODE_KEEP));
  lnspi_tasks_run(tasks, copy.count, tensor_copy_part, &copy);
  for (int32_t i = 0; i < copy.count; i++)
    if (copy.bad[i] >= 0) return copy.bad[i];
  return -1;
}

int32_t lnspi_tensor_load(const lnspi_tensor_rows *list, int32_t count, const lnspi_kernels *k,
                          const lnspi_tasks *tasks, lnsp_error *error) {
  for (int32_t i = 0; i < count; i++) {
    const lnsp_tensor *tensor = list[i].tensor;
    const int64_t bad = tensor_copy_all(tensor, k, tasks, list[i].rows, list[i].ld);
    const int64_t concepts = tensor->rank == 3 ? tensor->dims[1] : 1;
    if (bad >= 0)
      return lnspi_error_set(error, LNSP_E_NOT_FINITE, list[i].role,
                             "'%s' has a NaN or infinity in row %lld, concept %lld",
                             list[i].role, (long long)(bad / concepts),
                             (long long)(bad % concepts));
  }
  return LNSP_OK;
}

void lnspi_tensor_store(const lnsp_tensor *tensor, const lnspi_tasks *tasks, const float *rows,
                        int64_t ld) {
  (void)tensor_copy_all(tensor, NULL, tasks, (float *)(uintptr_t)rows, ld); /* only read */
}

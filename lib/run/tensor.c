/* Tensors of the caller: checked, and copied into padded rows and back. */
#include "run/tensor.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/str.h"
#include "graph/layer.h"
#include "run/plan.h"

#define TENSOR_COPY 4096 /* elements of a tensor of the caller: the same */

int lnspi_tensor_within_reach(const lnsp_tensor *tensor) {
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

int32_t lnspi_tensor_check(const lnsp_tensor *tensor, const char *role, int64_t width,
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
    return lnspi_error_set(error, LNSP_E_SHAPE, role, "'%s' has width %lld, but %lld is needed",
                           role, (long long)tensor->dims[tensor->rank - 1], (long long)width);
  if (rows < 1 || middle < 1)
    return lnspi_error_set(error, LNSP_E_SHAPE, role, "'%s' is empty", role);
  if ((*batch && *batch != rows) || (*concepts && *concepts != middle))
    return lnspi_error_set(error, LNSP_E_SHAPE, role,
                           "'%s' has %lld rows of %lld concepts, but %lld of %lld are needed",
                           role, (long long)rows, (long long)middle, (long long)*batch,
                           (long long)*concepts);
  if (!lnspi_tensor_within_reach(tensor))
    return lnspi_error_set(error, LNSP_E_SHAPE, role,
                           "the strides of '%s' lead beyond any memory: give them in elements",
                           role);
  *batch = rows;
  *concepts = middle;
  return LNSP_OK;
}

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

int32_t lnspi_tensor_load(const lnsp_tensor *tensor, const char *role, const lnspi_kernels *k,
                          const lnspi_tasks *tasks, float *rows, int64_t ld,
                          lnsp_error *error) {
  const int64_t bad = tensor_copy_all(tensor, k, tasks, rows, ld);
  const int64_t concepts = tensor->rank == 3 ? tensor->dims[1] : 1;
  if (bad < 0) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_NOT_FINITE, role,
                         "'%s' has a NaN or infinity in row %lld, concept %lld", role,
                         (long long)(bad / concepts), (long long)(bad % concepts));
}

void lnspi_tensor_store(const lnsp_tensor *tensor, const lnspi_tasks *tasks, const float *rows,
                        int64_t ld) {
  (void)tensor_copy_all(tensor, NULL, tasks, (float *)(uintptr_t)rows, ld); /* only read */
}

const lnsp_tensor *lnspi_tensor_find(const lnsp_tensor *tensors, int32_t count,
                                     const char *name) {
  for (int32_t i = 0; i < count; i++)
    if (tensors[i].name && lnspi_str_equal(tensors[i].name, name)) return &tensors[i];
  return NULL;
}

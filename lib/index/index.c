/* An index: its memory, and what is in it. */
#include "index/index.h"

#include <math.h>

#include "base/problem.h"
#include "format/header.h"
#include "kernels/compact.h"

static int32_t index_settings(const lnsp_index_settings *s, lnsp_problem *problem) {
  if (s->dtype != LNSP_F32 && s->dtype != LNSP_F16 && s->dtype != LNSP_I8)
    return lnspi_fail(problem, LNSP_E_DTYPE, NULL,
                      "an index keeps its vectors as F32, F16 or I8, not as %s",
                      lnspi_dtype_name(s->dtype));
  if (s->width < 1 || s->width > LNSPI_INDEX_WIDTH)
    return lnspi_fail(problem, LNSP_E_LIMIT, NULL,
                      "the vectors of an index have a width of 1 to %d, not %lld",
                      LNSPI_INDEX_WIDTH, (long long)s->width);
  if (s->capacity < 0 || s->capacity > INT32_MAX)
    return lnspi_fail(problem, LNSP_E_LIMIT, NULL,
                      "an index has room for 0 to 2,147,483,647 vectors, not %lld: use more",
                      (long long)s->capacity);
  return LNSP_OK;
}

static lnsp_index *index_layout(lnspi_arena *arena, const lnsp_index_settings *s,
                                lnsp_index *pieces) {
  const uint64_t n = (uint64_t)s->capacity;
  lnsp_index *index = LNSPI_TAKE_STRUCT(arena, lnsp_index, LNSPI_INDEX_BYTES);
  pieces->row = lnspi_take(arena, (uint64_t)lnspi_round16(s->width), sizeof(float));
  pieces->ids = lnspi_take(arena, n, sizeof(int64_t));
  pieces->order = lnspi_take(arena, n, sizeof(int32_t));
  pieces->spare = lnspi_take(arena, n, sizeof(int32_t));
  if (s->dtype == LNSP_I8) pieces->scales = lnspi_take(arena, n, sizeof(float));
  pieces->vectors =
      lnspi_take(arena, n, (uint64_t)s->width * (uint64_t)lnspi_dtype_bytes(s->dtype));
  return index;
}

int32_t lnspi_index_measure(const lnsp_index_settings *settings, uint64_t *bytes,
                            lnsp_problem *problem) {
  lnsp_index pieces;
  lnspi_arena arena;
  memset(&arena, 0, sizeof arena);
  int32_t status = index_settings(settings, problem);
  if (status != LNSP_OK) return status;
  index_layout(&arena, settings, &pieces);
  if (arena.failed)
    return lnspi_fail(problem, LNSP_E_MEMORY, NULL, "the index is too large for this machine");
  *bytes = arena.used;
  return LNSP_OK;
}

int32_t lnspi_index_create(const lnsp_index_settings *settings, const lnsp_options *options,
                           lnsp_index **out, lnsp_problem *problem) {
  lnsp_index fresh;
  lnsp_problem own;
  uint64_t bytes = 0;
  memset(&fresh, 0, sizeof fresh);
  int32_t status = lnspi_index_measure(settings, &bytes, problem);
  if (status != LNSP_OK) return status;
  if (!problem) problem = &own;
  fresh.k = lnspi_index_kernels(options->isa, settings->dtype, problem);
  if (!fresh.k) return problem->code;
  status = lnspi_block_open(&fresh.block, options, bytes, problem);
  if (status != LNSP_OK) return status;
  lnspi_arena arena = {fresh.block.memory, 0, bytes, 0};
  lnsp_index *index = index_layout(&arena, settings, &fresh);
  fresh.owners = 1;
  fresh.dtype = settings->dtype;
  fresh.keep = settings->keep;
  fresh.width = settings->width;
  fresh.capacity = settings->capacity;
  *index = fresh;
  *out = index;
  return LNSP_OK;
}

void lnspi_index_release(lnsp_index *index) {
  if (index && lnspi_count_down(&index->owners) == 0) lnspi_block_close(&index->block);
}

int64_t lnspi_index_find(const lnsp_index *index, int64_t id) {
  int64_t low = 0, high = index->count;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    int64_t there = lnspi_index_id(index, lnspi_index_row(index, middle));
    if (there == id) return middle;
    if (there < id)
      low = middle + 1;
    else
      high = middle;
  }
  return -1 - low;
}

void lnspi_index_vector(const lnsp_index *index, int64_t row, float *out) {
  const int64_t width = index->width, at = row * width;
  if (index->dtype == LNSP_F32) {
    memcpy(out, (const float *)index->vectors + at, (size_t)width * sizeof(float));
  } else if (index->dtype == LNSP_F16) {
    index->k->f16_to_f32(out, (const uint16_t *)index->vectors + at, width);
  } else {
    const int8_t *codes = (const int8_t *)index->vectors + at;
    for (int64_t i = 0; i < width; i++) out[i] = (float)codes[i] * index->scales[row];
  }
}

int32_t lnspi_index_shape(const lnsp_tensor *tensor, const char *name, int32_t dtype,
                          int64_t width, int64_t *rows, lnsp_problem *problem) {
  if (tensor->dtype != dtype)
    return lnspi_fail(problem, LNSP_E_DTYPE, name, "'%s' is %s, but must be %s", name,
                      lnspi_dtype_name(tensor->dtype), lnspi_dtype_name(dtype));
  if (tensor->rank != 2 || tensor->dims[0] < 0 || tensor->dims[1] != width)
    return lnspi_fail(problem, LNSP_E_SHAPE, name, "'%s' must be [any, %lld]", name,
                      (long long)width);
  if (!tensor->data && tensor->dims[0] > 0 && width > 0)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, name, "'%s' has no data", name);
  *rows = tensor->dims[0];
  return LNSP_OK;
}

void lnspi_index_gather(const lnsp_tensor *tensor, int64_t r, int64_t width, float *out) {
  const int packed = tensor->strides[0] == 0 && tensor->strides[1] == 0;
  const int64_t row = packed ? width : tensor->strides[0];
  const int64_t step = packed ? 1 : tensor->strides[1];
  const float *from = (const float *)tensor->data + r * row;
  if (step == 1)
    memcpy(out, from, (size_t)width * sizeof(float));
  else
    for (int64_t i = 0; i < width; i++) out[i] = from[i * step];
}

/* Squares of lengths within 2^-100 and 2^100 keep far from both ends of float32. */
int32_t lnspi_index_check(const lnspi_kernels *k, const float *x, int64_t width, int keep,
                          const char *name, int64_t r, lnsp_problem *problem) {
  if (!k->finite(x, width))
    return lnspi_fail(problem, LNSP_E_NOT_FINITE, name, "'%s' has NaN or infinity in row %lld",
                      name, (long long)r);
  const float square = k->dot(x, x, width);
  if (square <= 0x1p100f && (keep || square >= 0x1p-100f)) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_ARGUMENT, name,
                    "'%s' has no direction in row %lld (its length is 0, under 1e-15 or over "
                    "1e15): leave it out",
                    name, (long long)r);
}

float lnspi_index_quantise(int8_t *codes, const float *x, int64_t width) {
  int32_t square = 0;
  lnspi_quantise(codes, 4, x, width);
  for (int64_t i = 0; i < width; i++) square += codes[i] * codes[i];
  return square ? 1.0f / sqrtf((float)square) : 0;
}

/* An index: vectors with ids, which are added and removed.
 *
 * Vectors are rows in the order in which they came; `order` has the row numbers in the order
 * of ids, for lookups by bisection. An index that was opened from memory may borrow both
 * vectors and ids, and needs no order if the ids ascend.
 *
 * Adding writes rows behind the last one, where nothing reads, checks all of them, sorts the
 * new ids and merges them into the order from its end. Only then does `count` include them:
 * a call that fails has changed nothing that can be seen.
 *
 * A vector is brought to length 1 first, unless the index keeps lengths, so that a search's
 * products are cosines; then it is stored as it is, as float16, or as codes with a scale. The
 * scale of codes is chosen after rounding, so that the vector they mean has length 1 again:
 * rounding must not make one vector's cosines larger than another's.
 *
 * Removing fills holes with the last rows, so that rows stay dense; what is removed is first
 * marked in the order, by the complement of the row, and unmarked if an id is not there. */
#include "index/index.h"

#include <math.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/refcount.h"
#include "base/sort.h"
#include "format/dtype.h"
#include "kernels/lowp.h"

static int32_t index_check_options(const lnsp_index_options *s, lnsp_error *error) {
  if (s->dtype != LNSP_F32 && s->dtype != LNSP_F16 && s->dtype != LNSP_I8)
    return lnspi_error_set(error, LNSP_E_DTYPE, NULL,
                           "an index stores its vectors as F32, F16 or I8, not as %s",
                           lnspi_dtype_name(s->dtype));
  if (s->width < 1 || s->width > LNSPI_INDEX_WIDTH)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "the vectors of an index have a width of 1 to %d, not %lld",
                           LNSPI_INDEX_WIDTH, (long long)s->width);
  if (s->capacity < 0 || s->capacity > INT32_MAX)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "an index has room for at most 2,147,483,647 vectors, not %lld: use more than one "
        "index",
        (long long)s->capacity);
  return LNSP_OK;
}

static lnsp_index *index_layout(lnspi_arena *arena, const lnsp_index_options *s,
                                lnsp_index *pieces) {
  const uint64_t n = (uint64_t)s->capacity;
  lnsp_index *index = LNSPI_ARENA_STRUCT(arena, lnsp_index, LNSPI_INDEX_BYTES);
  pieces->row = lnspi_arena_alloc(arena, (uint64_t)lnspi_round16(s->width), sizeof(float));
  pieces->ids = lnspi_arena_alloc(arena, n, sizeof(int64_t));
  pieces->order = lnspi_arena_alloc(arena, n, sizeof(int32_t));
  pieces->spare = lnspi_arena_alloc(arena, n, sizeof(int32_t));
  if (s->dtype == LNSP_I8) pieces->scales = lnspi_arena_alloc(arena, n, sizeof(float));
  pieces->vectors =
      lnspi_arena_alloc(arena, n, (uint64_t)s->width * (uint64_t)lnspi_dtype_bytes(s->dtype));
  return index;
}

int32_t lnspi_index_measure(const lnsp_index_options *settings, uint64_t *bytes,
                            lnsp_error *error) {
  lnsp_index pieces;
  lnspi_arena arena;
  memset(&arena, 0, sizeof arena);
  int32_t status = index_check_options(settings, error);
  if (status != LNSP_OK) return status;
  index_layout(&arena, settings, &pieces);
  if (arena.failed)
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL,
                           "the index is too large for this machine");
  *bytes = arena.used;
  return LNSP_OK;
}

int32_t lnspi_index_create(const lnsp_index_options *settings, const lnsp_options *options,
                           lnsp_index **out, lnsp_error *error) {
  lnsp_index fresh;
  lnsp_error own;
  uint64_t bytes = 0;
  memset(&fresh, 0, sizeof fresh);
  int32_t status = lnspi_index_measure(settings, &bytes, error);
  if (status != LNSP_OK) return status;
  if (!error) error = &own;
  fresh.k = lnspi_index_kernels(options->isa, settings->dtype, error);
  if (!fresh.k) return error->code;
  status = lnspi_block_open(&fresh.block, options, bytes, error);
  if (status != LNSP_OK) return status;
  lnspi_arena arena = {fresh.block.memory, 0, bytes, 0};
  lnsp_index *index = index_layout(&arena, settings, &fresh);
  fresh.owners = 1;
  fresh.dtype = settings->dtype;
  fresh.keep = settings->no_normalize;
  fresh.width = settings->width;
  fresh.capacity = settings->capacity;
  *index = fresh;
  *out = index;
  return LNSP_OK;
}

void lnspi_index_release(lnsp_index *index) {
  if (index && lnspi_refcount_decrement(&index->owners) == 0) lnspi_block_close(&index->block);
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
                          int64_t width, int64_t *rows, lnsp_error *error) {
  if (tensor->dtype != dtype)
    return lnspi_error_set(error, LNSP_E_DTYPE, name, "'%s' is %s, but must be %s", name,
                           lnspi_dtype_name(tensor->dtype), lnspi_dtype_name(dtype));
  if (tensor->rank != 2 || tensor->dims[0] < 0 || tensor->dims[1] != width)
    return lnspi_error_set(error, LNSP_E_SHAPE, name, "'%s' must be [any, %lld]", name,
                           (long long)width);
  if (!tensor->data && tensor->dims[0] > 0 && width > 0)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, name, "'%s' has no data", name);
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

/* Squared lengths from 2^-100 to 2^100 are far from both ends of float32. */
int32_t lnspi_index_check(const lnspi_kernels *k, const float *x, int64_t width, int keep,
                          const char *name, int64_t r, lnsp_error *error) {
  if (!k->finite(x, width))
    return lnspi_error_set(error, LNSP_E_NOT_FINITE, name,
                           "'%s' has NaN or infinity in row %lld", name, (long long)r);
  const float square = k->dot(x, x, width);
  if (square <= 0x1p100f && (keep || square >= 0x1p-100f)) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_ARGUMENT, name,
      "'%s' has no direction in row %lld (its length is 0, below 1e-15 or above "
      "1e15): leave it out",
      name, (long long)r);
}

float lnspi_index_quantise(int8_t *codes, const float *x, int64_t width) {
  int32_t square = 0;
  lnspi_lowp_quantise(codes, 4, x, width);
  for (int64_t i = 0; i < width; i++) square += codes[i] * codes[i];
  return square ? 1.0f / sqrtf((float)square) : 0;
}

/* By the ids of the new rows. */
static int index_id_less(const void *user, int32_t a, int32_t b) {
  const int64_t *ids = user;
  return ids[a] < ids[b];
}

/* Sorts the new rows by their ids, into spare. */
static int32_t index_sort_new(lnsp_index *index, int64_t first, int64_t count, int32_t code,
                              lnsp_error *error) {
  const int64_t *ids = index->ids + first;
  int32_t *spare = index->spare;
  lnspi_sort_indices(spare, (int32_t)count, index_id_less, ids);
  if (ids[spare[0]] < 0)
    return lnspi_error_set(error, code, "ids", "the id %lld is negative: ids are 0 or more",
                           (long long)ids[spare[0]]);
  for (int64_t i = 1; i < count; i++)
    if (ids[spare[i]] == ids[spare[i - 1]])
      return lnspi_error_set(error, code, "ids", "the id %lld is given twice",
                             (long long)ids[spare[i]]);
  for (int64_t i = 0; i < count; i++) spare[i] += (int32_t)first;
  return LNSP_OK;
}

int32_t lnspi_index_sort(lnsp_index *index, int64_t first, int64_t count, int32_t code,
                         lnsp_error *error) {
  const int64_t *ids = index->ids;
  int32_t *order = index->order, *spare = index->spare;
  int64_t old = 0, fresh = 0;
  if (count == 0) return LNSP_OK;
  int32_t status = index_sort_new(index, first, count, code, error);
  if (status != LNSP_OK) return status;
  if (first && ids[order[first - 1]] < ids[spare[0]])
    old = first; /* all new ids are above the old ones */
  while (old < first && fresh < count) {
    const int64_t a = ids[order[old]], b = ids[spare[fresh]];
    if (a == b)
      return lnspi_error_set(error, code, "ids",
                             "the index has a vector with the id %lld already: remove it first",
                             (long long)a);
    if (a < b)
      old++;
    else
      fresh++;
  }
  for (int64_t to = first + count; count > 0;) {
    if (first > 0 && ids[order[first - 1]] > ids[spare[count - 1]])
      order[--to] = order[--first];
    else
      order[--to] = spare[--count];
  }
  return LNSP_OK;
}

/* Stores index->row as vector number row. */
static void index_put_row(lnsp_index *index, int64_t row) {
  const lnspi_kernels *k = index->k;
  const int64_t width = index->width, at = row * width;
  float *x = index->row;
  if (!index->keep) k->unit(x, x, width, 0);
  if (index->dtype == LNSP_F32) {
    memcpy((float *)index->vectors + at, x, (size_t)width * sizeof(float));
  } else if (index->dtype == LNSP_F16) {
    k->f32_to_f16((uint16_t *)index->vectors + at, x, width);
  } else {
    int8_t *codes = (int8_t *)index->vectors + at;
    index->scales[row] = index->keep ? lnspi_lowp_quantise(codes, 4, x, width)
                                     : lnspi_index_quantise(codes, x, width);
  }
}

static int32_t index_check_owned(const lnsp_index *index, lnsp_error *error) {
  if (!index->borrowed) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_STATE, NULL,
                         "this index borrows its vectors from read-only memory: open a copy "
                         "(lnsp_index_open) to change it");
}

static int32_t index_check_room(const lnsp_index *index, int64_t count, const int64_t *ids,
                                lnsp_error *error) {
  if (count > index->capacity - index->count)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "the index has %lld vectors and room for %lld, so %lld more do not fit: "
        "save it, then open it with a larger capacity",
        (long long)index->count, (long long)index->capacity, (long long)count);
  if (ids || !index->count) return LNSP_OK;
  const int64_t last = index->ids[index->order[index->count - 1]];
  if (last <= INT64_MAX - count) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_LIMIT, "ids",
                         "no id is left after %lld: give the vectors ids of your own",
                         (long long)last);
}

int32_t lnspi_index_add(lnsp_index *index, const lnsp_tensor *vectors, const int64_t *ids,
                        lnsp_error *error) {
  const int64_t first = index->count;
  int64_t count = 0;
  int32_t status = index_check_owned(index, error);
  if (status == LNSP_OK)
    status = lnspi_index_shape(vectors, "vectors", LNSP_F32, index->width, &count, error);
  if (status == LNSP_OK) status = index_check_room(index, count, ids, error);
  if (status != LNSP_OK || count == 0) return status;
  const int64_t next = first ? index->ids[index->order[first - 1]] + 1 : 0;
  const lnsp_options own = lnspi_block_options(&index->block);
  lnspi_progress progress;
  lnspi_progress_begin(&progress, &own, (uint64_t)count);
  for (int64_t r = 0; r < count; r++) {
    index->ids[first + r] = ids ? ids[r] : next + r;
    lnspi_index_gather(vectors, r, index->width, index->row);
    status =
        lnspi_index_check(index->k, index->row, index->width, index->keep, "vectors", r, error);
    if (status != LNSP_OK) return status;
    index_put_row(index, first + r);
    if (index->dtype == LNSP_F16 && index->keep) {
      lnspi_index_vector(index, first + r, index->row);
      if (!index->k->finite(index->row, index->width))
        return lnspi_error_set(error, LNSP_E_NOT_FINITE, "vectors",
                               "row %lld of 'vectors' is beyond what F16 holds", (long long)r);
    }
    status = lnspi_progress_add(&progress, 1, error);
    if (status) return status;
  }
  status = lnspi_index_sort(index, first, count, LNSP_E_ARGUMENT, error);
  if (status == LNSP_OK) index->count = first + count;
  return status;
}

/* ---- remove ---- */

/* Marks rows in the order by their complement; *marked: how many ids were found. */
static int32_t index_mark_removed(lnsp_index *index, const int64_t *ids, int64_t count,
                                  int64_t *marked, lnsp_error *error) {
  for (*marked = 0; *marked < count; ++*marked) {
    int64_t id = ids[*marked], low = 0, high = index->count;
    while (low < high) {
      int64_t middle = low + (high - low) / 2;
      int32_t row = index->order[middle];
      if (index->ids[row < 0 ? ~row : row] < id)
        low = middle + 1;
      else
        high = middle;
    }
    int32_t row = low < index->count ? index->order[low] : -1;
    if (low == index->count || index->ids[row < 0 ? ~row : row] != id)
      return lnspi_error_set(error, LNSP_E_MISSING, "ids",
                             "the index has no vector with the id %lld", (long long)id);
    if (row < 0)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, "ids", "the id %lld was given twice",
                             (long long)id);
    index->order[low] = ~row;
  }
  return LNSP_OK;
}

/* Moves the vector of row `from` to row `to`, which is free. */
static void index_move_row(lnsp_index *index, int64_t from, int64_t to, int64_t place) {
  const size_t bytes = (size_t)index->width * lnspi_dtype_bytes(index->dtype);
  uint8_t *vectors = index->vectors;
  memcpy(vectors + (size_t)to * bytes, vectors + (size_t)from * bytes, bytes);
  index->ids[to] = index->ids[from];
  if (index->scales) index->scales[to] = index->scales[from];
  index->order[place] = (int32_t)to;
}

int32_t lnspi_index_remove(lnsp_index *index, const int64_t *ids, int64_t count,
                           lnsp_error *error) {
  int64_t marked = 0, left = 0, hole;
  int32_t status = index_check_owned(index, error);
  if (status != LNSP_OK || count == 0) return status;
  if (count > index->count)
    return lnspi_error_set(error, LNSP_E_MISSING, "ids",
                           "%lld ids were given, but the index has %lld vectors",
                           (long long)count, (long long)index->count);
  status = index_mark_removed(index, ids, count, &marked, error);
  if (status != LNSP_OK) {
    for (int64_t i = 0; i < index->count; i++)
      if (index->order[i] < 0) index->order[i] = ~index->order[i];
    return status;
  }
  for (int64_t i = 0; i < index->count; i++) { /* moves the marks behind those that stay */
    const int32_t row = index->order[i];
    if (row < 0) continue;
    index->order[i] = index->order[left];
    index->order[left++] = row;
  }
  const int64_t before = index->count;
  index->count = left;
  hole = left;
  for (int64_t row = left; row < before; row++) {
    const int64_t place = lnspi_index_find(index, index->ids[row]);
    if (place < 0) continue; /* removed */
    while (~index->order[hole] >= left) hole++;
    index_move_row(index, row, ~index->order[hole++], place);
  }
  return LNSP_OK;
}

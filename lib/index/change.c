/* Vectors come and go. */
#include "base/problem.h"
#include "format/header.h"
#include "index/index.h"
#include "kernels/compact.h"

/* The user are the ids of the new rows. */
static int change_less(const void *user, int32_t a, int32_t b) {
  const int64_t *ids = user;
  return ids[a] < ids[b];
}

/* The new rows in the order of their ids, in spare. */
static int32_t change_sort_new(lnsp_index *index, int64_t first, int64_t count, int32_t code,
                               lnsp_problem *problem) {
  const int64_t *ids = index->ids + first;
  int32_t *spare = index->spare;
  lnspi_order(spare, (int32_t)count, change_less, ids);
  if (ids[spare[0]] < 0)
    return lnspi_fail(problem, code, "ids", "the id %lld is negative: ids are 0 or more",
                      (long long)ids[spare[0]]);
  for (int64_t i = 1; i < count; i++)
    if (ids[spare[i]] == ids[spare[i - 1]])
      return lnspi_fail(problem, code, "ids", "the id %lld is there twice",
                        (long long)ids[spare[i]]);
  for (int64_t i = 0; i < count; i++) spare[i] += (int32_t)first;
  return LNSP_OK;
}

int32_t lnspi_index_sort(lnsp_index *index, int64_t first, int64_t count, int32_t code,
                         lnsp_problem *problem) {
  const int64_t *ids = index->ids;
  int32_t *order = index->order, *spare = index->spare;
  int64_t old = 0, fresh = 0;
  if (count == 0) return LNSP_OK;
  int32_t status = change_sort_new(index, first, count, code, problem);
  if (status != LNSP_OK) return status;
  if (first && ids[order[first - 1]] < ids[spare[0]]) old = first; /* all come after them */
  while (old < first && fresh < count) {
    const int64_t a = ids[order[old]], b = ids[spare[fresh]];
    if (a == b)
      return lnspi_fail(problem, code, "ids",
                        "there is a vector with the id %lld already: remove it first",
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

/* Into place number row, from index->row. */
static void change_put(lnsp_index *index, int64_t row) {
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
    index->scales[row] = index->keep ? lnspi_quantise(codes, 4, x, width)
                                     : lnspi_index_quantise(codes, x, width);
  }
}

static int32_t change_owned(const lnsp_index *index, lnsp_problem *problem) {
  if (!index->borrowed) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_STATE, NULL,
                    "this index borrows its vectors from memory that is only read: open a copy "
                    "(lnsp_index_open) to change it");
}

static int32_t change_room(const lnsp_index *index, int64_t count, const int64_t *ids,
                           lnsp_problem *problem) {
  if (count > index->capacity - index->count)
    return lnspi_fail(problem, LNSP_E_LIMIT, NULL,
                      "the index has %lld vectors and room for %lld, so %lld more do not fit: "
                      "save it, and open it with a larger capacity",
                      (long long)index->count, (long long)index->capacity, (long long)count);
  if (ids || !index->count) return LNSP_OK;
  const int64_t last = index->ids[index->order[index->count - 1]];
  if (last <= INT64_MAX - count) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_LIMIT, "ids",
                    "there are no ids after %lld: give the vectors ids", (long long)last);
}

/* What is written behind the last vector is not there until count says so. */
int32_t lnspi_index_add(lnsp_index *index, const lnsp_tensor *vectors, const int64_t *ids,
                        lnsp_problem *problem) {
  const int64_t first = index->count;
  int64_t count = 0;
  int32_t status = change_owned(index, problem);
  if (status == LNSP_OK)
    status = lnspi_index_shape(vectors, "vectors", LNSP_F32, index->width, &count, problem);
  if (status == LNSP_OK) status = change_room(index, count, ids, problem);
  if (status != LNSP_OK || count == 0) return status;
  const int64_t next = first ? index->ids[index->order[first - 1]] + 1 : 0;
  for (int64_t r = 0; r < count; r++) {
    index->ids[first + r] = ids ? ids[r] : next + r;
    lnspi_index_gather(vectors, r, index->width, index->row);
    status = lnspi_index_check(index->k, index->row, index->width, index->keep, "vectors", r,
                               problem);
    if (status != LNSP_OK) return status;
    change_put(index, first + r);
    if (index->dtype == LNSP_F16 && index->keep) {
      lnspi_index_vector(index, first + r, index->row);
      if (!index->k->finite(index->row, index->width))
        return lnspi_fail(problem, LNSP_E_NOT_FINITE, "vectors",
                          "row %lld of 'vectors' is beyond what F16 holds", (long long)r);
    }
  }
  status = lnspi_index_sort(index, first, count, LNSP_E_ARGUMENT, problem);
  if (status == LNSP_OK) index->count = first + count;
  return status;
}

/* ---- remove ---- */

/* Rows to be removed are marked in the order by their complement. */
static int32_t change_mark(lnsp_index *index, const int64_t *ids, int64_t count,
                           int64_t *marked, lnsp_problem *problem) {
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
      return lnspi_fail(problem, LNSP_E_MISSING, "ids", "there is no vector with the id %lld",
                        (long long)id);
    if (row < 0)
      return lnspi_fail(problem, LNSP_E_ARGUMENT, "ids", "the id %lld was given twice",
                        (long long)id);
    index->order[low] = ~row;
  }
  return LNSP_OK;
}

/* The vector of row `from` to row `to`, which is free. */
static void change_move(lnsp_index *index, int64_t from, int64_t to, int64_t place) {
  const size_t bytes = (size_t)index->width * lnspi_dtype_bytes(index->dtype);
  uint8_t *vectors = index->vectors;
  memcpy(vectors + (size_t)to * bytes, vectors + (size_t)from * bytes, bytes);
  index->ids[to] = index->ids[from];
  if (index->scales) index->scales[to] = index->scales[from];
  index->order[place] = (int32_t)to;
}

int32_t lnspi_index_remove(lnsp_index *index, const int64_t *ids, int64_t count,
                           lnsp_problem *problem) {
  int64_t marked = 0, left = 0, hole;
  int32_t status = change_owned(index, problem);
  if (status != LNSP_OK || count == 0) return status;
  if (count > index->count)
    return lnspi_fail(problem, LNSP_E_MISSING, "ids",
                      "%lld ids were given, but the index has %lld vectors", (long long)count,
                      (long long)index->count);
  status = change_mark(index, ids, count, &marked, problem);
  if (status != LNSP_OK) {
    for (int64_t i = 0; i < index->count && marked; i++)
      if (index->order[i] < 0) index->order[i] = ~index->order[i];
    return status;
  }
  for (int64_t i = 0; i < index->count; i++) { /* those that stay keep their order */
    const int32_t row = index->order[i];
    if (row < 0) continue;
    index->order[i] = index->order[left];
    index->order[left++] = row;
  }
  const int64_t before = index->count;
  index->count = left;
  hole = left; /* the marks are behind those that stay */
  for (int64_t row = left; row < before; row++) {
    const int64_t place = lnspi_index_find(index, index->ids[row]);
    if (place < 0) continue; /* removed */
    while (~index->order[hole] >= left) hole++;
    change_move(index, row, ~index->order[hole++], place);
  }
  return LNSP_OK;
}

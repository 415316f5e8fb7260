/* Index tensors: which rows of a tensor of vectors are meant, and in which order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/tensor.h"
#include "lnsp.h"

/* Columns of an index tensor, as [N] or [FROM:TO] or [FROM:TO:STEP] behind its name says
 * in Python's way: TO stays out, what is left out is the end, negative counts from there. */
typedef struct index_columns {
  int given, slice, has_from, has_to;
  int64_t from, to, step;
} index_columns;

/* What the text after FILE: asks for. */
typedef struct index_text {
  char tensor[256];
  index_columns columns;
  int picks; /* TENSOR=VALUE: the rows where the tensor (a split, a label) is VALUE */
  int64_t value;
} index_text;

/* A whole number at *at, which goes behind it; 0: there is none, -1: it is too large. */
static int index_number(const char **at, int64_t *value) {
  char *end;
  const char *digits = *at + (**at == '-');
  if (*digits < '0' || *digits > '9') return 0;
  errno = 0;
  *value = strtoll(*at, &end, 10);
  *at = end;
  return errno || *value > INT32_MAX || *value < -INT32_MAX ? -1 : 1;
}

/* Reads "[FROM:TO:STEP]" up to its end; 1 if it is that. */
static int index_columns_read(const char *at, index_columns *c, const char **end) {
  int ok = *at++ == '[', got;

  c->given = 1;
  c->step = 1;
  ok = ok && (c->has_from = index_number(&at, &c->from)) >= 0;
  if (ok && *at == ':') {
    at++;
    c->slice = 1;
    ok = (c->has_to = index_number(&at, &c->to)) >= 0;
    if (ok && *at == ':') {
      at++;
      got = index_number(&at, &c->step);
      ok = got >= 0 && c->step != 0;
    }
  } else {
    ok = ok && c->has_from;
  }
  ok = ok && *at == ']';
  *end = ok ? at + 1 : at;
  return ok;
}

/* Python's limits of a slice over n columns; *count of them, from *first on. */
static void index_slice(const index_columns *c, int64_t n, int64_t *first, int64_t *count) {
  const int64_t low = c->step > 0 ? 0 : -1, high = c->step > 0 ? n : n - 1;
  const int64_t size = c->step > 0 ? c->step : c->step < 0 ? -c->step : 1;
  int64_t from = c->has_from ? c->from + (c->from < 0 ? n : 0) : c->step > 0 ? low : high;
  int64_t to = c->has_to ? c->to + (c->to < 0 ? n : 0) : c->step > 0 ? high : low;

  from = from < low ? low : from > high ? high : from;
  to = to < low ? low : to > high ? high : to;
  *first = from;
  *count = c->step > 0 ? (to - from + size - 1) / size : (from - to + size - 1) / size;
}

/* Leaves only the columns that the text names, in its order. */
static void index_choose(row_index *index, const char *text, const index_columns *c) {
  const int64_t n = index->columns;
  int64_t first = c->from + (c->from < 0 ? n : 0), count = 1, r, i;
  int32_t *row;

  if (c->slice) index_slice(c, n, &first, &count);
  if (count <= 0 || first < 0 || first >= n)
    refuse("'%s' names no column: the tensor has columns 0 to %lld", text, (long long)n - 1);
  row = memory_new(index->count * count, sizeof *row);
  for (r = 0; r < index->count; r++)
    for (i = 0; i < count; i++) row[r * count + i] = index->row[r * n + first + i * c->step];
  free(index->row);
  index->row = row;
  index->columns = count;
}

static void index_read(const char *text, lnsp_file *file, const char *path,
                       const index_text *what, row_index *index) {
  const lnsp_tensor shape = tensor_find(file, path, what->tensor);
  lnsp_error error;
  int64_t kept = 0, i;
  int32_t status;

  if (shape.rank < 1 || shape.rank > 2)
    refuse("'%s' has rank %d: numbers of rows are a tensor [M] or [M, L]", text,
           (int)shape.rank);
  index->count = shape.dims[0];
  index->columns = shape.rank == 2 ? shape.dims[1] : 1;
  index->from = memory_format("%s", text);
  index->row = memory_new(tensor_elements(&shape), sizeof(int32_t));
  status = lnsp_file_read(file, what->tensor, 0, tensor_elements(&shape), LNSP_I32, index->row,
                          &error);
  if (status == LNSP_E_DTYPE)
    refuse("'%s' is %s, but numbers of rows are integers: give a tensor I32 [M] or [M, L]",
           text, lnsp_dtype_name(shape.dtype));
  refuse_if(status, text, &error);
  if (what->columns.given && shape.rank != 2)
    refuse("'%s' is a tensor [M], without columns: leave out what is in brackets", text);
  if (what->columns.given) index_choose(index, text, &what->columns);
  if (!what->picks) return;
  /* Turns labels into the numbers of the rows that have this one. */
  if (index->columns != 1)
    refuse("'%s' has %lld columns: choose one before the =, as in TENSOR[0]=1", text,
           (long long)index->columns);
  for (i = 0; i < index->count; i++)
    if (index->row[i] == what->value) index->row[kept++] = (int32_t)i;
  if (kept == 0)
    refuse("'%s' picks no row: no number in it is %lld", text, (long long)what->value);
  index->count = kept;
}

const row_index *row_index_load(data *d, const char *option_name, const char *text) {
  const char *after = NULL;
  lnsp_file *file = data_file_of(d, option_name, text, &after);
  /* TENSOR, TENSOR[COLUMNS], and either with =NUMBER behind it. */
  const size_t size = strcspn(after, "[=");
  const char *at = after + size;
  index_text what;
  int ok = size > 0 && size < sizeof what.tensor, i;

  memset(&what, 0, sizeof what);
  if (ok && *at == '[') ok = index_columns_read(at, &what.columns, &at);
  if (ok && *at == '=') {
    at++;
    ok = index_number(&at, &what.value) == 1;
    what.picks = 1;
  }
  if (!ok || *at)
    refuse_usage("%s is '%s': write FILE:TENSOR, and after it [N] or [FROM:TO:STEP] for some "
                 "of its columns, or =NUMBER for the rows where it has that number",
                 option_name, text);
  memcpy(what.tensor, after, size);
  for (i = 0; i < d->index_count; i++)
    if (!strcmp(d->index[i].from, text)) return &d->index[i];
  index_read(text, file, data_path(d, file), &what, &d->index[i]);
  d->index_count++;
  return &d->index[i];
}

void row_index_check(const row_index *index, const char *option_name, const char *tensor,
                     int64_t rows) {
  int64_t i;
  for (i = 0; i < index->count * index->columns; i++)
    if (index->row[i] < 0 || index->row[i] >= rows)
      refuse("%s names row %ld at place %lld, but tensor '%s' has rows 0 to %lld: give the "
             "tensor that these numbers were made for",
             option_name, (long)index->row[i], (long long)i, tensor, (long long)rows - 1);
}

/* Index tensors: which rows of a tensor of vectors are meant, and in which order. */
#include "data/row_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
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

static int index_read(data *d, const char *text, lnsp_file *file, const index_text *what,
                      row_index *index) {
  lnsp_tensor shape;
  lnsp_error error;
  int status = 0;

  if (lnsp_file_tensor(file, what->tensor, &shape, &error))
    return refuse_error(d->args, text, &error);
  if (shape.rank < 1 || shape.rank > 2)
    return refuse(d->args, "%s: an index tensor is [M] or [M, L], this one has rank %d", text,
                  (int)shape.rank);
  index->count = shape.dims[0];
  index->columns = shape.rank == 2 ? shape.dims[1] : 1;
  index->from = strdup(text);
  index->row = malloc((size_t)(tensor_elements(&shape) + 1) * sizeof(int32_t));
  d->index_count++; /* from here on data_close frees it */
  if (!index->from || !index->row) return refuse_memory(d->args);
  if (lnsp_file_read(file, what->tensor, 0, tensor_elements(&shape), LNSP_I32, index->row,
                     &error))
    return refuse_error(d->args, text, &error);
  if (what->columns.given && shape.rank != 2)
    return refuse(d->args, "%s: the tensor is [M] and has no columns to choose from", text);
  if (what->columns.given) {
    /* Leaves only the columns that the text names, in its order. */
    const int64_t n = index->columns;
    int64_t first = what->columns.from + (what->columns.from < 0 ? n : 0), count = 1, r, i;
    int32_t *row;

    if (what->columns.slice) index_slice(&what->columns, n, &first, &count);
    if (count <= 0 || first < 0 || first >= n)
      return refuse(d->args,
                    "%s: the tensor has columns 0 to %lld, and that names none of them", text,
                    (long long)n - 1);
    row = malloc((size_t)(index->count * count + 1) * sizeof *row);
    if (!row) return refuse_memory(d->args);
    for (r = 0; r < index->count; r++)
      for (i = 0; i < count; i++)
        row[r * count + i] = index->row[r * n + first + i * what->columns.step];
    free(index->row);
    index->row = row;
    index->columns = count;
    status = 0;
  }
  if (!status && what->picks) {
    /* Turns labels into the numbers of the rows that have this one. */
    int64_t kept = 0, i;
    if (index->columns != 1)
      return refuse(d->args, "%s: only a tensor [M] can be compared with a number", text);
    for (i = 0; i < index->count; i++)
      if (index->row[i] == what->value) index->row[kept++] = (int32_t)i;
    if (kept == 0) return refuse(d->args, "%s: no row has that number", text);
    index->count = kept;
    status = 0;
  }
  return status;
}

int row_index_load(data *d, const char *option_name, const char *text, const row_index **out) {
  lnsp_file *file = NULL;
  const char *after = NULL;
  index_text what;
  size_t length = 0;
  int i, status = data_split(d, option_name, text, &length, &after);
  if (status) return status;
  /* TENSOR, TENSOR[COLUMNS], and either with =NUMBER behind it. */
  const size_t size = strcspn(after, "[=");
  const char *at = after + size;
  int ok = size > 0 && size < sizeof what.tensor, got;

  memset(&what, 0, sizeof what);
  if (ok && *at == '[') ok = index_columns_read(at, &what.columns, &at);
  if (ok && *at == '=') {
    at++;
    got = index_number(&at, &what.value);
    ok = got == 1;
    what.picks = 1;
  }
  if (!ok || *at)
    return refuse_usage(d->args,
                        "%s is \"%s\": give FILE:TENSOR, with [N] or [FROM:TO:STEP] "
                        "after it for some of its columns, with =NUMBER for the rows where it "
                        "has that number",
                        option_name, after);
  memcpy(what.tensor, after, size);
  for (i = 0; i < d->index_count; i++)
    if (!strcmp(d->index[i].from, text)) {
      *out = &d->index[i];
      return 0;
    }
  *out = &d->index[i];
  status = data_file(d, text, length, &file);
  if (status) return status;
  return index_read(d, text, file, &what, &d->index[i]);
}

int row_index_check(const data *d, const data_column *c, const char *option_name) {
  const int64_t count = c->index->count * c->index->columns;
  int64_t i;
  for (i = 0; i < count; i++)
    if (c->index->row[i] < 0 || c->index->row[i] >= c->stored_rows)
      return refuse(d->args,
                    "%s names row %ld at place %lld, but tensor %s has rows 0 to %lld; "
                    "give the tensor that the index was made for",
                    option_name, (long)c->index->row[i], (long long)i, c->tensor,
                    (long long)c->stored_rows - 1);
  return 0;
}

/* Rows of training data, read from the file batch by batch: tensors by name, or
 * vectors through index tensors. */
#include "data/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "command.h"
#include "data/ids.h"
#include "data/row_index.h"
#include "lnsp.h"

const option data_options[] = {
    {"--input", "FILE:TENSOR", "vectors [N, width], instead of DATA", OPT_TEXT},
    {"--rows", "FILE:TENSOR",
     "which rows of them: I32 [M], or [M, L] for sequences; TENSOR=N: the rows where it is N; "
     "TENSOR[FROM:TO]: these columns of it",
     OPT_TEXT},
    {"--target", "FILE:TENSOR", "vectors of the target (default those of --input)", OPT_TEXT},
    {"--target-rows", "FILE:TENSOR", "rows of the target (default those of --rows)", OPT_TEXT},
    {"--normalise", NULL, "scale every vector to length 1 as it is loaded", OPT_TEXT},
    {.name = NULL},
};

static const char *const data_names[DATA_COLUMNS] = {"input",    "target",   "anchor",
                                                     "positive", "negative", "teacher",
                                                     "prev",     "neg",      "echo",
                                                     "future"};
#define DATA_SETS 6 /* from here on: what only losses look at, some with several a row */

int data_spec_read(const args *a, int path_at, data_spec *spec) {
  memset(spec, 0, sizeof *spec);
  spec->path = a->positional_count > path_at ? a->positional[path_at] : NULL;
  spec->input = args_value(a, "--input");
  spec->rows = args_value(a, "--rows");
  spec->target = args_value(a, "--target");
  spec->target_rows = args_value(a, "--target-rows");
  spec->normalise = args_given(a, "--normalise");
  if (!spec->path && !spec->input)
    return refuse_usage(a, "the data are missing: give a DATA file, or --input FILE:TENSOR");
  if (spec->path && (spec->input || spec->target))
    return refuse_usage(a, "give either a DATA file or --input and --target, not both");
  return 0;
}

/* Adds the column, as the tensor says it is, or as the index picks from it. */
static int data_column_add(data *d, const char *name, lnsp_file *file, const char *tensor,
                           const row_index *index, int64_t index_first, int64_t index_width,
                           const char *option_name) {
  data_column *c = &d->column[d->count];
  lnsp_tensor shape;
  lnsp_error error;
  int i;

  for (i = 0; i + 1 < d->file_count && d->file[i].file != file; i++);
  if (lnsp_file_tensor(file, tensor, &shape, &error))
    return refuse_error(d->args, d->file[i].path, &error);
  if (shape.rank < 2 || shape.rank > 3 || (index && shape.rank != 2))
    return refuse(d->args, "tensor %s has rank %d; vectors are [rows, width]%s", tensor,
                  (int)shape.rank, index ? "" : " or [rows, concepts, width]");
  memset(c, 0, sizeof *c);
  c->name = name;
  c->file = file;
  c->tensor = strdup(tensor);
  if (!c->tensor) return refuse_memory(d->args);
  d->count++; /* from here on data_close frees it */
  c->stored_rows = shape.dims[0];
  c->rows = index ? index->count : shape.dims[0];
  c->rank = index && index_width > 1 ? 3 : shape.rank;
  c->concepts = index ? index_width : shape.rank == 3 ? shape.dims[1] : 1;
  c->width = shape.dims[shape.rank - 1];
  c->index = index;
  c->index_first = index_first;
  c->same_as = -1;
  if (!c->rows || !c->concepts || !c->width)
    return refuse(d->args, "tensor %s has no rows; give data with at least one", tensor);
  for (i = 0; i < d->count - 1 && c->same_as < 0; i++) {
    const data_column *e = &d->column[i];
    if (e->file == file && e->index == index && e->index_first == index_first &&
        e->concepts == c->concepts && !strcmp(e->tensor, tensor))
      c->same_as = i;
  }
  if (c->rows > d->max_rows) d->max_rows = c->rows;
  if (c->concepts > d->max_concepts) d->max_concepts = c->concepts;
  return index && c->same_as < 0 ? row_index_check(d, c, option_name) : 0;
}

/* Vectors through index tensors: input and target, and for [M, 3] the triplet. */
static int data_open_indexed(data *d, const data_spec *spec) {
  const row_index *rows = NULL, *target_rows = NULL;
  lnsp_file *file = NULL, *target_file = NULL;
  const char *tensor = NULL, *target = NULL;
  size_t length = 0;
  int i, status = data_split(d, "--input", spec->input, &length, &tensor);

  if (!status) status = data_file(d, spec->input, length, &file);
  target_file = file;
  target = tensor;
  if (!status && spec->target) {
    status = data_split(d, "--target", spec->target, &length, &target);
    if (!status) status = data_file(d, spec->target, length, &target_file);
  }
  if (!status && spec->rows) status = row_index_load(d, "--rows", spec->rows, &rows);
  target_rows = rows;
  if (!status && spec->target_rows)
    status = row_index_load(d, "--target-rows", spec->target_rows, &target_rows);
  if (!status)
    status =
        data_column_add(d, "input", file, tensor, rows, 0, rows ? rows->columns : 1, "--rows");
  if (!status)
    status = data_column_add(d, "target", target_file, target, target_rows, 0,
                             target_rows ? target_rows->columns : 1,
                             spec->target_rows ? "--target-rows" : "--rows");
  if (!status && rows && rows->columns == 3)
    for (i = 0; i < 4 && !status; i++) /* the anchor's teacher is the anchor itself */
      status = data_column_add(d, data_names[2 + i], file, tensor, rows, i % 3, 1, "--rows");
  return status;
}

int data_open(data *d, const args *a, const data_spec *spec) {
  int status;
  memset(d, 0, sizeof *d);
  d->args = a;
  d->normalise = spec->normalise;
  if (spec->input) {
    status = data_open_indexed(d, spec);
  } else {
    /* DATA by itself: every column whose tensor is there; --rows picks rows of all. */
    const row_index *index = NULL;
    lnsp_file *file = NULL;
    lnsp_tensor shape;
    lnsp_error error;
    int i;
    status = data_file(d, spec->path, strlen(spec->path), &file);

    if (!status && spec->rows) status = row_index_load(d, "--rows", spec->rows, &index);
    for (i = 0; i < DATA_COLUMNS && !status; i++) {
      const int64_t concepts = d->max_concepts;
      if (lnsp_file_tensor(file, data_names[i], &shape, &error) ||
          (i >= DATA_SETS && index && shape.rank != 2))
        continue;
      status = data_ids_integer(&shape)
                   ? data_ids_add(d, data_names[i], file, index)
                   : data_column_add(d, data_names[i], file, data_names[i], index, 0,
                                     index ? index->columns : 1, "--rows");
      if (i >= DATA_SETS) /* a network is not run on a set */
        d->max_concepts = concepts;
    }
    if (!status) status = data_ids_open(d, file, index);
    if (!status && !d->count)
      status =
          refuse(d->args,
                 "%s has none of the tensors input, ids, target, anchor, positive, negative, "
                 "teacher; %s",
                 spec->path,
                 args_knows(d->args, "--input") ? "name one with --input FILE:TENSOR"
                                                : "call its vectors `input`");
  }
  if (status) data_close(d);
  return status;
}

int data_need(data *d, const char *name) {
  int i;
  for (i = 0; i < d->count; i++)
    if (!strcmp(d->column[i].name, name)) break;
  if (i == d->count) {
    const int loss = strcmp(name, "input") && args_knows(d->args, "--loss");
    return refuse(d->args, "%s has no tensor %s, which this %s reads; add it%s",
                  d->file[0].path, name, loss ? "loss" : "command",
                  loss ? ", or choose another --loss" : "");
  }
  if (d->needed_count && d->column[i].rows != d->rows)
    return refuse(d->args,
                  "tensor %s has %lld rows where the others have %lld; all need the "
                  "same number",
                  name, (long long)d->column[i].rows, (long long)d->rows);
  if (!d->column[i].needed) d->needed_count++;
  d->column[i].needed = 1;
  d->rows = d->column[i].rows;
  return 0;
}

int data_reserve(data *d, int64_t count) {
  int i, n = 0, status = data_ids_need_masks(d);
  if (status) return status;
  for (i = 0; i < d->count; i++) {
    data_column *c = &d->column[i];
    lnsp_tensor *t;
    if (!c->needed) continue;
    if (c->same_as >= 0 && d->column[c->same_as].needed) {
      c->buffer = d->column[c->same_as].buffer;
    } else {
      c->same_as = -1;
      if (count > INT32_MAX || c->concepts * c->width > INT32_MAX)
        return refuse_memory(d->args);
      c->buffer = malloc((size_t)(count * c->concepts * c->width) *
                         (c->integers ? sizeof(int64_t) : sizeof(float)));
      if (!c->buffer) return refuse_memory(d->args);
    }
    t = &d->inputs[n++];
    *t = lnsp_tensor_f32(c->name, c->buffer, c->rank, count,
                         c->rank == 3 ? c->concepts : c->width, c->width);
    if (c->integers) {
      t->dtype = LNSP_I64;
      t->dims[1] = c->concepts;
    }
  }
  return 0;
}

static int data_column_read(const data *d, const data_column *c, const int32_t *order,
                            int64_t first, int64_t count) {
  const int64_t length = (c->index ? 1 : c->concepts) * c->width;
  lnsp_error error;
  int32_t status = LNSP_OK;
  float *to = c->buffer;
  int64_t r, l;

  if (c->integers) return data_ids_read(d, c, order, first, count);

  if (!order && !c->index)
    status = lnsp_file_read(c->file, c->tensor, first * length, count * length, LNSP_F32, to,
                            &error);
  for (r = first; (order || c->index) && r < first + count && !status; r++) {
    const int64_t row = order ? order[r] : r;
    if (!c->index) {
      status = lnsp_file_read(c->file, c->tensor, row * length, length, LNSP_F32, to, &error);
      to += length;
      continue;
    }
    for (l = 0; l < c->concepts && !status; l++, to += length) {
      const int64_t at = c->index->row[row * c->index->columns + c->index_first + l];
      status = lnsp_file_read(c->file, c->tensor, at * length, length, LNSP_F32, to, &error);
    }
  }
  if (status) return refuse_error(d->args, NULL, &error);
  /* Vectors from the file are rounded to float16, so their length is not quite 1. */
  if (d->normalise) {
    const int64_t vectors = count * c->concepts;
    float *x = c->buffer;
    int64_t i;
    for (r = 0; r < vectors; r++, x += c->width) {
      double sum = 0;
      for (i = 0; i < c->width; i++) sum += (double)x[i] * (double)x[i];
      if (!(sum > 0) || !isfinite(sum))
        return refuse(d->args,
                      "a vector of tensor %s has length %g and cannot be normalised; "
                      "leave it out",
                      c->tensor, sqrt(sum));
      sum = sqrt(sum);
      for (i = 0; i < c->width; i++) x[i] = (float)((double)x[i] / sum);
    }
    return 0;
  }
  return 0;
}

int data_read(data *d, const int32_t *order, int64_t first, int64_t count) {
  int i, n = 0, status = 0;
  for (i = 0; i < d->count && !status; i++) {
    if (!d->column[i].needed) continue;
    if (d->column[i].same_as < 0)
      status = data_column_read(d, &d->column[i], order, first, count);
    d->inputs[n++].dims[0] = count;
  }
  return status;
}

const lnsp_tensor *data_batch(const data *d, const char *name) {
  int i;
  for (i = 0; i < d->needed_count; i++)
    if (!strcmp(d->inputs[i].name, name)) return &d->inputs[i];
  return NULL;
}

void data_close(data *d) {
  int i;
  for (i = 0; i < d->count; i++) {
    if (d->column[i].same_as < 0) free(d->column[i].buffer);
    free(d->column[i].tensor);
  }
  for (i = 0; i < d->index_count; i++) {
    free(d->index[i].from);
    free(d->index[i].row);
  }
  for (i = 0; i < d->file_count; i++) {
    lnsp_file_destroy(d->file[i].file);
    free(d->file[i].path);
  }
  memset(d, 0, sizeof *d);
}

int data_file(data *d, const char *path, size_t length, lnsp_file **out) {
  lnsp_error error;
  char *copy;
  int i;

  for (i = 0; i < d->file_count; i++)
    if (strlen(d->file[i].path) == length && !memcmp(d->file[i].path, path, length)) {
      *out = d->file[i].file;
      return 0;
    }
  copy = strndup(path, length);
  if (!copy) return refuse_memory(d->args);
  if (lnsp_file_open(copy, NULL, out, &error)) {
    const int status = refuse_error(d->args, copy, &error);
    free(copy);
    return status;
  }
  d->file[d->file_count].path = copy;
  d->file[d->file_count++].file = *out;
  return 0;
}

int data_split(const data *d, const char *option_name, const char *text, size_t *length,
               const char **tensor) {
  const char *bracket = strrchr(text, '['), *colon, *at, *end;

  end = bracket ? bracket + 1 + strspn(bracket + 1, "0123456789-:") : NULL;
  if (!end || (*end && (*end != ']' || (end[1] && end[1] != '='))))
    bracket = NULL; /* of a folder's name, not columns */
  for (colon = NULL, at = text; *at && at != bracket; at++)
    if (*at == ':') colon = at;
  if (!colon || colon == text || !colon[1])
    return refuse_usage(d->args, "%s is \"%s\", and must be FILE:TENSOR", option_name, text);
  *length = (size_t)(colon - text);
  *tensor = colon + 1;
  return 0;
}

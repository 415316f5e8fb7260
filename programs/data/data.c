/* Rows of training data, read from the file batch by batch: tensors by name, or
 * vectors through index tensors. */
#include "data/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/memory.h"
#include "cli/refuse.h"
#include "command.h"
#include "data/tensor.h"
#include "lnsp.h"

const option data_options[] = {
    {"--input", "FILE:TENSOR", "vectors [N, width], instead of DATA", OPT_TEXT},
    {"--rows", "FILE:TENSOR",
     "which of these vectors: a tensor I32 [M] of their numbers, or [M, L] for "
     "sequences of L; TENSOR[FROM:TO] takes some of its columns, TENSOR=N means the "
     "rows where it is N",
     OPT_TEXT},
    {"--target", "FILE:TENSOR", "vectors to be predicted (default those of --input)", OPT_TEXT},
    {"--target-rows", "FILE:TENSOR", "which of these targets (default those of --rows)",
     OPT_TEXT},
    {"--normalise", NULL, "scale every vector to length 1 as it is read", OPT_TEXT},
    {.name = NULL},
};

static const char *const data_names[DATA_COLUMNS] = {"input",    "target",   "anchor",
                                                     "positive", "negative", "teacher",
                                                     "prev",     "neg",      "echo",
                                                     "future"};
#define DATA_SETS 6 /* from here on: what only losses look at, some with several a row */

data_spec data_spec_read(const args *a, int path_at) {
  data_spec spec = {NULL, NULL, NULL, NULL, NULL, 0};
  spec.path = a->positional_count > path_at ? a->positional[path_at] : NULL;
  spec.input = args_value(a, "--input");
  spec.rows = args_value(a, "--rows");
  spec.target = args_value(a, "--target");
  spec.target_rows = args_value(a, "--target-rows");
  spec.normalise = args_given(a, "--normalise");
  if (!spec.path && !spec.input)
    refuse_usage("the data are missing: give a DATA file, or --input FILE:TENSOR");
  if (spec.path && (spec.input || spec.target))
    refuse_usage("give either a DATA file or --input and --target, not both");
  return spec;
}

data_column *data_column_new(data *d, const char *name, lnsp_file *file, const char *tensor,
                             const row_index *index, const lnsp_tensor *shape) {
  data_column *c = &d->column[d->count++];
  memset(c, 0, sizeof *c);
  c->name = name;
  c->file = file;
  c->tensor = memory_format("%s", tensor);
  c->stored_rows = shape->dims[0];
  c->rows = index ? index->count : shape->dims[0];
  c->index = index;
  c->same_as = -1;
  return c;
}

void data_column_end(data *d, const data_column *c) {
  if (!c->rows || !c->concepts || !c->width)
    refuse("tensor '%s' has no rows: give data with at least one row", c->tensor);
  if (c->rows > d->max_rows) d->max_rows = c->rows;
  if (c->concepts > d->max_concepts) d->max_concepts = c->concepts;
}

/* Adds the column, as the tensor says it is, or as the index picks from it. */
static void data_column_add(data *d, const char *name, lnsp_file *file, const char *tensor,
                            const row_index *index, int64_t index_first, int64_t index_width,
                            const char *option_name) {
  const lnsp_tensor shape = tensor_find(file, data_path(d, file), tensor);
  data_column *c;
  int i;

  if (shape.rank < 2 || shape.rank > 3 || (index && shape.rank != 2))
    refuse("tensor '%s' of '%s' has rank %d: give vectors as [rows, width]%s", tensor,
           data_path(d, file), (int)shape.rank, index ? "" : " or [rows, concepts, width]");
  c = data_column_new(d, name, file, tensor, index, &shape);
  c->rank = index && index_width > 1 ? 3 : shape.rank;
  c->concepts = index ? index_width : shape.rank == 3 ? shape.dims[1] : 1;
  c->width = shape.dims[shape.rank - 1];
  c->index_first = index_first;
  data_column_end(d, c);
  for (i = 0; i < d->count - 1 && c->same_as < 0; i++) {
    const data_column *e = &d->column[i];
    if (e->file == file && e->index == index && e->index_first == index_first &&
        e->concepts == c->concepts && !strcmp(e->tensor, tensor))
      c->same_as = i;
  }
  if (index && c->same_as < 0) row_index_check(index, option_name, tensor, c->stored_rows);
}

/* Vectors through index tensors: input and target, and for [M, 3] the triplet. */
static void data_open_indexed(data *d, const data_spec *spec) {
  const char *tensor, *target, *row_option = spec->target_rows ? "--target-rows" : "--rows";
  lnsp_file *file = data_file_of(d, "--input", spec->input, &tensor), *target_file = file;
  const row_index *rows = NULL, *target_rows;
  int i;

  target = tensor;
  if (spec->target) target_file = data_file_of(d, "--target", spec->target, &target);
  if (spec->rows) rows = row_index_load(d, "--rows", spec->rows);
  target_rows = rows;
  if (spec->target_rows) target_rows = row_index_load(d, "--target-rows", spec->target_rows);
  data_column_add(d, "input", file, tensor, rows, 0, rows ? rows->columns : 1, "--rows");
  data_column_add(d, "target", target_file, target, target_rows, 0,
                  target_rows ? target_rows->columns : 1, row_option);
  for (i = 0; rows && rows->columns == 3 && i < 4; i++) /* the anchor's teacher is itself */
    data_column_add(d, data_names[2 + i], file, tensor, rows, i % 3, 1, "--rows");
}

/* DATA by itself: every column whose tensor is there; --rows picks rows of all. */
static void data_open_named(data *d, const data_spec *spec) {
  const char *colon = strrchr(spec->path, ':');
  const char *instead = args_knows(d->args, "--input")
                            ? "name its vectors with --input FILE:TENSOR"
                            : "give a file that calls its vectors 'input'";
  const row_index *index;
  lnsp_file *file;
  lnsp_tensor shape;
  int i, safetensors;

  if (colon && !file_exists(spec->path, &safetensors))
    refuse("'%s' is not a file; if it means FILE:TENSOR, %s", spec->path, instead);
  file = data_file(d, spec->path, strlen(spec->path));
  index = spec->rows ? row_index_load(d, "--rows", spec->rows) : NULL;

  for (i = 0; i < DATA_COLUMNS; i++) {
    const int64_t concepts = d->max_concepts;
    if (!data_names[i] || lnsp_file_tensor(file, data_names[i], &shape, NULL) ||
        (i >= DATA_SETS && index && shape.rank != 2))
      continue;
    if (data_ids_integer(&shape))
      data_ids_add(d, data_names[i], file, index);
    else
      data_column_add(d, data_names[i], file, data_names[i], index, 0,
                      index ? index->columns : 1, "--rows");
    if (i >= DATA_SETS) d->max_concepts = concepts; /* a network is not run on a set */
  }
  data_ids_open(d, file, index);
  if (!d->count)
    refuse("'%s' has none of the tensors input, ids, target, anchor, positive, negative, "
           "teacher: %s; `lnsp info %s` lists what it has",
           spec->path, instead, spec->path);
}

void data_open(data *d, const args *a, const data_spec *spec) {
  memset(d, 0, sizeof *d);
  d->args = a;
  d->normalise = spec->normalise;
  if (spec->input)
    data_open_indexed(d, spec);
  else
    data_open_named(d, spec);
}

data_column *data_find(data *d, const char *name) {
  int i;
  for (i = 0; i < d->count; i++)
    if (!strcmp(d->column[i].name, name)) return &d->column[i];
  return NULL;
}

void data_need(data *d, const char *name) {
  data_column *c = data_find(d, name);
  if (!c) {
    const int loss = strcmp(name, "input") && args_knows(d->args, "--loss");
    refuse("'%s' has no tensor '%s', which this %s reads: add it to the file%s",
           d->file[0].path, name, loss ? "loss" : "command",
           loss                             ? ", or choose another --loss"
           : args_knows(d->args, "--input") ? ", or name its vectors with --input FILE:TENSOR"
                                            : "");
  }
  if (d->needed_count && c->rows != d->rows)
    refuse("tensor '%s' has %lld rows where the others have %lld: give all the same number",
           name, (long long)c->rows, (long long)d->rows);
  if (!c->needed) d->needed_count++;
  c->needed = 1;
  d->rows = c->rows;
}

void data_need_inputs(data *d, const lnsp_trainer *trainer) {
  const char *name;
  int32_t i;
  for (i = 0; (name = lnsp_trainer_input_name(trainer, i)) != NULL; i++) data_need(d, name);
}

void data_reserve(data *d, int64_t count) {
  int i, n = 0;
  data_ids_need_masks(d);
  for (i = 0; i < d->count; i++) {
    data_column *c = &d->column[i];
    lnsp_tensor *t;
    if (!c->needed) continue;
    if (c->same_as >= 0 && d->column[c->same_as].needed) {
      c->buffer = d->column[c->same_as].buffer;
    } else {
      c->same_as = -1;
      if (count > INT32_MAX || c->concepts * c->width > INT32_MAX) memory_refuse();
      c->buffer = memory_new(count * c->concepts * c->width,
                             c->integers ? sizeof(int64_t) : sizeof(float));
    }
    t = &d->inputs[n++];
    *t = lnsp_tensor_f32(c->name, c->buffer, c->rank, count,
                         c->rank == 3 ? c->concepts : c->width, c->width);
    if (c->integers) {
      t->dtype = LNSP_I64;
      t->dims[1] = c->concepts;
    }
  }
}

double data_length(const float *x, int64_t width) {
  double sum = 0;
  int64_t i;
  for (i = 0; i < width; i++) sum += (double)x[i] * (double)x[i];
  return sqrt(sum);
}

void data_scale(float *x, int64_t width, double length) {
  int64_t i;
  for (i = 0; i < width; i++) x[i] = (float)((double)x[i] / length);
}

static void data_column_read(const data *d, const data_column *c, const int32_t *order,
                             int64_t first, int64_t count) {
  const int64_t length = (c->index ? 1 : c->concepts) * c->width,
                each = c->index ? c->concepts : 1;
  const int64_t calls = order || c->index ? count * each : 1;
  const int64_t size = order || c->index ? length : count * length;
  lnsp_error error;
  float *x = c->buffer;
  int64_t i;

  for (i = 0; i < calls; i++) {
    const int64_t at = first + i / each, row = order ? order[at] : at;
    const int64_t from =
        c->index ? c->index->row[row * c->index->columns + c->index_first + i % each] : row;
    refuse_if(lnsp_file_read(c->file, c->tensor, from * length, size, LNSP_F32, x + i * length,
                             &error),
              NULL, &error);
  }
  /* Vectors from the file are rounded to float16, so their length is not quite 1. */
  for (i = 0; d->normalise && i < count * c->concepts; i++, x += c->width) {
    const double norm = data_length(x, c->width);
    if (!(norm > 0) || !isfinite(norm))
      refuse("a vector of tensor '%s' has length %g and cannot be normalised: leave it out",
             c->tensor, norm);
    data_scale(x, c->width, norm);
  }
}

void data_read(data *d, const int32_t *order, int64_t first, int64_t count) {
  int i, n = 0;
  for (i = 0; i < d->count; i++) {
    const data_column *c = &d->column[i];
    if (!c->needed) continue;
    if (c->integers)
      data_ids_read(c, order, first, count);
    else if (c->same_as < 0)
      data_column_read(d, c, order, first, count);
    d->inputs[n++].dims[0] = count;
  }
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

const char *data_path(const data *d, const lnsp_file *file) {
  int i = 0;
  while (i + 1 < d->file_count && d->file[i].file != file) i++;
  return d->file[i].path;
}

lnsp_file *data_file(data *d, const char *path, size_t length) {
  char *copy;
  lnsp_error error;
  int i;

  for (i = 0; i < d->file_count; i++)
    if (strlen(d->file[i].path) == length && !memcmp(d->file[i].path, path, length))
      return d->file[i].file;
  copy = memory_text(path, length);
  refuse_if(lnsp_file_open(copy, NULL, &d->file[i].file, &error), copy, &error);
  d->file[i].path = copy;
  d->file_count++;
  return d->file[i].file;
}

lnsp_file *data_file_of(data *d, const char *option_name, const char *text,
                        const char **tensor) {
  const char *bracket = strrchr(text, '['), *colon, *at, *end;

  end = bracket ? bracket + 1 + strspn(bracket + 1, "0123456789-:") : NULL;
  if (!end || (*end && (*end != ']' || (end[1] && end[1] != '='))))
    bracket = NULL; /* of a folder's name, not columns */
  for (colon = NULL, at = text; *at && at != bracket; at++)
    if (*at == ':') colon = at;
  if (!colon || colon == text || !colon[1])
    refuse_usage("%s is '%s': write FILE:TENSOR, a file and the name of a tensor in it",
                 option_name, text);
  *tensor = colon + 1;
  return data_file(d, text, (size_t)(colon - text));
}

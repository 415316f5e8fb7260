/* Vectors of a file, all or those that --rows names, read some at a time. */
#include "index/vector_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/row_index.h"
#include "lnsp.h"

/* ---- vectors of a file ---- */

int vector_rows_open(const args *a, const char *text, const char *const *names,
                     vector_rows *v) {
  const char *rows = args_value(a, "--rows"), *tensor = NULL;
  lnsp_tensor shape;
  lnsp_error error;
  size_t length = strlen(text);
  int is_file, safetensors, status = 0, i;

  memset(v, 0, sizeof *v);
  v->d.args = a;
  is_file = file_exists(text, &safetensors);
  if (!is_file && strchr(text, ':'))
    status = data_split(&v->d, "a file of vectors", text, &length, &tensor);
  if (!status) status = data_file(&v->d, text, length, &v->file);
  if (status) return status;
  for (i = 0; !tensor && names[i]; i++)
    if (!lnsp_file_tensor(v->file, names[i], &shape, NULL)) tensor = names[i];
  v->is_index = is_file && tensor && !strcmp(tensor, "vectors") &&
                !lnsp_file_tensor(v->file, "ids", &shape, NULL);
  if (lnsp_file_tensor(v->file, tensor ? tensor : names[0], &shape, &error))
    return refuse_error(a, text, &error);
  if (shape.rank != 2)
    return refuse(a, "%s: tensor %s has rank %d; vectors are [rows, width]", text, tensor,
                  (int)shape.rank);
  if (shape.dtype == LNSP_I8)
    return refuse(a, "%s: tensor %s is I8; give the vectors that the index was built from",
                  text, tensor);
  v->tensor = strdup(tensor);
  v->count = v->stored_rows = shape.dims[0];
  v->width = shape.dims[1];
  if (!v->tensor) return refuse_memory(a);
  if (rows) status = row_index_load(&v->d, "--rows", rows, &v->rows);
  if (!v->rows || status) return status;
  if (v->rows->columns != 1)
    return refuse(a,
                  "--rows is \"%s\", which has %lld columns: choose one, as in "
                  "FILE:TENSOR[0]",
                  rows, (long long)v->rows->columns);
  v->count = v->rows->count;
  for (i = 0; i < v->count; i++)
    if (v->rows->row[i] < 0 || v->rows->row[i] >= v->stored_rows)
      return refuse(a, "--rows names row %ld, but tensor %s has rows 0 to %lld",
                    (long)v->rows->row[i], v->tensor, (long long)v->stored_rows - 1);
  return 0;
}

int vector_rows_read(vector_rows *v, int64_t first, int64_t count, float *out) {
  lnsp_error error;
  int64_t i;
  if (!v->rows) {
    if (lnsp_file_read(v->file, v->tensor, first * v->width, count * v->width, LNSP_F32, out,
                       &error))
      return refuse_error(v->d.args, v->tensor, &error);
    return 0;
  }
  for (i = 0; i < count; i++)
    if (lnsp_file_read(v->file, v->tensor, v->rows->row[first + i] * v->width, v->width,
                       LNSP_F32, out + i * v->width, &error))
      return refuse_error(v->d.args, v->tensor, &error);
  return 0;
}

void vector_rows_close(vector_rows *v) {
  data_close(&v->d);
  free(v->tensor);
}

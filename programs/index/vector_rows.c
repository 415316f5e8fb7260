/* Vectors of a file, all or those that --rows names, read some at a time. */
#include "index/index.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/file.h"
#include "cli/refuse.h"
#include "data/tensor.h"

#include "lnsp.h"

void vector_rows_open(const args *a, const char *text, const char *const *names,
                      vector_rows *v) {
  const char *rows = args_value(a, "--rows"), *tensor = NULL;
  lnsp_tensor shape;
  int is_file, safetensors, i;

  memset(v, 0, sizeof *v);
  v->d.args = a;
  is_file = file_exists(text, &safetensors);
  v->file = !is_file && strchr(text, ':')
                ? data_file_of(&v->d, "the file of vectors", text, &tensor)
                : data_file(&v->d, text, strlen(text));
  for (i = 0; !tensor && names[i]; i++)
    if (!lnsp_file_tensor(v->file, names[i], &shape, NULL)) tensor = names[i];
  v->is_index = is_file && tensor && !strcmp(tensor, "vectors") &&
                !lnsp_file_tensor(v->file, "ids", &shape, NULL);
  if (!tensor)
    refuse("'%s' has no tensor '%s': name one that it has as FILE:TENSOR; `lnsp info %s` lists "
           "them",
           text, names[0], text);
  shape = tensor_find(v->file, data_path(&v->d, v->file), tensor);
  if (shape.rank != 2)
    refuse("tensor '%s' of '%s' has rank %d: give vectors [rows, width]", tensor, text,
           (int)shape.rank);
  if (shape.dtype == LNSP_I8)
    refuse("tensor '%s' of '%s' is I8: give the vectors that the index was built from", tensor,
           text);
  v->tensor = memory_format("%s", tensor);
  v->count = v->stored_rows = shape.dims[0];
  v->width = shape.dims[1];
  if (!rows) return;
  v->rows = row_index_load(&v->d, "--rows", rows);
  if (v->rows->columns != 1)
    refuse("--rows is '%s', which has %lld columns: choose one, as in FILE:TENSOR[0]", rows,
           (long long)v->rows->columns);
  v->count = v->rows->count;
  row_index_check(v->rows, "--rows", v->tensor, v->stored_rows);
}

void vector_rows_read(vector_rows *v, int64_t first, int64_t count, float *out) {
  const int64_t calls = v->rows ? count : 1, each = v->rows ? 1 : count;
  lnsp_error error;
  int64_t i;

  for (i = 0; i < calls; i++) {
    const int64_t row = v->rows ? v->rows->row[first + i] : first;
    refuse_if(lnsp_file_read(v->file, v->tensor, row * v->width, each * v->width, LNSP_F32,
                             out + i * v->width, &error),
              v->tensor, &error);
  }
}

void vector_rows_close(vector_rows *v) {
  data_close(&v->d);
  free(v->tensor);
}

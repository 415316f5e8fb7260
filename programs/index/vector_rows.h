/* Vectors of a file, all or those that --rows names, read some at a time. */
#ifndef INDEX_VECTOR_ROWS_H
#define INDEX_VECTOR_ROWS_H

#include "cli/args.h"
#include "data/data.h"
#include "lnsp.h"

/* Vectors of a file, all or those that --rows names, read some at a time. */
typedef struct vector_rows {
  data d; /* the files */
  lnsp_file *file;
  char *tensor;
  int64_t count, width, stored_rows;
  const row_index *rows; /* NULL: all */
  int is_index;           /* the file itself is meant, and has `ids` */
} vector_rows;

/* FILE, whose tensor is then the first of names (NULL at the end) that is there, or
 * FILE:TENSOR; and --rows. close it in any case. 0 or an exit status. */
int vector_rows_open(const args *a, const char *text, const char *const *names, vector_rows *v);
/* Rows first..first + count - 1, float32. */
int vector_rows_read(vector_rows *v, int64_t first, int64_t count, float *out);
void vector_rows_close(vector_rows *v);

#endif

/* The parts of `lnsp index`: index.c has the verbs that make and change an index, search.c
 * asks it, vector_rows.c reads vectors of a file, all or those that --rows names. */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include "cli/args.h"
#include "data/data.h"
#include "lnsp.h"

typedef struct vector_rows {
  data d; /* the files */
  lnsp_file *file;
  char *tensor;
  int64_t count, width, stored_rows;
  const row_index *rows; /* NULL: all */
  int is_index;           /* the file itself is meant, and has `ids` */
} vector_rows;

/* FILE, whose tensor is then the first of names (NULL at the end) that is there, or
 * FILE:TENSOR; and --rows. */
void vector_rows_open(const args *a, const char *text, const char *const *names,
                      vector_rows *v);
/* Rows first..first + count - 1, float32. */
void vector_rows_read(vector_rows *v, int64_t first, int64_t count, float *out);
void vector_rows_close(vector_rows *v);

void index_search(const args *a);

#endif

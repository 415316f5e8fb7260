/* The parts of `lnsp index`: cmd_index.c has the verbs that make and change one,
 * index_search.c asks it, index_texts.c knows what ids stand for. */
#ifndef INDEX_H
#define INDEX_H

#include "data.h"

/* Vectors of a file, all or those that --rows names, read some at a time. */
typedef struct vector_rows {
  data d; /* the files */
  lnsp_file *file;
  char *tensor;
  int64_t count, width, stored_rows;
  const data_index *rows; /* NULL: all */
  int is_index;           /* the file itself is meant, and has `ids` */
} vector_rows;

/* FILE, whose tensor is then the first of names (NULL at the end) that is there, or
 * FILE:TENSOR; and --rows. close it in any case. 0 or an exit status. */
int vector_rows_open(const args *a, const char *text, const char *const *names,
                     vector_rows *v);
/* Rows first..first + count - 1, float32. */
int vector_rows_read(vector_rows *v, int64_t first, int64_t count, float *out);
void vector_rows_close(vector_rows *v);

/* ---- texts: what ids stand for ---- */

typedef struct text_line {
  int64_t id;
  const char *text;
} text_line;

typedef struct texts {
  char *bytes;
  text_line *lines; /* by id */
  size_t count;
} texts;

/* --texts FILE and --columns A,B; nothing without. 0 or an exit status. */
int texts_open(const args *a, texts *t);
const char *texts_find(const texts *t, int64_t id); /* NULL: none */
void texts_close(texts *t);

int index_search(const args *a);

#endif

/* Rows of training data, streamed from the tensors of files. */
#ifndef DATA_DATA_H
#define DATA_DATA_H

#include "cli/args.h"
#include "command.h"
#include "lnsp.h"

#define DATA_COLUMNS 15 /* input, target, ...: data.c */
#define DATA_FILES 12
#define DATA_INDEXES 8

typedef struct data_spec {
  const char *path;        /* file with the tensors by name, or NULL */
  const char *input;       /* FILE:TENSOR, or NULL                   */
  const char *rows;        /* FILE:TENSOR[COLUMNS], or NULL: all, in order */
  const char *target;      /* FILE:TENSOR, or NULL: as input         */
  const char *target_rows; /* FILE:TENSOR[COLUMNS], or NULL: as rows */
  int normalise;
} data_spec;

typedef struct row_index {
  char *from;     /* FILE:TENSOR[COLUMNS] */
  int32_t *row;   /* [count, columns] */
  int64_t count, columns;
} row_index;

typedef struct data_column {
  const char *name;
  lnsp_file *file;
  char *tensor;
  int32_t rank;             /* 2, or 3 for sequences  */
  int64_t rows, concepts, width;
  int64_t stored_rows;      /* vectors in the file    */
  const row_index *index;  /* NULL: row r is row r   */
  int64_t index_first;      /* column of the index    */
  int same_as;              /* earlier column with the same content, or -1 */
  int needed;
  int integers;             /* ids or a mask: the buffer has int64_t */
  float *buffer;
} data_column;

typedef struct data {
  const args *args;
  int count, needed_count, file_count, index_count, normalise;
  data_column column[DATA_COLUMNS];
  struct {
    char *path;
    lnsp_file *file;
  } file[DATA_FILES];
  row_index index[DATA_INDEXES];
  int64_t rows;                      /* of what is needed          */
  int64_t max_rows, max_concepts;    /* over all that is there     */
  lnsp_tensor inputs[DATA_COLUMNS];  /* the batch that was read    */
} data;

extern const option data_options[]; /* those of a data_spec, for the tables of commands */

/* The spec that --input, --rows, --target, --target-rows, --normalise give. */
data_spec data_spec_read(const args *a, int path_at);
/* Looks what there is; reads no vector yet. */
void data_open(data *d, const args *a, const data_spec *spec);
/* The column of this name, or NULL. */
data_column *data_find(data *d, const char *name);
/* Says that the column of this name, or those that the trainer's loss reads, will be read. */
void data_need(data *d, const char *name);
void data_need_inputs(data *d, const lnsp_trainer *trainer);
/* Makes room for batches of up to count rows. */
void data_reserve(data *d, int64_t count);
/* Reads rows order[first..] (order NULL: first..) into inputs. */
void data_read(data *d, const int32_t *order, int64_t first, int64_t count);
const lnsp_tensor *data_batch(const data *d, const char *name);
const char *data_input(data *d); /* "ids" where these are there instead of "input" */
void data_close(data *d);

/* The handle of a file that is open already, or a new one; FILE:TENSOR, and the tensor's name,
 * which is a part of the text; the path of a handle. */
lnsp_file *data_file(data *d, const char *path, size_t length);
lnsp_file *data_file_of(data *d, const char *option_name, const char *text,
                        const char **tensor);
const char *data_path(const data *d, const lnsp_file *file);
/* A vector's length, and the vector divided by it. */
double data_length(const float *x, int64_t width);
void data_scale(float *x, int64_t width, double length);

/* ---- row_index.c: which rows of a tensor of vectors are meant, and in which order ---- */

/* FILE:TENSOR, FILE:TENSOR[columns], or FILE:TENSOR=N for the rows where it is N. */
const row_index *row_index_load(data *d, const char *option_name, const char *text);
/* Refuses an index that names rows which the tensor does not have. */
void row_index_check(const row_index *index, const char *option_name, const char *tensor,
                     int64_t rows);

/* ---- for ids.c: columns of integers, ids and masks ---- */

/* A new column without shape; then the checks of its shape. */
data_column *data_column_new(data *d, const char *name, lnsp_file *file, const char *tensor,
                             const row_index *index, const lnsp_tensor *shape);
void data_column_end(data *d, const data_column *c);
int data_ids_integer(const lnsp_tensor *shape);
/* A column of this name; then all those of ids and masks that are there. */
void data_ids_add(data *d, const char *name, lnsp_file *file, const row_index *index);
void data_ids_open(data *d, lnsp_file *file, const row_index *index);
void data_ids_read(const data_column *c, const int32_t *order, int64_t first, int64_t count);
/* Says that the masks of what will be read will be read, too. */
void data_ids_need_masks(data *d);

#endif

/* The parts of data.c: index tensors (data_index.c), and the files they are in. */
#ifndef DATA_H
#define DATA_H

#include "program.h"

/* The handle of a file that is open already, or a new one. */
int data_file(data *d, const char *path, size_t length, lnsp_file **out);
/* FILE:TENSOR, cut at the last colon before any [columns]. */
int data_split(const data *d, const char *option_name, const char *text, size_t *length,
               const char **tensor);
/* FILE:TENSOR, FILE:TENSOR[columns], or FILE:TENSOR=N for the rows where it is N. */
int data_index_load(data *d, const char *option_name, const char *text,
                    const data_index **out);

/* The index names only rows that the column has. */
int data_index_check(const data *d, const data_column *c, const char *option_name);

/* ---- data_ids.c: columns of integers ---- */

int data_is_integer(const lnsp_tensor *shape);
/* A column of this name; then all those of ids and masks that are there. */
int data_ids_add(data *d, const char *name, lnsp_file *file, const data_index *index);
int data_ids_open(data *d, lnsp_file *file, const data_index *index);
int data_ids_read(const data *d, const data_column *c, const int32_t *order, int64_t first,
                  int64_t count);
/* Says that the masks of what will be read will be read, too. */
int data_masks(data *d);

#endif

/* Index tensors: which rows of a tensor of vectors are meant, and in which order. */
#ifndef DATA_ROW_INDEX_H
#define DATA_ROW_INDEX_H

#include <stddef.h>

#include "data/data.h"

int data_split(const data *d, const char *option_name, const char *text, size_t *length,
               const char **tensor);
/* FILE:TENSOR, FILE:TENSOR[columns], or FILE:TENSOR=N for the rows where it is N. */
int row_index_load(data *d, const char *option_name, const char *text, const row_index **out);

/* The index names only rows that the column has. */
int row_index_check(const data *d, const data_column *c, const char *option_name);

#endif

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

#endif

/* Whole tensors, and files of them. */
#ifndef DATA_TENSOR_H
#define DATA_TENSOR_H

#include "lnsp.h"

int64_t tensor_elements(const lnsp_tensor *tensor);
int64_t tensor_rows(const lnsp_tensor *tensor); /* elements / last dimension */
/* The shape of a tensor; refuses a name that the file does not have, and names those it has. */
lnsp_tensor tensor_find(const lnsp_file *file, const char *path, const char *name);
/* A whole tensor as float32; its data are to be freed. */
lnsp_tensor tensor_load(lnsp_file *file, const char *path, const char *name);
/* Writes tensors with their data as one file. */
void tensor_save_all(const char *path, const lnsp_tensor *tensors, int32_t count);

#endif

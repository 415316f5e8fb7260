/* Whole tensors, and files of them. */
#ifndef DATA_TENSOR_H
#define DATA_TENSOR_H

#include "lnsp.h"

int64_t tensor_elements(const lnsp_tensor *tensor);
int64_t tensor_rows(const lnsp_tensor *tensor); /* elements / last dimension */
/* Reads a whole tensor as float32; *values to be freed. Status of the library. */
int32_t tensor_load(lnsp_file *file, const char *name, lnsp_tensor *out, float **values,
                    lnsp_error *error);
/* Writes tensors with their data as one file. */
int32_t tensor_save_all(const char *path, const lnsp_tensor *tensors, int32_t count,
                        lnsp_error *error);

#endif

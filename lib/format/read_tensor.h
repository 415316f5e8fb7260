/* Reads elements of a file's tensor, converted to the type wanted. */
#ifndef LNSPI_FORMAT_READ_TENSOR_H
#define LNSPI_FORMAT_READ_TENSOR_H

#include "format/safetensors.h"

/* As lnsp_file_read, by index. */
int32_t lnspi_read_tensor(lnsp_file *file, int32_t index, int64_t first, int64_t count,
                          int32_t dtype, void *out, lnsp_error *error);

#endif

/* Data types as safetensors names them. */
#ifndef LNSPI_FORMAT_DTYPE_H
#define LNSPI_FORMAT_DTYPE_H

#include "lnsp.h"

size_t lnspi_dtype_bytes(int32_t dtype);        /* 0: unknown */
const char *lnspi_dtype_name(int32_t dtype);    /* "?": unknown */
int32_t lnspi_dtype_find(const char *name);     /* 0: unknown */

/* Elements and bytes of a shape; 0 if a dim is negative or any product of dims
 * overflows, zero dims counted as 1, so that no partial product ever can. */
int lnspi_dtype_shape_bytes(int32_t dtype, int32_t rank, const int64_t *dims, int64_t *elements,
                            uint64_t *bytes);

/* Refuses a type that matrices cannot be stored in. */
int32_t lnspi_dtype_check_storage(int32_t storage, lnsp_error *error);

#endif

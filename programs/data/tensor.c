/* Whole tensors, files of them, models and texts. */
#include "data/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "lnsp.h"

int64_t tensor_elements(const lnsp_tensor *tensor) {
  int64_t count = 1;
  int32_t i;
  for (i = 0; i < tensor->rank; i++) count *= tensor->dims[i];
  return count;
}

int64_t tensor_rows(const lnsp_tensor *tensor) {
  int64_t count = 1;
  int32_t i;
  for (i = 0; i + 1 < tensor->rank; i++) count *= tensor->dims[i];
  return count;
}

int32_t tensor_load(lnsp_file *file, const char *name, lnsp_tensor *out, float **values,
                    lnsp_error *error) {
  int32_t status = lnsp_file_tensor(file, name, out, error);
  int64_t count;

  *values = NULL;
  if (status) return status;
  count = tensor_elements(out);
  *values = malloc((size_t)(count ? count : 1) * sizeof(float));
  if (!*values) {
    error->code = LNSP_E_MEMORY;
    snprintf(error->message, sizeof error->message,
             "not enough memory to hold tensor %s; use a smaller file", name);
    return LNSP_E_MEMORY;
  }
  status = lnsp_file_read(file, name, 0, count, LNSP_F32, *values, error);
  if (status) {
    free(*values);
    *values = NULL;
    return status;
  }
  out->dtype = LNSP_F32;
  memset(out->strides, 0, sizeof out->strides);
  out->data = *values;
  return LNSP_OK;
}

int32_t tensor_save_all(const char *path, const lnsp_tensor *tensors, int32_t count,
                        lnsp_error *error) {
  lnsp_writer *writer = NULL;
  int32_t i, status = lnsp_writer_create(path, tensors, count, NULL, 0, NULL, &writer, error);

  for (i = 0; i < count && !status; i++)
    status = lnsp_writer_write(writer, tensors[i].data,
                               (size_t)tensor_elements(&tensors[i]) *
                                   lnsp_dtype_bytes(tensors[i].dtype),
                               error);
  if (!status) status = lnsp_writer_close(writer, error);
  lnsp_writer_destroy(writer);
  return status;
}

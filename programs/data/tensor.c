/* Whole tensors, files of them, models and texts. */
#include "data/tensor.h"

#include <stdio.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/refuse.h"
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

lnsp_tensor tensor_find(const lnsp_file *file, const char *path, const char *name) {
  lnsp_tensor out, other;
  char names[160] = "";
  lnsp_error error;
  int32_t status = lnsp_file_tensor(file, name, &out, &error), i;

  if (status != LNSP_E_MISSING) refuse_if(status, path, &error);
  if (!status) return out;
  for (i = 0; !lnsp_file_tensor_at(file, i, &other, NULL) && strlen(names) < 100; i++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.50s", i ? ", " : "",
             other.name);
  refuse("'%s' has no tensor '%s': name one that it has, %s%s", path, name, names,
         i < lnsp_file_tensor_count(file) ? ", ..." : "");
}

lnsp_tensor tensor_load(lnsp_file *file, const char *path, const char *name) {
  lnsp_tensor out = tensor_find(file, path, name);
  const int64_t count = tensor_elements(&out);
  lnsp_error error;

  out.dtype = LNSP_F32;
  memset(out.strides, 0, sizeof out.strides);
  out.data = memory_new(count, sizeof(float));
  refuse_if(lnsp_file_read(file, name, 0, count, LNSP_F32, out.data, &error), path, &error);
  return out;
}

void tensor_save_all(const char *path, const lnsp_tensor *tensors, int32_t count) {
  lnsp_writer *writer = NULL;
  lnsp_error error;
  int32_t i, status = lnsp_writer_create(path, tensors, count, NULL, 0, NULL, &writer, &error);

  for (i = 0; i < count && !status; i++)
    status = lnsp_writer_write(writer, tensors[i].data,
                               (size_t)tensor_elements(&tensors[i]) *
                                   lnsp_dtype_bytes(tensors[i].dtype),
                               &error);
  if (!status) status = lnsp_writer_close(writer, &error);
  lnsp_writer_destroy(writer); /* before a refusal: it removes what was begun */
  refuse_if(status, path, &error);
}

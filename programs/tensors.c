/* Whole tensors, files of them, models and texts. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "program.h"

int64_t tensor_elements(const lnsp_tensor *tensor) {
  int64_t count = 1;
  int32_t i;
  for (i = 0; i < tensor->rank; i++)
    count *= tensor->dims[i];
  return count;
}

int64_t tensor_rows(const lnsp_tensor *tensor) {
  int64_t count = 1;
  int32_t i;
  for (i = 0; i + 1 < tensor->rank; i++)
    count *= tensor->dims[i];
  return count;
}

int32_t tensor_load(lnsp_file *file, const char *name, lnsp_tensor *out, float **values,
                    lnsp_problem *problem) {
  int32_t status = lnsp_file_tensor(file, name, out, problem);
  int64_t count;

  *values = NULL;
  if (status)
    return status;
  count = tensor_elements(out);
  *values = malloc((size_t)(count ? count : 1) * sizeof(float));
  if (!*values) {
    problem->code = LNSP_E_MEMORY;
    snprintf(problem->message, sizeof problem->message,
             "not enough memory to hold tensor %s; use a smaller file", name);
    return LNSP_E_MEMORY;
  }
  status = lnsp_file_read(file, name, 0, count, LNSP_F32, *values, problem);
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

int32_t tensors_save(const char *path, const lnsp_tensor *tensors, int32_t count,
                     lnsp_problem *problem) {
  lnsp_writer *writer = NULL;
  int32_t i, status = lnsp_writer_open(path, tensors, count, NULL, 0, NULL, &writer, problem);

  for (i = 0; i < count && !status; i++)
    status = lnsp_writer_write(
        writer, tensors[i].data,
        (size_t)tensor_elements(&tensors[i]) * lnsp_dtype_bytes(tensors[i].dtype), problem);
  if (!status)
    status = lnsp_writer_close(writer, problem);
  lnsp_writer_destroy(writer);
  return status;
}

int model_load(const args *a, const char *path, lnsp_model **out) {
  const lnsp_options options = args_options(a);
  lnsp_problem problem;

  if (lnsp_model_open(path, &options, out, &problem))
    return refuse_problem(a, path, &problem);
  return 0;
}

lnsp_limits limits_for(int64_t rows, int64_t concepts) {
  lnsp_limits limits;
  memset(&limits, 0, sizeof limits);
  limits.struct_size = sizeof limits;
  limits.max_rows = rows > INT32_MAX ? INT32_MAX : (int32_t)rows;
  limits.max_concepts = concepts > INT32_MAX ? INT32_MAX : (int32_t)concepts;
  return limits;
}

int file_exists(const char *path, int *safetensors) {
  FILE *file = fopen(path, "rb");
  unsigned char start[9];
  size_t got;

  *safetensors = 0;
  if (!file)
    return 0;
  got = fread(start, 1, sizeof start, file);
  fclose(file);
  /* 8 bytes of header length, of which the high ones are zero, then the header;
   * a text has no zero bytes. */
  *safetensors = got < sizeof start || start[8] == '{' || memchr(start, 0, sizeof start);
  return 1;
}

char *text_load(const char *path) {
  enum { TEXT_MOST = 1 << 20 };
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  size_t got;

  if (!file)
    return NULL;
  text = malloc(TEXT_MOST + 1);
  if (text) {
    got = fread(text, 1, TEXT_MOST + 1, file);
    if (got > TEXT_MOST || ferror(file) || memchr(text, 0, got)) {
      free(text);
      text = NULL;
    } else {
      text[got] = 0;
    }
  }
  fclose(file);
  return text;
}

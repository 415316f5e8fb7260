/* The public lnsp_file_ functions: arguments and options, then the format room. */
#include "api/options.h"
#include <string.h>

#include "api/path.h"
#include "base/error.h"
#include "base/struct.h"
#include "format/read_tensor.h"

static int32_t api_file_null(const char *what, lnsp_error *error) {
  return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "%s is NULL", what);
}

int32_t lnsp_file_open(const char *path, const lnsp_options *options, lnsp_file **out,
                       lnsp_error *error) {
  lnsp_options read;
  lnsp_source source;
  void (*release)(void *user) = NULL;
  int32_t status;
  if (!out) return api_file_null("out", error);
  *out = NULL;
  if (!path) return api_file_null("path", error);
  status = API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  if (!status) status = lnspi_path_source(path, &source, &release, error);
  if (status) return status;
  status = lnspi_safetensors_open(&source, &read, out, error);
  if (status)
    release(source.user);
  else
    (*out)->release_source = release;
  return status;
}

static int32_t api_file_memory_read(void *user, uint64_t offset, void *to, size_t bytes) {
  memcpy(to, (const uint8_t *)user + (size_t)offset, bytes);
  return 0;
}

int32_t lnsp_file_open_memory(const void *data, size_t bytes, const lnsp_options *options,
                              lnsp_file **out, lnsp_error *error) {
  lnsp_options read;
  lnsp_source source = LNSP_SOURCE_INIT;
  int32_t status;
  if (!out) return api_file_null("out", error);
  *out = NULL;
  if (!data) return api_file_null("data", error);
  status = API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  source.user = (void *)(uintptr_t)data; /* only read, see above */
  source.size_bytes = bytes;
  source.read = api_file_memory_read;
  return lnspi_safetensors_open(&source, &read, out, error);
}

int32_t lnsp_file_open_source(const lnsp_source *source, const lnsp_options *options,
                              lnsp_file **out, lnsp_error *error) {
  lnsp_options read;
  lnsp_source own;
  int32_t status;
  if (!out) return api_file_null("out", error);
  *out = NULL;
  if (!source) return api_file_null("source", error);
  status = lnspi_struct_read(&own, sizeof(own), source, "lnsp_source", error);
  if (!status)
    status = API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  if (!own.read) return api_file_null("source->read", error);
  return lnspi_safetensors_open(&own, &read, out, error);
}

int32_t lnsp_file_tensor_count(const lnsp_file *file) { return file ? file->tensor_count : 0; }

int32_t lnsp_file_tensor_at(const lnsp_file *file, int32_t index, lnsp_tensor *out,
                            lnsp_error *error) {
  if (!file || !out) return api_file_null(file ? "out" : "file", error);
  if (index < 0 || index >= file->tensor_count)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "there is no tensor number %d: the file has %d", (int)index,
                           (int)file->tensor_count);
  lnspi_safetensors_tensor(file, index, out);
  return LNSP_OK;
}

static int32_t api_file_find(const lnsp_file *file, const char *name, int32_t *index,
                             lnsp_error *error) {
  if (!file || !name) return api_file_null(file ? "name" : "file", error);
  *index = lnspi_safetensors_find(file, name);
  if (*index < 0)
    return lnspi_error_set(error, LNSP_E_MISSING, name, "the file has no tensor named '%s'",
                           name);
  return LNSP_OK;
}

int32_t lnsp_file_tensor(const lnsp_file *file, const char *name, lnsp_tensor *out,
                         lnsp_error *error) {
  int32_t index = 0, status;
  if (!out) return api_file_null("out", error);
  status = api_file_find(file, name, &index, error);
  if (!status) lnspi_safetensors_tensor(file, index, out);
  return status;
}

const char *lnsp_file_metadata(const lnsp_file *file, const char *key) {
  return file && key ? lnspi_safetensors_metadata(file, key) : NULL;
}

int32_t lnsp_file_metadata_at(const lnsp_file *file, int32_t index, lnsp_key_value *out,
                              lnsp_error *error) {
  if (!file || !out) return api_file_null(file ? "out" : "file", error);
  if (index < 0 || index >= file->pair_count)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "there is no metadata pair number %d: the file has %d", (int)index,
                           (int)file->pair_count);
  *out = file->pairs[index];
  return LNSP_OK;
}

int32_t lnsp_file_read(lnsp_file *file, const char *name, int64_t first, int64_t count,
                       int32_t dtype, void *out, lnsp_error *error) {
  int32_t index = 0, status = api_file_find(file, name, &index, error);
  if (status) return status;
  if (!out && count != 0) return api_file_null("out", error);
  return lnspi_read_tensor(file, index, first, count, dtype, out, error);
}

void lnsp_file_destroy(lnsp_file *file) { lnspi_safetensors_close(file); }

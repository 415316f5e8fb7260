/* The public lnsp_file_ functions: arguments and options, then the format room. */
#include <string.h>

#include "api/path.h"
#include "base/problem.h"
#include "format/file.h"

static int32_t file_api_null(const char *what, lnsp_problem *problem) {
  return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL, "%s is NULL", what);
}

int32_t lnsp_file_open(const char *path, const lnsp_options *options, lnsp_file **out,
                       lnsp_problem *problem) {
  lnsp_options read;
  lnsp_source source;
  void (*release)(void *user) = NULL;
  int32_t status;
  if (!out) return file_api_null("out", problem);
  *out = NULL;
  if (!path) return file_api_null("path", problem);
  status = lnspi_options_read(options, &read, problem);
  if (!status) status = lnspi_path_source(path, &source, &release, problem);
  if (status) return status;
  status = lnspi_file_open(&source, &read, out, problem);
  if (status)
    release(source.user);
  else
    (*out)->release_source = release;
  return status;
}

static int32_t file_api_memory_read(void *user, uint64_t offset, void *to, size_t bytes) {
  memcpy(to, (const uint8_t *)user + (size_t)offset, bytes);
  return 0;
}

int32_t lnsp_file_open_memory(const void *data, size_t bytes, const lnsp_options *options,
                              lnsp_file **out, lnsp_problem *problem) {
  lnsp_options read;
  lnsp_source source;
  int32_t status;
  if (!out) return file_api_null("out", problem);
  *out = NULL;
  if (!data) return file_api_null("data", problem);
  status = lnspi_options_read(options, &read, problem);
  if (status) return status;
  memset(&source, 0, sizeof(source));
  source.struct_size = sizeof(source);
  source.user = (void *)(uintptr_t)data; /* only read, see above */
  source.size_bytes = bytes;
  source.read = file_api_memory_read;
  return lnspi_file_open(&source, &read, out, problem);
}

int32_t lnsp_file_open_source(const lnsp_source *source, const lnsp_options *options,
                              lnsp_file **out, lnsp_problem *problem) {
  lnsp_options read;
  lnsp_source own;
  int32_t status;
  if (!out) return file_api_null("out", problem);
  *out = NULL;
  if (!source) return file_api_null("source", problem);
  status = lnspi_struct_read(&own, sizeof(own), source, "source", problem);
  if (!status) status = lnspi_options_read(options, &read, problem);
  if (status) return status;
  if (!own.read) return file_api_null("source->read", problem);
  return lnspi_file_open(&own, &read, out, problem);
}

int32_t lnsp_file_tensor_count(const lnsp_file *file) { return file ? file->tensor_count : 0; }

int32_t lnsp_file_tensor_at(const lnsp_file *file, int32_t index, lnsp_tensor *out,
                            lnsp_problem *problem) {
  if (!file || !out) return file_api_null(file ? "out" : "file", problem);
  if (index < 0 || index >= file->tensor_count)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "there is no tensor number %d: the file has %d", (int)index,
                      (int)file->tensor_count);
  lnspi_file_tensor(file, index, out);
  return LNSP_OK;
}

static int32_t file_api_find(const lnsp_file *file, const char *name, int32_t *index,
                             lnsp_problem *problem) {
  if (!file || !name) return file_api_null(file ? "name" : "file", problem);
  *index = lnspi_file_find(file, name);
  if (*index < 0)
    return lnspi_fail(problem, LNSP_E_MISSING, name, "the file has no tensor named '%s'", name);
  return LNSP_OK;
}

int32_t lnsp_file_tensor(const lnsp_file *file, const char *name, lnsp_tensor *out,
                         lnsp_problem *problem) {
  int32_t index = 0, status;
  if (!out) return file_api_null("out", problem);
  status = file_api_find(file, name, &index, problem);
  if (!status) lnspi_file_tensor(file, index, out);
  return status;
}

const char *lnsp_file_metadata(const lnsp_file *file, const char *key) {
  return file && key ? lnspi_file_metadata(file, key) : NULL;
}

int32_t lnsp_file_metadata_at(const lnsp_file *file, int32_t index, lnsp_pair *out,
                              lnsp_problem *problem) {
  if (!file || !out) return file_api_null(file ? "out" : "file", problem);
  if (index < 0 || index >= file->pair_count)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "there is no metadata pair number %d: the file has %d", (int)index,
                      (int)file->pair_count);
  *out = file->pairs[index];
  return LNSP_OK;
}

int32_t lnsp_file_read(lnsp_file *file, const char *name, int64_t first, int64_t count,
                       int32_t dtype, void *out, lnsp_problem *problem) {
  int32_t index = 0, status = file_api_find(file, name, &index, problem);
  if (status) return status;
  if (!out && count != 0) return file_api_null("out", problem);
  return lnspi_file_read(file, index, first, count, dtype, out, problem);
}

void lnsp_file_destroy(lnsp_file *file) { lnspi_file_close(file); }

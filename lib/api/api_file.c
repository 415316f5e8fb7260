/* lnsp_file_*: reading safetensors files.
 *
 * The three ways to open a file end in lnspi_safetensors_open, which knows only a lnsp_source:
 * a function that copies bytes from an offset. A path becomes one in path.c (or path_stdio.c),
 * bytes in memory become one below, and callbacks are one already. The header is read and
 * checked once, into the handle's block; data are read when they are asked for. So a file of
 * any size takes as much memory as its header, and what is handed out (names, keys, values)
 * points into that block.
 *
 * Who closes what: a path is opened here, so it is closed here if no handle comes of it, and
 * else by lnsp_file_destroy, through file->release_source. Bytes and callbacks are the
 * caller's and are never closed; the handle borrows them as long as it lives.
 *
 * Reading moves nothing but the count for progress, which is why one thread at a time may use
 * a file: a source may be a FILE with a position. */
#include "api/api.h"
#include <string.h>

#include "api/path.h"
#include "base/struct.h"
#include "format/read_tensor.h"

int32_t lnsp_file_open(const char *path, const lnsp_options *options, lnsp_file **out,
                       lnsp_error *error) {
  lnsp_options read;
  lnsp_source source;
  void (*release)(void *user) = NULL;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  if (!status) status = lnspi_path_source(path, &source, &release, error);
  if (status) return status;
  status = lnspi_safetensors_open(&source, &read, out, error);
  if (status)
    release(source.user);
  else
    (*out)->release_source = release;
  return status;
}

/* The source of lnsp_file_open_memory: user is where the bytes begin. The library asks no
 * source for bytes beyond its size, so nothing is checked here. */
static int32_t api_file_memory_read(void *user, uint64_t offset, void *to, size_t bytes) {
  memcpy(to, (const uint8_t *)user + (size_t)offset, bytes);
  return 0;
}

int32_t lnsp_file_open_memory(const void *data, size_t bytes, const lnsp_options *options,
                              lnsp_file **out, lnsp_error *error) {
  lnsp_options read;
  lnsp_source source = LNSP_SOURCE_INIT;
  API_OUT(out, error);
  API_NEED(data, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  source.user = (void *)(uintptr_t)data; /* only read */
  source.size_bytes = bytes;
  source.read = api_file_memory_read;
  return lnspi_safetensors_open(&source, &read, out, error);
}

int32_t lnsp_file_open_source(const lnsp_source *source, const lnsp_options *options,
                              lnsp_file **out, lnsp_error *error) {
  lnsp_options read;
  lnsp_source own;
  API_OUT(out, error);
  API_NEED(source, error);
  int32_t status = lnspi_struct_read(&own, sizeof(own), source, "lnsp_source", error);
  if (!status)
    status = API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  if (!own.read) return lnspi_api_null(__func__, "source->read", error);
  return lnspi_safetensors_open(&own, &read, out, error);
}

int32_t lnsp_file_tensor_count(const lnsp_file *file) { return file ? file->tensor_count : 0; }

int32_t lnsp_file_tensor_at(const lnsp_file *file, int32_t index, lnsp_tensor *out,
                            lnsp_error *error) {
  API_NEED(file, error);
  API_NEED(out, error);
  if (index < 0 || index >= file->tensor_count)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "there is no tensor number %d: the file has %d", (int)index,
                           (int)file->tensor_count);
  lnspi_safetensors_tensor(file, index, out);
  return LNSP_OK;
}

/* The index of a tensor that must be there; names are found by bisection. */
static int32_t api_file_find(const lnsp_file *file, const char *name, int32_t *index,
                             lnsp_error *error) {
  *index = lnspi_safetensors_find(file, name);
  if (*index < 0)
    return lnspi_error_set(error, LNSP_E_MISSING, name, "the file has no tensor named '%s'",
                           name);
  return LNSP_OK;
}

int32_t lnsp_file_tensor(const lnsp_file *file, const char *name, lnsp_tensor *out,
                         lnsp_error *error) {
  int32_t index = 0;
  API_NEED(file, error);
  API_NEED(name, error);
  API_NEED(out, error);
  int32_t status = api_file_find(file, name, &index, error);
  if (!status) lnspi_safetensors_tensor(file, index, out);
  return status;
}

const char *lnsp_file_metadata(const lnsp_file *file, const char *key) {
  return file && key ? lnspi_safetensors_metadata(file, key) : NULL;
}

int32_t lnsp_file_metadata_at(const lnsp_file *file, int32_t index, lnsp_key_value *out,
                              lnsp_error *error) {
  API_NEED(file, error);
  API_NEED(out, error);
  if (index < 0 || index >= file->pair_count)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "there is no metadata pair number %d: the file has %d", (int)index,
                           (int)file->pair_count);
  *out = file->pairs[index];
  return LNSP_OK;
}

int32_t lnsp_file_read(lnsp_file *file, const char *name, int64_t first, int64_t count,
                       int32_t dtype, void *out, lnsp_error *error) {
  int32_t index = 0;
  API_NEED(file, error);
  API_NEED(name, error);
  if (count != 0) API_NEED(out, error);
  int32_t status = api_file_find(file, name, &index, error);
  if (status) return status;
  lnspi_progress_restart(&file->progress,
                         (uint64_t)count * lnsp_dtype_bytes(file->entries[index].dtype));
  return lnspi_read_tensor(file, index, first, count, dtype, out, error);
}

void lnsp_file_destroy(lnsp_file *file) { lnspi_safetensors_close(file); }

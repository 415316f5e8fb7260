/* The public lnsp_writer_ functions: arguments and options, then the format room. */
#include "api/options.h"
#include "api/path.h"
#include "base/error.h"
#include "base/struct.h"
#include "format/writer.h"

static int32_t api_writer_null(const char *what, lnsp_error *error) {
  return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "%s is NULL", what);
}

int32_t lnsp_writer_create(const char *path, const lnsp_tensor *tensors, int32_t tensor_count,
                           const lnsp_key_value *metadata, int32_t pair_count,
                           const lnsp_options *options, lnsp_writer **out, lnsp_error *error) {
  lnsp_options read;
  lnspi_path_sink sink;
  uint64_t header_bytes;
  int32_t status;
  if (!out) return api_writer_null("out", error);
  *out = NULL;
  if (!path) return api_writer_null("path", error);
  if (!*path) return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "path is empty");
  status = API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  /* Refused arguments should not even make a temporary file. */
  if (!status)
    status = lnspi_writer_header_bytes(tensors, tensor_count, metadata, pair_count,
                                       &header_bytes, error);
  if (!status) status = lnspi_path_sink_open(path, &read, &sink, error);
  if (status) return status;
  status = lnspi_writer_open(&sink.sink, tensors, tensor_count, metadata, pair_count, &read,
                             out, error);
  if (status) {
    sink.abandon(sink.sink.user);
    return status;
  }
  (*out)->commit = sink.commit;
  (*out)->abandon = sink.abandon;
  return LNSP_OK;
}

int32_t lnsp_writer_create_sink(const lnsp_sink *sink, const lnsp_tensor *tensors,
                                int32_t tensor_count, const lnsp_key_value *metadata,
                                int32_t pair_count, const lnsp_options *options,
                                lnsp_writer **out, lnsp_error *error) {
  lnsp_options read;
  lnsp_sink own;
  int32_t status;
  if (!out) return api_writer_null("out", error);
  *out = NULL;
  if (!sink) return api_writer_null("sink", error);
  status = lnspi_struct_read(&own, sizeof(own), sink, "lnsp_sink", error);
  if (!status)
    status = API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  if (!own.write) return api_writer_null("sink->write", error);
  return lnspi_writer_open(&own, tensors, tensor_count, metadata, pair_count, &read, out,
                           error);
}

int32_t lnsp_writer_write(lnsp_writer *writer, const void *data, size_t bytes,
                          lnsp_error *error) {
  if (!writer) return api_writer_null("writer", error);
  if (!data && bytes) return api_writer_null("data", error);
  return lnspi_writer_write(writer, data, bytes, error);
}

int32_t lnsp_writer_close(lnsp_writer *writer, lnsp_error *error) {
  if (!writer) return api_writer_null("writer", error);
  return lnspi_writer_close(writer, error);
}

void lnsp_writer_destroy(lnsp_writer *writer) { lnspi_writer_destroy(writer); }

/* lnsp_writer_*: writing safetensors files, into a path or a sink.
 *
 * A writer with a path replaces the file in one step. lnspi_path_sink_open makes a new file of
 * another name next to it, into which everything goes. Its two functions are kept in the
 * writer: `commit`, which lnsp_writer_close calls after all declared bytes were written, makes
 * the new file safe and renames it; `abandon`, which lnsp_writer_destroy calls in every case,
 * removes it if that has not happened. So a program that fails, or destroys the writer early,
 * leaves the old file as it was. A writer with a sink has neither: what a failed call wrote is
 * for the caller to discard.
 *
 * The header is written when the writer is made, and fixes how many bytes must follow. Names,
 * types and metadata are checked before the new file is made: a call that is refused for its
 * arguments should not even touch the folder. Only a name given twice, which is found by
 * sorting in the writer's block, and a header over its limit are refused after that.
 *
 * options->block is for the writer; the file's buffer always comes from the allocator. */
#include "api/api.h"
#include "api/path.h"
#include "format/writer.h"

int32_t lnsp_writer_create(const char *path, const lnsp_tensor *tensors, int32_t tensor_count,
                           const lnsp_key_value *metadata, int32_t pair_count,
                           const lnsp_options *options, lnsp_writer **out, lnsp_error *error) {
  lnsp_options read;
  lnspi_path_sink sink;
  uint64_t header_bytes;
  API_OUT(out, error);
  API_NEED(path, error);
  if (!*path) return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "path is empty");
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
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
  API_OUT(out, error);
  int32_t status = API_SINK(sink, &own, error);
  if (!status)
    status = API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  return lnspi_writer_open(&own, tensors, tensor_count, metadata, pair_count, &read, out,
                           error);
}

int32_t lnsp_writer_write(lnsp_writer *writer, const void *data, size_t bytes,
                          lnsp_error *error) {
  API_NEED(writer, error);
  if (bytes) API_NEED(data, error);
  return lnspi_writer_write(writer, data, bytes, error);
}

int32_t lnsp_writer_close(lnsp_writer *writer, lnsp_error *error) {
  API_NEED(writer, error);
  return lnspi_writer_close(writer, error);
}

void lnsp_writer_destroy(lnsp_writer *writer) { lnspi_writer_destroy(writer); }

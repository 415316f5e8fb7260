/* A safetensors file streamed into a sink. */
#ifndef LNSPI_FORMAT_WRITER_H
#define LNSPI_FORMAT_WRITER_H

#include "base/block.h"
#include "base/progress.h"

struct lnsp_writer {
  lnspi_block block;
  lnsp_sink sink;
  lnspi_progress progress; /* of bytes of data */
  uint64_t data_bytes;    /* that the header declares */
  uint64_t written_bytes; /* at most data_bytes, and at the end of an element */
  int32_t state;          /* 0 open, 1 closed, 2 failed */
  int32_t tensor_count;
  uint64_t *ends;         /* where each tensor's data end, ascending */
  int32_t *dtypes;        /* of each tensor */
  /* Set by api/api_writer.c for files with a path, with the sink's user: commit, by
   * close, puts the file in its place or leaves nothing behind; abandon, by
   * destroy in every case, frees, and removes what was not committed. */
  int32_t (*commit)(void *user, lnsp_error *error);
  void (*abandon)(void *user);
};

/* Bytes of the header (with the 8 bytes of its length, padded with spaces to 8). */
int32_t lnspi_writer_header_bytes(const lnsp_tensor *tensors, int32_t tensor_count,
                                  const lnsp_key_value *metadata, int32_t pair_count,
                                  uint64_t *out, lnsp_error *error);

/* options: already read. Writes the header at once. The header is a function of
 * names, dtypes, dims and pairs in the order given: metadata first. Data begins
 * at a multiple of 8; tensors follow each other in the order given without
 * padding, so put those with larger elements first to keep all aligned. */
int32_t lnspi_writer_open(const lnsp_sink *sink, const lnsp_tensor *tensors,
                          int32_t tensor_count, const lnsp_key_value *metadata,
                          int32_t pair_count, const lnsp_options *options, lnsp_writer **out,
                          lnsp_error *error);
int32_t lnspi_writer_write(lnsp_writer *writer, const void *data, size_t bytes,
                           lnsp_error *error);
int32_t lnspi_writer_close(lnsp_writer *writer, lnsp_error *error);
void lnspi_writer_destroy(lnsp_writer *writer);

#endif

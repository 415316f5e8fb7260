/* A delta as a safetensors file: docs/delta.md has the layout. */
#ifndef LNSPI_DELTA_DELTA_FILE_H
#define LNSPI_DELTA_DELTA_FILE_H

#include "delta/delta.h"
#include "format/writer.h"

#define LNSPI_DELTA_FILE_PAIRS 10 /* of metadata, at most */
#define LNSPI_DELTA_FILE_WRITER_BYTES 1024 /* room for a writer of one tensor */

/* A header, and the texts that its pairs point to: it must not be moved. */
typedef struct lnspi_delta_file_header {
  lnsp_tensor tensor;
  lnsp_key_value pairs[LNSPI_DELTA_FILE_PAIRS];
  int32_t pair_count, reserved;
  char checksum[65], mac[65], base[65], result[65], changed[24], nonce[24];
} lnspi_delta_file_header;

/* Computes the checksum, and fills the header with it: for a writer, which then writes the
 * same bytes as were hashed. */
int32_t lnspi_delta_file_seal(const lnsp_delta *delta, lnspi_delta_file_header *header,
                              lnsp_error *error);

/* Writes the payload into a writer that was opened with the header, and closes that. */
int32_t lnspi_delta_file_write(const lnsp_delta *delta, lnsp_writer *writer, lnsp_error *error);

/* Bytes of the whole file. */
int32_t lnspi_delta_file_bytes(const lnsp_delta *delta, uint64_t *bytes, lnsp_error *error);

/* lnsp_delta_stamp, which has checked all arguments but the sender; and the authentication
 * code of a digest by a key. */
int32_t lnspi_delta_file_stamp(lnsp_delta *delta, const char *sender, uint64_t nonce,
                               const void *key, size_t key_bytes, lnsp_error *error);
void lnspi_delta_file_mac(const uint8_t digest[LNSP_HASH_BYTES], const void *key,
                          size_t key_bytes, uint8_t mac[LNSP_HASH_BYTES]);

/* Checks and reads an open file. */
int32_t lnspi_delta_file_read(lnsp_file *file, const lnsp_options *options, lnsp_delta **out,
                              lnsp_error *error);

#endif

/* The header of a safetensors file: counting and parsing. */
#ifndef LNSPI_FORMAT_HEADER_H
#define LNSPI_FORMAT_HEADER_H

#include "format/safetensors.h"

#define LNSPI_FILE_START 8u /* the JSON begins after its 8-byte length */

/* Upper bounds of tensors and pairs, counted in pieces of the JSON; zeros at first. */
typedef struct lnspi_header_count {
  int64_t outer; /* colons at depth 1: one a tensor, and one for the metadata */
  int64_t inner; /* colons at depth 2: three a tensor, and one a pair */
  int64_t depth;
  int32_t in_string, escaped; /* where the last piece ended */
} lnspi_header_count;

void lnspi_header_feed(lnspi_header_count *count, const char *bytes, size_t n);

/* The JSON and the tables that the parser fills. text, bytes, the capacities and the memory of
 * the tables are set before; by_name has entry_capacity places, by_key pair_capacity. */
typedef struct lnspi_header {
  char *text;
  size_t bytes;
  lnspi_entry *entries;
  lnsp_key_value *pairs;
  int32_t *by_name, *by_key;
  int32_t entry_capacity, entry_count;
  int32_t pair_capacity, pair_count;
} lnspi_header;

/* Parses and checks the whole header; data_bytes is how many follow it in the file. */
int32_t lnspi_header_parse(lnspi_header *header, uint64_t data_bytes, lnsp_error *error);

#endif

/* The header of a safetensors file: dtypes, and the one parser. */
#ifndef LNSPI_FORMAT_HEADER_H
#define LNSPI_FORMAT_HEADER_H

#include "format/file.h"

#define LNSPI_FILE_START 8u /* the JSON begins after its 8-byte length */

/* dtype.c */
size_t lnspi_dtype_bytes(int32_t dtype);        /* 0: unknown */
const char *lnspi_dtype_name(int32_t dtype);    /* "?": unknown */
int32_t lnspi_dtype_find(const char *name);     /* 0: unknown */

/* Elements and bytes of a shape; 0 if a dim is negative or any product of dims
 * overflows, zero dims counted as 1, so that no partial product ever can. */
int lnspi_shape_bytes(int32_t dtype, int32_t rank, const int64_t *dims, int64_t *elements,
                      uint64_t *bytes);

/* order.c: sorts indices 0..count-1 by a strict order (heap sort: no recursion,
 * no memory, never quadratic). */
typedef int (*lnspi_less)(const void *user, int32_t a, int32_t b);
void lnspi_order(int32_t *index, int32_t count, lnspi_less less, const void *user);
int lnspi_compare(const char *a, const char *b); /* strcmp */

/* Upper bounds of tensors and pairs, found by feeding the JSON in any pieces. */
typedef struct lnspi_header_count {
  int64_t outer; /* colons at depth 1: one a tensor, and one for the metadata */
  int64_t inner; /* colons at depth 2: three a tensor, and one a pair */
  int64_t depth;
  int32_t in_string, escaped;
} lnspi_header_count;
void lnspi_header_feed(lnspi_header_count *count, const char *bytes, size_t n);

/* The JSON and the tables that the parser fills. */
typedef struct lnspi_header {
  char *text;
  size_t bytes;
  lnspi_entry *entries;
  lnsp_pair *pairs;
  int32_t *by_name, *by_key;
  int32_t entry_capacity, entry_count;
  int32_t pair_capacity, pair_count;
} lnspi_header;

/* Parses and checks all of it; data_bytes is what follows the header in the
 * file. Strings are unescaped where they stand. */
int32_t lnspi_header_parse(lnspi_header *header, uint64_t data_bytes, lnsp_problem *problem);

/* check.c: offsets without holes, overlaps or a rest; no name twice. */
int32_t lnspi_header_check(lnspi_header *header, uint64_t data_bytes, lnsp_problem *problem);

#endif

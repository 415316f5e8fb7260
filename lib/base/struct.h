/* Structs whose size the caller sets, so that they can grow. */
#ifndef LNSPI_BASE_STRUCT_H
#define LNSPI_BASE_STRUCT_H

#include "lnsp.h"

/* Reads a caller's struct of any size: shorter ones are filled up with zeros,
 * longer ones are accepted if the unknown tail is zero. NULL gives all zeros.
 * The struct_size of what is read is the smaller of the caller's size and
 * known_bytes, so that it can be read again. */
int32_t lnspi_struct_read(void *to, size_t known_bytes, const void *from, const char *what,
                          lnsp_error *error);

/* lnspi_struct_read for lnsp_options, with the allocator struct checked too. */
int32_t lnspi_struct_read_options(const lnsp_options *from, lnsp_options *to,
                                  lnsp_error *error);

/* Writes a struct that the caller sized: copies min(struct_size, known_bytes)
 * bytes and leaves the caller's struct_size in place. */
int32_t lnspi_struct_write(void *to, const void *from, size_t known_bytes, const char *what,
                           lnsp_error *error);

#endif

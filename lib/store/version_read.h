/* Reads the image of a version, a chunk at a time. */
#ifndef LNSPI_STORE_VERSION_READ_H
#define LNSPI_STORE_VERSION_READ_H

#include "store/store.h"

typedef int32_t lnspi_version_read_sink(void *user, const uint32_t *words, size_t count,
                                        lnsp_error *error);

/* An image's words in order, a chunk at a time, its checksums checked. */
int32_t lnspi_version_read(lnsp_store *store, const lnspi_record *image,
                           lnspi_version_read_sink *take, void *user, lnsp_error *error);

/* All of it to memory; that is partly written on failure. */
int32_t lnspi_version_read_to_memory(lnsp_store *store, uint64_t number, uint32_t *words,
                                     lnspi_version *version, lnsp_error *error);
int32_t lnspi_version_read_verify(lnsp_store *store, uint64_t *checked, lnsp_error *error);

#endif

/* Reads the state of a version, a chunk at a time. */
#ifndef LNSPI_STORE_VERSION_READ_H
#define LNSPI_STORE_VERSION_READ_H

#include "store/store.h"

/* Gets words, which it may overwrite. */
typedef int32_t lnspi_version_read_sink(void *user, uint32_t *words, size_t count,
                                        lnsp_error *error);

/* Hands the words of a record's state to sink, in order. Checksums are checked last, so
 * what sink was given counts only if this returns LNSP_OK. */
int32_t lnspi_version_read(lnsp_store *store, const lnspi_record *state,
                           lnspi_version_read_sink *sink, void *user, lnsp_error *error);

/* Copies a version's state to memory, which is partly written on failure. */
int32_t lnspi_version_read_to_memory(lnsp_store *store, uint64_t number, uint32_t *words,
                                     lnspi_progress *progress, lnspi_version *version,
                                     lnsp_error *error);

/* Reads everything in the store and checks it; *checked: records. */
int32_t lnspi_version_read_verify(lnsp_store *store, uint64_t *checked, lnsp_error *error);

#endif

/* Commit and rollback */
#ifndef LNSPI_STORE_COMMIT_H
#define LNSPI_STORE_COMMIT_H

#include "store/store.h"

/* Version: all but number, of, base and sum. */
int32_t lnspi_commit_version(lnsp_store *store, const lnspi_segment *segments, int32_t count,
                             lnspi_version *version, lnsp_error *error);
int32_t lnspi_commit_rollback(lnsp_store *store, uint64_t number, uint64_t time,
                              lnspi_version *version, lnsp_error *error);

#endif

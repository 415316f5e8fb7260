/* Commit and rollback. */
#ifndef LNSPI_STORE_COMMIT_H
#define LNSPI_STORE_COMMIT_H

#include "store/store.h"

/* Commits a state; number, of, base and sum of version are set, the rest is the caller's. */
int32_t lnspi_commit_version(lnsp_store *store, const lnspi_segment *segments, int32_t count,
                             lnspi_version *version, lnsp_error *error);

/* Makes the state of an older version the newest one. */
int32_t lnspi_commit_rollback(lnsp_store *store, uint64_t number, uint64_t time,
                              lnspi_version *version, lnsp_error *error);

#endif

/* Compaction: copies the versions that are kept into the other bank. */
#ifndef LNSPI_STORE_STORE_COMPACT_H
#define LNSPI_STORE_STORE_COMPACT_H

#include "store/store.h"

/* Compacts, so that need bytes are free behind the log (LNSP_E_LIMIT if that cannot be).
 * The state of version keep (0: none) stays, if it fits. */
int32_t lnspi_store_compact(lnsp_store *store, uint64_t need, uint64_t keep, lnsp_error *error);

#endif

/* Compaction */
#ifndef LNSPI_STORE_STORE_COMPACT_H
#define LNSPI_STORE_STORE_COMPACT_H

#include "store/store.h"

/* Compaction that leaves room for a record of need bytes; the image of version
 * keep (0: none) stays if it fits. */
int32_t lnspi_store_compact(lnsp_store *store, uint64_t need, uint64_t keep, lnsp_error *error);

#endif

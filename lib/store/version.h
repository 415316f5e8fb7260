/* Versions */
#ifndef LNSPI_STORE_VERSION_H
#define LNSPI_STORE_VERSION_H

#include "store/store.h"

void lnspi_version_encode(const lnspi_version *version, uint8_t info[LNSPI_INFO_BYTES]);
void lnspi_version_decode(const uint8_t info[LNSPI_INFO_BYTES], lnspi_version *version);
int lnspi_version_in_record(const lnspi_record *record);

/* Number index from the newest (0); *found 0 past the oldest. */
int32_t lnspi_version_at(lnsp_store *store, uint64_t index, lnspi_record *record, int *found,
                         lnsp_error *error);
int32_t lnspi_version_find(lnsp_store *store, uint64_t number, lnspi_record *record,
                           lnsp_error *error);

/* The record that has a version's image: another one's for a rollback. */
int32_t lnspi_version_image(lnsp_store *store, uint64_t number, lnspi_record *record,
                            lnsp_error *error);
int32_t lnspi_version_snapshot(lnsp_store *store, const lnspi_record *image,
                               lnspi_record *snapshot, lnsp_error *error);

#endif

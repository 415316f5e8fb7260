/* The ledger: senders, and the highest nonce of each. */
#ifndef LNSPI_STORE_LEDGER_H
#define LNSPI_STORE_LEDGER_H

#include "store/store.h"

/* A sender as it is stored. */
void lnspi_ledger_id(const char *sender, uint8_t id[LNSPI_SENDER_BYTES]);

/* Refuses a nonce that is not above all before, and a sender for whom there is no place. */
int32_t lnspi_ledger_check(const lnsp_store *store, const char *sender, uint64_t nonce,
                           lnsp_error *error);

/* Checks, and writes a record for a delta that made no version. */
int32_t lnspi_ledger_add(lnsp_store *store, const char *sender, uint64_t nonce,
                         lnsp_error *error);

/* Notes what a record says; no order of records is needed. */
int32_t lnspi_ledger_note(lnsp_store *store, const uint8_t id[LNSPI_SENDER_BYTES],
                          uint64_t nonce, lnsp_error *error);

/* Reads or writes a record of the ledger. */
int32_t lnspi_ledger_read(lnsp_store *store, const lnspi_record *record, lnsp_error *error);
int32_t lnspi_ledger_write(lnsp_store *store, lnspi_bank *log, uint32_t flags,
                           lnsp_error *error);

#endif

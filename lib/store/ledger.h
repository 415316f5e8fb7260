/* The ledger */
#ifndef LNSPI_STORE_LEDGER_H
#define LNSPI_STORE_LEDGER_H

#include "store/store.h"

/* A delta is taken from a sender only with a nonce above all before. */
void lnspi_ledger_id(const char *sender, uint8_t id[LNSPI_SENDER_BYTES]);
int32_t lnspi_ledger_check(const lnsp_store *store, const char *sender, uint64_t nonce,
                           lnsp_error *error);
int32_t lnspi_ledger_add(lnsp_store *store, const char *sender, uint64_t nonce,
                         lnsp_error *error);
int32_t lnspi_ledger_note(lnsp_store *store, const uint8_t id[LNSPI_SENDER_BYTES],
                          uint64_t nonce, lnsp_error *error);
int32_t lnspi_ledger_read(lnsp_store *store, const lnspi_record *record, lnsp_error *error);
int32_t lnspi_ledger_write(lnsp_store *store, lnspi_bank *log, uint32_t flags,
                           lnsp_error *error);

#endif

/* Banks: the two halves of a device, of which one counts. */
#ifndef LNSPI_STORE_BANK_H
#define LNSPI_STORE_BANK_H

#include "store/journal.h"

/* An empty bank, number 0 or 1. */
void lnspi_bank_start(const lnspi_journal *j, uint32_t bank, lnspi_bank *log);

/* Reads both headers, and takes the bank that counts. Its newest record, chain and sequence
 * are those of the copied records: lnspi_journal_open reads on from there. */
int32_t lnspi_bank_choose(lnspi_journal *j, lnspi_bank *log, lnsp_error *error);

/* Writes the header of a bank whose records up to log->tail are the copied ones. */
void lnspi_bank_encode(const lnspi_journal *j, const lnspi_bank *log,
                       uint8_t raw[LNSPI_HEAD_BYTES]);

/* Whether a record with a payload of so many bytes fits behind the log. */
int lnspi_bank_fits(const lnspi_journal *j, const lnspi_bank *log, uint64_t bytes);

#endif

/* Banks */
#ifndef LNSPI_STORE_BANK_H
#define LNSPI_STORE_BANK_H

#include "store/journal.h"

void lnspi_bank_start(const lnspi_journal *j, uint32_t bank, lnspi_bank *log);

/* Opening */

/* Which bank counts. */
int32_t lnspi_bank_choose(lnspi_journal *j, lnspi_bank *log, lnsp_error *error);
void lnspi_bank_encode(const lnspi_journal *j, const lnspi_bank *log, uint8_t *to);
int lnspi_bank_fits(const lnspi_journal *j, const lnspi_bank *log, uint64_t bytes);

#endif

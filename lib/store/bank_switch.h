/* Switching to the other bank. */
#ifndef LNSPI_STORE_BANK_SWITCH_H
#define LNSPI_STORE_BANK_SWITCH_H

#include "store/journal.h"

/* Erases the other bank, fills it with records of the flag COPIED, then makes it the one
 * that counts. Until end has returned, the old one counts. */
int32_t lnspi_bank_switch_begin(lnspi_journal *j, lnspi_bank *to, lnsp_error *error);
int32_t lnspi_bank_switch_copy(lnspi_journal *j, const lnspi_record *from, lnspi_bank *to,
                               const uint8_t info[LNSPI_INFO_BYTES], lnspi_record *record,
                               lnsp_error *error);
int32_t lnspi_bank_switch_end(lnspi_journal *j, lnspi_bank *to, lnsp_error *error);

/* A new journal in place of whatever is on the device: begin_new instead of begin, and
 * erase_old after end. */
int32_t lnspi_bank_switch_begin_new(lnspi_journal *j, lnspi_bank *to, lnsp_error *error);
int32_t lnspi_bank_switch_erase_old(lnspi_journal *j, lnsp_error *error);

#endif

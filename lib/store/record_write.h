/* Writing a record. */
#ifndef LNSPI_STORE_RECORD_WRITE_H
#define LNSPI_STORE_RECORD_WRITE_H

#include "store/journal.h"

int32_t lnspi_record_write_start(lnspi_journal *j, const lnspi_bank *log, uint32_t type,
                                 uint32_t flags, lnsp_error *error);
int32_t lnspi_record_write(lnspi_journal *j, const void *data, size_t bytes, lnsp_error *error);

/* Writes the head; the record counts once it is synced. */
int32_t lnspi_record_write_end(lnspi_journal *j, lnspi_bank *log,
                               const uint8_t info[LNSPI_INFO_BYTES], lnspi_record *record,
                               lnsp_error *error);

#endif

/* Finds the records of a log: which one follows which. */
#ifndef LNSPI_STORE_RECORD_SCAN_H
#define LNSPI_STORE_RECORD_SCAN_H

#include "store/journal.h"

/* What lies between a record and the end of the bank, where no record follows. */
typedef struct lnspi_record_scan_rest {
  uint64_t dirty;   /* end of the last byte that is not erased; 0: none */
  uint64_t foreign; /* a record that does not continue this one; 0: none */
} lnspi_record_scan_rest;

/* What stands at an offset: *good says whether it is a record's head. */
int32_t lnspi_record_scan_at(lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                             lnspi_record *record, int *good, lnsp_error *error);
int32_t lnspi_record_scan_check_body(lnspi_journal *j, const lnspi_record *record, int *good,
                                     lnsp_error *error);

/* The record that continues `after` (NULL: the first); *found 0: there is none, and rest
 * (nullable) tells what is there. May be given record as after. */
int32_t lnspi_record_scan_next(lnspi_journal *j, const lnspi_bank *log,
                               const lnspi_record *after, lnspi_record *record, int *found,
                               lnspi_record_scan_rest *rest, lnsp_error *error);

/* The record before it; *found 0: none. */
int32_t lnspi_record_scan_previous(lnspi_journal *j, const lnspi_record *of,
                                   lnspi_record *record, int *found, lnsp_error *error);
int32_t lnspi_record_scan_newest(lnspi_journal *j, lnspi_record *record, int *found,
                                 lnsp_error *error);

#endif

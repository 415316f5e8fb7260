/* Reads a log: what is at an offset, which record follows which, and where the log ends. */
#ifndef LNSPI_STORE_RECORD_SCAN_H
#define LNSPI_STORE_RECORD_SCAN_H

#include "store/journal.h"

/* What was seen between a record and the end of the bank where no record follows. */
typedef struct lnspi_record_scan_rest {
  uint64_t dirty;   /* end of the last byte that is not erased; 0: all are */
  uint64_t foreign; /* the first head that does not continue the log; 0: none */
} lnspi_record_scan_rest;

/* Reads the head at an offset; *good 0: there is none. */
int32_t lnspi_record_scan_at(lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                             lnspi_record *record, int *good, lnsp_error *error);

/* *good: whether the payload has the checksum in its head. Overwrites the journal's buffer. */
int32_t lnspi_record_scan_check_body(lnspi_journal *j, const lnspi_record *record, int *good,
                                     lnsp_error *error);

/* The record that continues `after` (NULL: the first); *found 0: there is none, and rest
 * (nullable) says what is there. `record` and `after` may be the same. */
int32_t lnspi_record_scan_next(lnspi_journal *j, const lnspi_bank *log,
                               const lnspi_record *after, lnspi_record *record, int *found,
                               lnspi_record_scan_rest *rest, lnsp_error *error);

/* The record before `of`, which may be the same as `record`; *found 0: `of` is the first. */
int32_t lnspi_record_scan_previous(lnspi_journal *j, const lnspi_record *of,
                                   lnspi_record *record, int *found, lnsp_error *error);
int32_t lnspi_record_scan_newest(lnspi_journal *j, lnspi_record *record, int *found,
                                 lnsp_error *error);

#endif

/* Progress of a long call, which its caller may cancel. */
#ifndef LNSPI_BASE_PROGRESS_H
#define LNSPI_BASE_PROGRESS_H

#include "lnsp.h"

typedef struct lnspi_progress {
  lnsp_progress call;         /* report NULL: nobody asks */
  uint64_t done, total, next; /* next: done at which report is called again */
  int32_t cancelled, reserved; /* cancelled: stays 1 */
} lnspi_progress;

/* options: already read, or NULL. total: what done will be at the end, in any unit. */
void lnspi_progress_begin(lnspi_progress *progress, const lnsp_options *options,
                          uint64_t total);
/* Begins again with the same caller. */
void lnspi_progress_restart(lnspi_progress *progress, uint64_t total);

/* n more are done. LNSP_E_CANCELLED if the caller says so, now or before: then the call must
 * leave everything as it was. progress may be NULL. */
int32_t lnspi_progress_add(lnspi_progress *progress, uint64_t n, lnsp_error *error);
/* All is done, however much was counted: the last report says so. */
int32_t lnspi_progress_end(lnspi_progress *progress, lnsp_error *error);

/* Calls that follow each other in one call, each with a progress of its own: what they report
 * becomes a thousandth of the whole. */
typedef struct lnspi_progress_parts {
  lnsp_progress whole, part;
  uint64_t index, count; /* index: the part that runs */
} lnspi_progress_parts;

/* Directs the progress of options into parts, which must outlive all handles that are made with
 * these options, or their blocks must be given the progress of the whole. */
void lnspi_progress_split(lnspi_progress_parts *parts, lnsp_options *options, uint64_t count);

#endif

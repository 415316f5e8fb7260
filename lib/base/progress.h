/* Progress of a long call, which its caller may cancel. */
#ifndef LNSPI_BASE_PROGRESS_H
#define LNSPI_BASE_PROGRESS_H

#include "lnsp.h"

typedef struct lnspi_progress {
  lnsp_progress call;         /* report NULL: nobody asks */
  uint64_t done, total, next; /* next: done at which report is called again */
} lnspi_progress;

/* options: already read, or NULL. total: what done will be at the end, in any unit. */
void lnspi_progress_begin(lnspi_progress *progress, const lnsp_options *options,
                          uint64_t total);
/* Begins again with the same caller. */
void lnspi_progress_restart(lnspi_progress *progress, uint64_t total);

/* n more are done. LNSP_E_CANCELLED if the caller says so: then the call must leave
 * everything as it was. progress may be NULL. */
int32_t lnspi_progress_add(lnspi_progress *progress, uint64_t n, lnsp_error *error);

#endif

/* Refusals: one sentence on stderr, "lnsp train: ...", and the end of the program. Who calls
 * these has nothing to close or to free: that is left to the system. */
#ifndef CLI_REFUSE_H
#define CLI_REFUSE_H

#include <stdint.h>

#include "lnsp.h"

/* What stands behind "lnsp" in the sentences: a command and, or NULL, its verb. */
void refuse_name(const char *first, const char *second);
/* End with EXIT_USAGE and EXIT_REFUSED. */
_Noreturn void refuse_usage(const char *format, ...);
_Noreturn void refuse(const char *format, ...);
/* The library's sentence, with the file it is about where that is known, else NULL. */
_Noreturn void refuse_error(const char *path, const lnsp_error *error);
/* The same if the call's status is not LNSP_OK. */
void refuse_if(int32_t status, const char *path, const lnsp_error *error);
/* The same for a batch of the data that began at row first: sentences that count
 * rows from the batch's begin say so. */
void refuse_batch_if(int32_t status, const char *path, int64_t first, const lnsp_error *error);
/* Refuses if what was printed did not arrive on standard output. */
void refuse_unprinted(const char *what);

#endif

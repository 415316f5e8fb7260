/* Sentences on stderr, and the exit statuses that go with them. */
#ifndef CLI_REFUSE_H
#define CLI_REFUSE_H

#include "cli/args.h"
#include "lnsp.h"

/* "lnsp train: sentence" on stderr; these return EXIT_USAGE and EXIT_REFUSED. */
int refuse_usage(const args *a, const char *format, ...);
int refuse(const args *a, const char *format, ...);
/* The library's sentence, with the file it is about where that is known. */
int refuse_error(const args *a, const char *path, const lnsp_error *error);
int refuse_memory(const args *a);
/* EXIT_DONE, or EXIT_REFUSED where what was printed did not arrive on standard output. */
int refuse_printed(const args *a, const char *what);
/* The same for a batch of the data that began at row first: sentences that count
 * rows from the batch's begin say so. */
int refuse_batch(const args *a, const char *path, int64_t first, const lnsp_error *error);

#endif

/* What whole processes take: time from start to first output, peak resident memory. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>

/* Peak resident memory of this process in kB, or -1 where it cannot be told. */
int64_t process_peak_kb(void);

/* Runs the program lnsp and prints a line for each use; 0, or 1 after a sentence. */
int process_print(const char *lnsp);

#endif

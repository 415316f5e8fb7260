/* The cost of whole processes: time from start to first output, peak resident memory. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

/* Runs the program lnsp and prints a line for each use; 0, or 1 after a sentence. */
int process_print(const char *lnsp);

#endif

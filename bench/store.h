/* The cost of versions in a store: commits, opening, going back. */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

/* Commits versions states of a trainer on the model file, a step apart, to the new file
 * store, opens it again, goes back one version and loads it, and prints the times; the file
 * is removed. 0, or 1 after a sentence. */
int store_print(const char *model, const char *store, int versions);

#endif

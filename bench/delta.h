/* The cost of deltas: bytes, time to code and to decode, working memory. */
#ifndef BENCH_DELTA_H
#define BENCH_DELTA_H

/* Prints a line for each codec ("int4 block=64;exact" are two) that
 * leads from the model file base towards next; 0, or 1 after a sentence. codecs NULL:
 * every codec of the library. */
int delta_print(const char *base, const char *next, const char *codecs, double seconds);

#endif

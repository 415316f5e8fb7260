/* Microseconds of the monotonic clock, for tests that print times. */
#ifndef TESTS_CLOCK_H
#define TESTS_CLOCK_H

#include <time.h>

static inline double clock_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}

#endif

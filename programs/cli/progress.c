/* The clock, and a line on stderr that replaces itself. */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double progress_last; /* when a line was shown */
static int progress_shown;   /* whether there is one now */

double progress_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int progress_due(void) {
  return isatty(STDERR_FILENO) && progress_clock() - progress_last >= .1;
}

void progress_show(const char *format, ...) {
  va_list list;
  if (!progress_due()) return;
  fputs("\r\033[K", stderr);
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fflush(stderr);
  progress_last = progress_clock();
  progress_shown = 1;
}

void progress_clear(void) {
  if (progress_shown) fputs("\r\033[K", stderr);
  progress_shown = 0;
}

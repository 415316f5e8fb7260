/* The clock, and a line on stderr that replaces itself. */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double progress_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_start(progress *p) {
  p->terminal = isatty(STDERR_FILENO);
  p->shown = 0;
  p->last = 0;
}

int progress_due(progress *p) {
  double now;
  if (!p->terminal) return 0;
  now = progress_clock();
  if (now - p->last < .1) return 0;
  p->last = now;
  return 1;
}

void progress_show(progress *p, const char *format, ...) {
  va_list list;
  if (!p->terminal) return;
  fputs("\r\033[K", stderr);
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fflush(stderr);
  p->shown = 1;
}

void progress_clear(progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
  p->shown = 0;
}

/* Shared by tests of long calls: a caller that counts the reports of one call, and cancels it
 * at one of them. */
#ifndef TESTS_PROGRESS_H
#define TESTS_PROGRESS_H

#include "support.h"

typedef struct progress_watch {
  int on; /* 1 during the call that is tested */
  int stop_at, calls; /* stop_at: the report that cancels, 0 never */
  uint64_t last, total;
  int sound; /* done grew, stayed within total, and ended there if the call succeeded */
} progress_watch;

static support_heap progress_heap;
static lnsp_allocator progress_allocator;
static progress_watch progress_now;

static int32_t progress_report(void *user, uint64_t done, uint64_t total) {
  progress_watch *w = user;
  if (!w->on) return 0;
  w->sound &= done >= w->last && done <= total && total && (!w->calls || total == w->total);
  w->last = done;
  w->total = total;
  return ++w->calls == w->stop_at;
}

static lnsp_progress progress_of = {sizeof progress_of, 0, &progress_now, progress_report};

/* Options of a caller that cancels at a report; 0: at none; -1: that does not ask. */
static lnsp_options progress_options(int stop_at) {
  lnsp_options options = {.struct_size = sizeof options,
                          .allocator = &progress_allocator,
                          .progress = stop_at < 0 ? NULL : &progress_of};
  if (!progress_allocator.allocate) progress_allocator = support_allocator(&progress_heap);
  progress_now = (progress_watch){0, stop_at, 0, 0, 0, 1};
  return options;
}

static int32_t progress_off(int32_t status) {
  progress_watch *w = &progress_now;
  w->on = 0;
  if (!status && w->calls) w->sound &= w->last == w->total;
  return status;
}

/* The call that is tested: all others report to nobody. */
#define PROGRESS_OF(call) (progress_now.on = 1, progress_off(call))

/* The report to cancel after number at: the first three, some others, the last. 0: no more. */
static inline int progress_next(int at, int reports) {
  if (at >= reports) return 0;
  const int next = at < 3 ? at + 1 : at + 1 + reports / 8;
  return next < reports ? next : reports;
}

#endif

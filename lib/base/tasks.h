/* Work split into tasks that the caller's parallel-for runs (lnsp_parallel). What a task
 * computes must not depend on how many there are: no sum may cross a border. */
#ifndef LNSPI_BASE_TASKS_H
#define LNSPI_BASE_TASKS_H

#include "lnsp.h"

#define LNSPI_MAX_TASKS 256

typedef struct lnspi_tasks {
  int32_t count; /* most at a time; 1: all is done in the call itself */
  int32_t reserved;
  void *user;
  void (*run)(void *user, int32_t count, void (*task)(void *argument, int32_t index),
              void *argument);
} lnspi_tasks;

/* From options (already read) and limits->tasks. */
int32_t lnspi_tasks_open(lnspi_tasks *tasks, const lnsp_options *options, int32_t count,
                         lnsp_error *error);

/* Runs task(argument, 0 .. count-1), in any order and on any threads. tasks may be NULL:
 * one after the other. */
void lnspi_tasks_run(const lnspi_tasks *tasks, int32_t count,
                     void (*task)(void *argument, int32_t index), void *argument);

/* How many tasks of at least `least` pieces n pieces give. */
static inline int32_t lnspi_tasks_count(const lnspi_tasks *tasks, int64_t n, int64_t least) {
  const int64_t most = n / least;
  if (!tasks || tasks->count < 2 || most < 2) return 1;
  return most < tasks->count ? (int32_t)most : tasks->count;
}

/* Where the share of task number index of n pieces begins; that of the next is its end. */
static inline int64_t lnspi_tasks_from(int64_t n, int32_t count, int32_t index) {
  return n / count * index + n % count * index / count;
}

#endif

/* Work split into tasks for the caller's parallel-for. */
#include "base/tasks.h"

#include <string.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "base/struct.h"

typedef struct tasks_job {
  void (*task)(void *argument, int32_t index);
  void *argument;
} tasks_job;

/* Each thread has its own floating-point control word. */
static void tasks_enter(void *argument, int32_t index) {
  const tasks_job *job = argument;
  lnspi_fpenv fp = lnspi_fpenv_enter();
  job->task(job->argument, index);
  lnspi_fpenv_leave(fp);
}

int32_t lnspi_tasks_open(lnspi_tasks *tasks, const lnsp_options *options, int32_t count,
                         lnsp_error *error) {
  lnsp_parallel parallel;
  int32_t status = LNSP_OK;
  memset(tasks, 0, sizeof *tasks);
  tasks->count = 1;
  if (count <= 1) return LNSP_OK;
  if (!options->parallel)
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, NULL,
        "the sizes ask for %d tasks, but nothing runs them: set options->parallel, or leave "
        "tasks 0",
        count);
  status = lnspi_struct_read(&parallel, sizeof parallel, options->parallel, "options->parallel",
                             error);
  if (status != LNSP_OK) return status;
  tasks->count = count;
  tasks->user = parallel.user;
  tasks->run = parallel.run;
  return LNSP_OK;
}

void lnspi_tasks_run(const lnspi_tasks *tasks, int32_t count,
                     void (*task)(void *argument, int32_t index), void *argument) {
  tasks_job job;
  job.task = task;
  job.argument = argument;
  if (tasks && tasks->run && count > 1) {
    tasks->run(tasks->user, count, tasks_enter, &job);
    return;
  }
  for (int32_t i = 0; i < count; i++) task(argument, i);
}

/* Writing through a sink into a path: the file appears whole or not at all.
 *
 * Handles write themselves into a sink, and know nothing of files. This is the other half: it
 * makes a sink that replaces the file at path (path.c says how), lets the job write into it,
 * and commits only if the job succeeded. abandon is called in every case: after a commit it
 * only frees. The memory of the sink is from malloc; a job has its own. */
#include "api/path_write.h"

#include "api/path.h"

int32_t lnspi_path_write(const char *path, lnspi_path_write_job job, void *user,
                         lnsp_error *error) {
  const lnsp_options options = LNSP_OPTIONS_INIT;
  lnspi_path_sink sink;
  int32_t status = lnspi_path_sink_open(path, &options, &sink, error);
  if (status) return status;
  status = job(user, &sink.sink, error);
  if (!status) status = sink.commit(sink.sink.user, error);
  sink.abandon(sink.sink.user);
  return status;
}

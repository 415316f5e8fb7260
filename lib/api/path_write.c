/* Writing through a sink into a path: the file appears whole or not at all. */
#include "api/path_write.h"

#include <string.h>

#include "api/api.h"
#include "api/path.h"

int32_t lnspi_path_write(const char *path, lnspi_path_write_job job, void *user,
                         lnsp_error *error) {
  lnspi_path_sink sink;
  lnsp_options options;
  API_NEED(path, error);
  memset(&options, 0, sizeof options);
  int32_t status = lnspi_path_sink_open(path, &options, &sink, error);
  if (status != LNSP_OK) return status;
  status = job(user, &sink.sink, error);
  if (status == LNSP_OK) status = sink.commit(sink.sink.user, error);
  sink.abandon(sink.sink.user);
  return status;
}

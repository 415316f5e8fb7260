/* Shared by exported functions: writing a file whole or not at all. */
#include "api/api.h"

#include <string.h>

#include "api/path.h"

int32_t lnspi_api_check_storage(int32_t storage, lnsp_problem *problem) {
  if (storage == LNSP_F32 || storage == LNSP_F16 || storage == LNSP_BF16 || storage == LNSP_I8)
    return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_DTYPE, NULL,
                    "matrices are stored as F32, F16, BF16 or I8, not as type %d", storage);
}

int32_t lnspi_path_write(const char *path, lnspi_write_job job, void *user,
                         lnsp_problem *problem) {
  lnspi_path_sink sink;
  lnsp_options options;
  API_NEED(path, problem);
  memset(&options, 0, sizeof options);
  int32_t status = lnspi_path_sink_open(path, &options, &sink, problem);
  if (status != LNSP_OK) return status;
  status = job(user, &sink.sink, problem);
  if (status == LNSP_OK) status = sink.commit(sink.sink.user, problem);
  sink.abandon(sink.sink.user);
  return status;
}

/* Writing through a sink into a path: the file appears whole or not at all. */
#ifndef LNSPI_API_PATH_WRITE_H
#define LNSPI_API_PATH_WRITE_H

#include "lnsp.h"

/* What a handle's save function does with a sink: user is the handle, or a struct with it. */
typedef int32_t (*lnspi_path_write_job)(void *user, const lnsp_sink *sink, lnsp_error *error);

/* path: not NULL. Returns the job's status, or that of making or replacing the file. */
int32_t lnspi_path_write(const char *path, lnspi_path_write_job job, void *user,
                         lnsp_error *error);

#endif

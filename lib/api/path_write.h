/* Writing through a sink into a path: the file appears whole or not at all. */
#ifndef LNSPI_API_PATH_WRITE_H
#define LNSPI_API_PATH_WRITE_H

#include "lnsp.h"

/* Writes through a sink into path: the file appears whole or not at all. */
typedef int32_t (*lnspi_path_write_job)(void *user, const lnsp_sink *sink, lnsp_error *error);

int32_t lnspi_path_write(const char *path, lnspi_path_write_job job, void *user,
                         lnsp_error *error);

#endif

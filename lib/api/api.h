/* What the files of exported functions share. */
#ifndef LNSPI_API_API_H
#define LNSPI_API_API_H

#include "base/host.h"
#include "base/memory.h"
#include "base/problem.h"

/* Refuses a NULL argument. */
#define API_NEED(argument, problem)                                                     \
  do {                                                                                  \
    if (!(argument))                                                                    \
      return lnspi_fail((problem), LNSP_E_ARGUMENT, NULL, "%s: the argument '%s' is NULL", \
                        __func__, #argument);                                           \
  } while (0)

/* Refuses a NULL out pointer and clears what it points to. */
#define API_OUT(out, problem)  \
  do {                         \
    API_NEED(out, problem);    \
    *(out) = NULL;             \
  } while (0)

/* Writes through a sink into path: the file appears whole or not at all. */
typedef int32_t (*lnspi_write_job)(void *user, const lnsp_sink *sink, lnsp_problem *problem);
int32_t lnspi_path_write(const char *path, lnspi_write_job job, void *user,
                         lnsp_problem *problem);

/* Refuses a type that matrices cannot be stored in. */
int32_t lnspi_api_check_storage(int32_t storage, lnsp_problem *problem);

/* Reads one tensor of a state (nullable: only checks name and count). */
int32_t lnspi_api_tensor_read(const lnsp_graph *graph, const void *state, const char *name,
                              float *out, int64_t count, lnsp_problem *problem);

#endif

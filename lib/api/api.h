/* What the files of exported functions share. */
#ifndef LNSPI_API_API_H
#define LNSPI_API_API_H

#include "base/error.h"

/* Refuses a NULL argument. */
#define API_NEED(argument, error)                                                             \
  do {                                                                                        \
    if (!(argument))                                                                          \
      return lnspi_error_set((error), LNSP_E_ARGUMENT, NULL, "%s: the argument '%s' is NULL", \
                             __func__, #argument);                                            \
  } while (0)

/* Refuses a NULL out pointer and clears what it points to. */
#define API_OUT(out, error) \
  do {                      \
    API_NEED(out, error);   \
    *(out) = NULL;          \
  } while (0)

/* Refuses anything but 0 and 1, the values of two named constants. */
#define API_FLAG(argument, error)                                                        \
  do {                                                                                   \
    if ((argument) != 0 && (argument) != 1)                                              \
      return lnspi_error_set((error), LNSP_E_ARGUMENT, NULL,                             \
                             "%s: the argument '%s' is %d: it must be 0 or 1", __func__, \
                             #argument, (int)(argument));                                \
  } while (0)

#endif

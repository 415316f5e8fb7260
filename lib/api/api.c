/* The refusals that all exported functions share. */
#include "api/api.h"

#include "base/struct.h"

int32_t lnspi_api_null(const char *call, const char *argument, lnsp_error *error) {
  return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "%s: the argument '%s' is NULL", call,
                         argument);
}

int32_t lnspi_api_not_a_flag(const char *call, const char *argument, int32_t value,
                             lnsp_error *error) {
  return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                         "%s: the argument '%s' is %d: it must be 0 or 1", call, argument,
                         (int)value);
}

int32_t lnspi_api_sink(const lnsp_sink *from, const char *call, lnsp_sink *to,
                       lnsp_error *error) {
  if (!from) return lnspi_api_null(call, "sink", error);
  int32_t status = lnspi_struct_read(to, sizeof *to, from, "lnsp_sink", error);
  if (status) return status;
  return to->write ? LNSP_OK : lnspi_api_null(call, "sink->write", error);
}

/* Helpers that the files of exported functions share.
 *
 * Nearly every exported function has the same four parts, in this order:
 *
 *   1. API_OUT, API_NEED, API_FLAG check pointers and flags. The out pointer comes first, so
 *      that *out is NULL after a failure of any later check.
 *   2. API_OPTIONS, API_SIZES, API_SINK and lnspi_struct_read copy the caller's structs into
 *      locals of the layout that this library knows (base/struct.h). From here on nobody looks
 *      at the caller's struct_size, or at a field that its header did not have.
 *   3. One function of a room above does the work, inside API_COMPUTE or API_RETURN if its
 *      result may depend on how numbers are rounded.
 *   4. What came out is written to the caller's memory, after nothing can fail any more. So a
 *      call that fails leaves the caller's memory as it was, and files need no code for it.
 *
 * The heads of the files say only where a function differs from that. */
#ifndef LNSPI_API_API_H
#define LNSPI_API_API_H

#include "api/options.h"
#include "base/error.h"
#include "base/fpenv.h"

/* Refuses a NULL argument: returns from the function that uses it. */
#define API_NEED(argument, error)                                         \
  do {                                                                    \
    if (!(argument)) return lnspi_api_null(__func__, #argument, (error)); \
  } while (0)

/* Refuses a NULL out pointer and clears what it points to. */
#define API_OUT(out, error) \
  do {                      \
    API_NEED(out, error);   \
    *(out) = NULL;          \
  } while (0)

/* Refuses anything but 0 and 1, the values of two named constants. */
#define API_FLAG(argument, error)                                            \
  do {                                                                       \
    if ((argument) != 0 && (argument) != 1)                                  \
      return lnspi_api_not_a_flag(__func__, #argument, (argument), (error)); \
  } while (0)

/* Runs a statement in the library's floating-point environment: rounding to nearest, gradual
 * underflow. The caller finds its own as it was. What only compares, copies or counts does
 * without; texts do not, since their numbers are rounded to float. */
#define API_COMPUTE(statement)                      \
  do {                                              \
    const lnspi_fpenv api_fp = lnspi_fpenv_enter(); \
    statement;                                      \
    lnspi_fpenv_leave(api_fp);                      \
  } while (0)

/* Returns the status of a call that computes. */
#define API_RETURN(call)              \
  do {                                \
    int32_t api_status;               \
    API_COMPUTE(api_status = (call)); \
    return api_status;                \
  } while (0)

/* Reads the caller's sink, and refuses one that cannot write. */
#define API_SINK(from, to, error) lnspi_api_sink((from), __func__, (to), (error))

/* The refusals of the macros, which name the call and its argument. They are functions, not
 * text in the macros, because some two hundred places use them. */
int32_t lnspi_api_null(const char *call, const char *argument, lnsp_error *error);
int32_t lnspi_api_not_a_flag(const char *call, const char *argument, int32_t value,
                             lnsp_error *error);
int32_t lnspi_api_sink(const lnsp_sink *from, const char *call, lnsp_sink *to,
                       lnsp_error *error);

#endif

/* Structs that callers size: struct_size read, checked and kept.
 *
 * A struct of lnsp.h may grow at its end in a later version, and programs are compiled with one
 * version and run with another. The caller's struct_size says how much of the struct it knows.
 *
 *   an older program  its struct is shorter: what is missing reads as zero, which means the
 *                     default, and what it cannot hold is not written
 *   a newer program   its struct is longer: it is accepted if the unknown tail is zero, that
 *                     is, if it asks for nothing that this library does not know
 *
 * So every struct that goes in is first copied into a local of this library's layout. Nested
 * structs, to which options point, are checked here too, but stay the caller's. */
#include "base/struct.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* A caller's struct_size beyond this was never set. */
#define STRUCT_MAX_BYTES 4096u

int32_t lnspi_struct_read(void *to, size_t known_bytes, const void *from, const char *what,
                          lnsp_error *error) {
  uint32_t size = (uint32_t)known_bytes;
  if (from) {
    const uint8_t *bytes = from;
    size_t i;
    memcpy(&size, from, sizeof(size));
    if (size < sizeof(size) || size > STRUCT_MAX_BYTES)
      return lnspi_error_set(
          error, LNSP_E_ARGUMENT, NULL,
          "%s: struct_size is %u: start from the struct's ..._INIT, which sets it", what,
          (unsigned)size);
    for (i = known_bytes; i < size; i++)
      if (bytes[i])
        return lnspi_error_set(
            error, LNSP_E_UNSUPPORTED, NULL,
            "%s: a field at byte %zu is set that this version of the library "
            "does not know: leave it zero or update the library",
            what, i);
    memset(to, 0, known_bytes);
    memcpy(to, from, size < known_bytes ? size : known_bytes);
  } else {
    memset(to, 0, known_bytes);
  }
  if (size > known_bytes) size = (uint32_t)known_bytes; /* what was read may be read again */
  memcpy(to, &size, sizeof(size));
  return LNSP_OK;
}

int32_t lnspi_struct_read_options(const lnsp_options *from, lnsp_options *to,
                                  lnsp_error *error) {
  int32_t status = lnspi_struct_read(to, sizeof(*to), from, "lnsp_options", error);
  if (status) return status;
  if (!to->block && to->block_bytes)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "options->block_bytes is %zu but options->block is NULL",
                           to->block_bytes);
  if (to->storage && to->storage != LNSP_F32 && to->storage != LNSP_F16 &&
      to->storage != LNSP_BF16 && to->storage != LNSP_I8)
    return lnspi_error_set(error, LNSP_E_DTYPE, NULL,
                           "options->storage is %d: matrices are stored as LNSP_F32, LNSP_F16, "
                           "LNSP_BF16 or LNSP_I8; 0 leaves the choice to the call",
                           to->storage);
  if (to->allocator) {
    lnsp_allocator allocator;
    status = lnspi_struct_read(&allocator, sizeof(allocator), to->allocator,
                               "options->allocator", error);
    if (status) return status;
    if (!allocator.allocate || !allocator.release)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                             "options->allocator needs both allocate and release");
  }
  if (to->parallel) {
    lnsp_parallel parallel;
    status = lnspi_struct_read(&parallel, sizeof(parallel), to->parallel, "options->parallel",
                               error);
    if (status) return status;
    if (!parallel.run)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                             "options->parallel has no run function");
  }
  if (to->progress) {
    lnsp_progress progress;
    status = lnspi_struct_read(&progress, sizeof(progress), to->progress, "options->progress",
                               error);
    if (status) return status;
    if (!progress.report)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                             "options->progress has no report function");
  }
  return LNSP_OK;
}

int32_t lnspi_struct_write(void *to, const void *from, size_t known_bytes, const char *what,
                           lnsp_error *error) {
  uint32_t size;
  if (!to) return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "%s is NULL", what);
  memcpy(&size, to, sizeof(size));
  if (size < sizeof(size) || size > STRUCT_MAX_BYTES)
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, NULL,
        "%s: struct_size is %u: set it to the struct's sizeof before the call", what,
        (unsigned)size);
  memcpy(to, from, size < known_bytes ? size : known_bytes);
  memcpy(to, &size, sizeof(size));
  return LNSP_OK;
}

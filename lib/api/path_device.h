/* A store's device in a file. */
#ifndef LNSPI_API_PATH_DEVICE_H
#define LNSPI_API_PATH_DEVICE_H

#include "lnsp.h"

/* A device in a file. keep gives a new one its name, release closes it; both get
 * device.user. */
typedef struct lnspi_path_device {
  lnsp_device device;
  int32_t (*keep)(void *user, lnsp_error *error);
  void (*release)(void *user);
} lnspi_path_device;

/* made: the size of a new file, rounded up to erase units, which gets its name by keep, or goes
 * with release; 0: opens what is there. read_only: the device has no functions that write, and
 * the lock is shared. options: already read; only the allocator is used. */
int32_t lnspi_path_device_open(const char *path, uint64_t made, int32_t read_only,
                               const lnsp_options *options, lnspi_path_device *out,
                               lnsp_error *error);

#endif

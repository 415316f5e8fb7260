/* A random sample of fixed size of all items that were seen. */
#ifndef LNSPI_TRAIN_RESERVOIR_H
#define LNSPI_TRAIN_RESERVOIR_H

#include "base/block.h"

#define LNSPI_RESERVOIR_BYTES 256 /* counted for the handle's struct on every host */

struct lnsp_reservoir {
  lnspi_block block;
  int32_t dtype, reserved;
  int64_t width, capacity, count; /* count: items kept, at most capacity */
  int64_t seen;                   /* items added since it was made, count or more */
  uint64_t random;                /* state of splitmix64 */
  uint64_t item_bytes;
  uint8_t *items;                 /* [capacity][width] */
};

int32_t lnspi_reservoir_measure(const lnsp_reservoir_options *settings, uint64_t *bytes,
                                lnsp_error *error);
int32_t lnspi_reservoir_create(const lnsp_reservoir_options *settings,
                               const lnsp_options *options, lnsp_reservoir **out,
                               lnsp_error *error);
void lnspi_reservoir_add(lnsp_reservoir *reservoir, const void *items, int64_t count);
void lnspi_reservoir_sample(lnsp_reservoir *reservoir, int64_t count, void *out);
int32_t lnspi_reservoir_save(const lnsp_reservoir *reservoir, const lnsp_sink *sink,
                             lnsp_error *error);
int32_t lnspi_reservoir_open(lnsp_file *file, const lnsp_options *options, lnsp_reservoir **out,
                             lnsp_error *error);

#endif

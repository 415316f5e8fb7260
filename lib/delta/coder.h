/* Beginning and end of a payload. */
#ifndef LNSPI_DELTA_CODER_H
#define LNSPI_DELTA_CODER_H

#include <stdint.h>

#include "delta/codec.h"

/* Begins and ends a payload; config, work, payload, capacity, elements and back
 * are set. plain 1: for a payload that took more than capacity otherwise, which end says
 * with *full. */
int32_t lnspi_coder_write_start(lnspi_coder *coder, int plain);
int32_t lnspi_coder_write_end(lnspi_coder *coder, int *full);
int32_t lnspi_coder_read_start(lnspi_coder *coder);
int32_t lnspi_coder_read_end(lnspi_coder *coder);

/* ---- what codecs share ---- */

static inline void lnspi_codec_span_add(const lnspi_codec_span *span) {
  for (int32_t i = 0; i < span->count; i++) span->next[i] = span->base[i] + span->change[i];
}

#define LNSPI_CODEC_CONFIG_KEYS 8

#endif

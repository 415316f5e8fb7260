/* The float coder: encodes how one array of 32-bit values became another, exactly. Made for
 * floats (a context is an exponent), right for any bits. Nothing is allocated, no stream is
 * held whole: values come and go in any pieces, bytes through callbacks. docs/delta.md has
 * the layout. */
#ifndef LNSPI_DELTA_FLOAT_CODER_H
#define LNSPI_DELTA_FLOAT_CODER_H

#include <stddef.h>
#include <stdint.h>

#include "delta/range.h"

#define LNSPI_FLOAT_CODER_CHUNK 1024 /* values that are coded together */
#define LNSPI_FLOAT_CODER_BYTES (4 * LNSPI_FLOAT_CODER_CHUNK)
#define LNSPI_FLOAT_CODER_HEAD 4     /* bytes before a chunk, at most */
#define LNSPI_FLOAT_CODER_CONTEXTS 65 /* exponents, and one for values whose exponents differ */

/* The probabilities, learned from the values so far; the reader learns the same. */
typedef struct lnspi_float_coder_model {
  lnspi_range_prob differ; /* the two values have the same exponent */
  lnspi_range_prob longest; /* a change of 31 bits, not 32: the trees end at 31 */
  lnspi_range_prob length[LNSPI_FLOAT_CODER_CONTEXTS][32];
  lnspi_range_prob second[32]; /* the bit below the leading one */
} lnspi_float_coder_model;

/* Writes bytes, or reads exactly so many; returns 0 on success. */
typedef int32_t lnspi_float_coder_emit(void *user, const void *bytes, size_t count);
typedef int32_t lnspi_float_coder_fetch(void *user, void *bytes, size_t count);

typedef struct lnspi_float_encoder {
  lnspi_float_coder_emit *emit;
  void *user;
  uint64_t total; /* bytes emitted so far */
  int32_t filled; /* values of the chunk so far */
  int32_t status;
  int32_t most; /* bits of a change, on average, above which a chunk is not coded */
  lnspi_float_coder_model model;
  uint8_t context[LNSPI_FLOAT_CODER_CHUNK];
  uint32_t change[LNSPI_FLOAT_CODER_CHUNK];
  uint8_t buffer[LNSPI_FLOAT_CODER_BYTES];
} lnspi_float_encoder;

typedef struct lnspi_float_decoder {
  lnspi_float_coder_fetch *fetch;
  void *user;
  uint64_t left; /* values that are not in a chunk read so far */
  uint64_t total; /* bytes fetched so far */
  int32_t ready, mode; /* values of this chunk not yet returned; how it is coded */
  lnspi_range_in in;
  lnspi_float_coder_model model;
  uint8_t buffer[LNSPI_FLOAT_CODER_BYTES];
} lnspi_float_decoder;

/* The most bytes that so many values become. */
uint64_t lnspi_float_coder_bound(uint64_t values);

/* LNSP_E_IO if emit fails, then and in every later call; end flushes. A chunk takes 3 to 4
 * bits a value more than its changes have; lower w->most to trade size for reading speed. */
void lnspi_float_coder_write_start(lnspi_float_encoder *w, lnspi_float_coder_emit *emit,
                                   void *user);
int32_t lnspi_float_coder_write(lnspi_float_encoder *w, const uint32_t *base,
                                const uint32_t *next, size_t count);
int32_t lnspi_float_coder_write_end(lnspi_float_encoder *w);

/* values: how many there are in all. lnspi_float_coder_read turns the next base values into
 * later ones in place; with back 1, later ones into base values (the same for a whole
 * stream). LNSP_E_FORMAT for bytes that no writer makes, LNSP_E_IO if fetch fails; after
 * either, r is of no use. */
void lnspi_float_coder_read_start(lnspi_float_decoder *r, lnspi_float_coder_fetch *fetch,
                                  void *user, uint64_t values);
int32_t lnspi_float_coder_read(lnspi_float_decoder *r, uint32_t *values, size_t count,
                               int back);

#endif

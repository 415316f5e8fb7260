/* The word coder: how one run of 32-bit words became another, exactly. Made for floats
 * (a context is an exponent), right for any words. Nothing is allocated, no stream is held
 * whole: words come and go in any pieces, bytes through callbacks. docs/delta.md has the
 * layout. */
#ifndef LNSPI_DELTA_FLOAT_CODER_H
#define LNSPI_DELTA_FLOAT_CODER_H

#include <stddef.h>
#include <stdint.h>

#include "delta/range.h"

#define LNSPI_FLOAT_CODER_CHUNK 1024 /* words coded together */
#define LNSPI_FLOAT_CODER_BYTES (4 * LNSPI_FLOAT_CODER_CHUNK)
#define LNSPI_FLOAT_CODER_HEAD 4     /* bytes before a chunk, at most */
#define LNSPI_FLOAT_CODER_CONTEXTS 65 /* exponents, and one for words whose exponents differ */

/* What has been learnt of the words so far. */
typedef struct lnspi_float_coder_model {
  lnspi_range_prob differ;
  lnspi_range_prob longest; /* 32 bits rather than 31 */
  lnspi_range_prob length[LNSPI_FLOAT_CODER_CONTEXTS][32];
  lnspi_range_prob second[32]; /* the bit below the leading one */
} lnspi_float_coder_model;

/* Takes bytes, or gives exactly so many; 0 on success. */
typedef int32_t lnspi_float_coder_emit(void *user, const void *bytes, size_t count);

typedef int32_t lnspi_float_coder_fetch(void *user, void *bytes, size_t count);

typedef struct lnspi_float_encoder {
  lnspi_float_coder_emit *emit;
  void *user;
  uint64_t total; /* bytes emitted so far */
  int32_t filled; /* words of the chunk */
  int32_t status;
  int32_t most; /* bits of a word's change, on average, above which
                                           a chunk is left as it is */
  lnspi_float_coder_model model;
  uint8_t context[LNSPI_FLOAT_CODER_CHUNK];
  uint32_t change[LNSPI_FLOAT_CODER_CHUNK];
  uint8_t buffer[LNSPI_FLOAT_CODER_BYTES];
} lnspi_float_encoder;

typedef struct lnspi_float_decoder {
  lnspi_float_coder_fetch *fetch;
  void *user;
  uint64_t left; /* words that are still to come */
  uint64_t total; /* bytes fetched so far */
  int32_t ready, mode; /* words of this chunk not yet given */
  lnspi_range_in in;
  lnspi_float_coder_model model;
  uint8_t buffer[LNSPI_FLOAT_CODER_BYTES];
} lnspi_float_decoder;

/* The most bytes that so many words take. */
uint64_t lnspi_float_coder_bound(uint64_t words);

/* LNSP_E_IO where emit fails, then and ever after; end flushes. A chunk takes 3 to 4 bits a
 * word more than its changes; a writer that would rather be read fast lowers w->most. */
void lnspi_float_coder_write_start(lnspi_float_encoder *w, lnspi_float_coder_emit *emit,
                                   void *user);
int32_t lnspi_float_coder_write(lnspi_float_encoder *w, const uint32_t *base,
                                const uint32_t *next, size_t count);
int32_t lnspi_float_coder_write_end(lnspi_float_encoder *w);

/* words: how many put was given in all. next turns base words into the later ones in
 * place; with back 1, later ones into base words (one direction a stream). LNSP_E_FORMAT
 * for bytes that no writer made, LNSP_E_IO where fetch fails; r is of no use then. */
void lnspi_float_coder_read_start(lnspi_float_decoder *r, lnspi_float_coder_fetch *fetch,
                                  void *user, uint64_t words);
int32_t lnspi_float_coder_read(lnspi_float_decoder *r, uint32_t *words, size_t count, int back);

#endif

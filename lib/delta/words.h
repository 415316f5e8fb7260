/* The word coder: how one run of 32-bit words became another, exactly. Made for floats
 * (a context is an exponent), right for any words. Nothing is allocated, no stream is held
 * whole: words come and go in any pieces, bytes through callbacks. docs/delta.md has the
 * layout. */
#ifndef LNSPI_DELTA_WORDS_H
#define LNSPI_DELTA_WORDS_H

#include "delta/range.h"
#include "lnsp.h"

#define LNSPI_WORDS_CHUNK 1024 /* words coded together */
#define LNSPI_WORDS_BYTES (4 * LNSPI_WORDS_CHUNK)
#define LNSPI_WORDS_HEAD 4     /* bytes before a chunk, at most */

#define LNSPI_WORDS_CONTEXTS 65 /* exponents, and one for words whose exponents differ */

/* What has been learnt of the words so far. */
typedef struct lnspi_words_model {
  lnspi_chance differ;
  lnspi_chance longest;                            /* 32 bits rather than 31 */
  lnspi_chance length[LNSPI_WORDS_CONTEXTS][32];
  lnspi_chance second[32];                         /* the bit below the leading one */
} lnspi_words_model;

/* Takes bytes, or gives exactly so many; 0 on success. */
typedef int32_t lnspi_words_emit(void *user, const void *bytes, size_t count);
typedef int32_t lnspi_words_fetch(void *user, void *bytes, size_t count);

typedef struct lnspi_words_writer {
  lnspi_words_emit *emit;
  void *user;
  uint64_t total;                       /* bytes emitted so far */
  int32_t filled;                       /* words of the chunk */
  int32_t status;
  int32_t most;                         /* bits of a word's change, on average, above which
                                           a chunk is left as it is */
  lnspi_words_model model;
  uint8_t context[LNSPI_WORDS_CHUNK];
  uint32_t change[LNSPI_WORDS_CHUNK];
  uint8_t buffer[LNSPI_WORDS_BYTES];
} lnspi_words_writer;

typedef struct lnspi_words_reader {
  lnspi_words_fetch *fetch;
  void *user;
  uint64_t left;                        /* words that are still to come */
  uint64_t total;                       /* bytes fetched so far */
  int32_t ready, mode;                  /* words of this chunk not yet given */
  lnspi_range_in in;
  lnspi_words_model model;
  uint8_t buffer[LNSPI_WORDS_BYTES];
} lnspi_words_reader;

/* The most bytes that so many words take. */
uint64_t lnspi_words_bound(uint64_t words);

/* LNSP_E_IO where emit fails, then and ever after; end flushes. A chunk takes 3 to 4 bits a
 * word more than its changes; a writer that would rather be read fast lowers w->most. */
void lnspi_words_write_start(lnspi_words_writer *w, lnspi_words_emit *emit, void *user);
int32_t lnspi_words_put(lnspi_words_writer *w, const uint32_t *base, const uint32_t *next,
                        size_t count);
int32_t lnspi_words_write_end(lnspi_words_writer *w);

/* words: how many put was given in all. next turns base words into the later ones in
 * place; with back 1, later ones into base words (one direction a stream). LNSP_E_FORMAT
 * for bytes that no writer made, LNSP_E_IO where fetch fails; r is of no use then. */
void lnspi_words_read_start(lnspi_words_reader *r, lnspi_words_fetch *fetch, void *user,
                            uint64_t words);
int32_t lnspi_words_next(lnspi_words_reader *r, uint32_t *words, size_t count, int back);

#endif

/* The one grammar of architecture, loss and optimizer texts: words, numbers,
 * key=value. Nothing is allocated; a word points into the text. */
#ifndef LNSPI_BASE_TEXT_H
#define LNSPI_BASE_TEXT_H

#include "lnsp.h"

typedef struct lnspi_word {
  const char *at;
  int32_t length; /* 0: no word */
  int32_t line;
  int32_t column;
} lnspi_word;

typedef struct lnspi_text {
  const char *at;  /* next character */
  const char *end;
  int32_t line;
  int32_t column;
} lnspi_text;

void lnspi_text_open(lnspi_text *text, const char *string);

/* The next word: a run of characters other than blanks, newline, ';', '#', '='
 * and, where a caller's grammar has them, the characters in stops (e.g. "+*").
 * Blanks (space, tab, CR) before it are skipped. Length 0 at the end of a line,
 * the end of the text, '=' or a stop character. */
lnspi_word lnspi_text_word(lnspi_text *text, const char *stops);

/* Skips blanks; if the next character is c, takes it and returns 1. */
int lnspi_text_take(lnspi_text *text, char c);

/* The next character after blanks, not taken; 0 at the end of the text. */
char lnspi_text_peek(lnspi_text *text);

/* After a line: skips blanks, a comment (# to the newline), newlines and ';'.
 * Returns 1 if at least one line end (or the end of the text) was there, 0 if
 * something else stands in the way. */
int lnspi_text_line_end(lnspi_text *text);
int lnspi_text_at_end(const lnspi_text *text);

int lnspi_word_is(lnspi_word word, const char *string);

/* Copies with terminator; LNSP_E_LIMIT if longer than capacity - 1. */
int32_t lnspi_word_copy(lnspi_word word, char *to, size_t capacity, const char *what,
                        lnsp_problem *problem);

/* Decimal numbers, whole word: [+-] digits [. digits] [e [+-] digits], also
 * ".3" and "3."; correctly rounded for up to 15 digits and exponents to 22 and
 * otherwise within 1e-15 relative; the same on every host, whatever the locale.
 * Refused with line and column: anything else, and values outside [low, high].
 * key names the value in the message. */
int32_t lnspi_word_number(lnspi_word word, const char *key, double low, double high,
                          double *out, lnsp_problem *problem);
int32_t lnspi_word_integer(lnspi_word word, const char *key, int64_t low, int64_t high,
                           int64_t *out, lnsp_problem *problem);

/* One key=value; value may be a list a,b (split with lnspi_word_split). */
typedef struct lnspi_key {
  lnspi_word key;
  lnspi_word value;
} lnspi_key;

/* Reads key=value pairs to the end of the line or a stop character; refuses
 * doubles, a key without value, more than capacity pairs. */
int32_t lnspi_text_keys(lnspi_text *text, const char *stops, lnspi_key *keys,
                        int32_t capacity, int32_t *count, lnsp_problem *problem);

/* Part number index (from 0) of a word split at c, length 0 if there is none. */
lnspi_word lnspi_word_split(lnspi_word word, char c, int32_t index);

/* Shortest text (at most 17 digits) that lnspi_word_number reads back to the
 * same float; to[32]. Without exponent where that is short: "0.001", "1e-05". */
void lnspi_number_text(float value, char to[32]);

/* Pattern with * (any run) and ? (any one character); no recursion. */
int lnspi_match(const char *pattern, const char *string);

/* A word's beginning, cut at a whole character if need be, for messages. */
const char *lnspi_word_show(lnspi_word word, char to[48]);

/* strlen and strcmp == 0, which a freestanding C library need not have. */
size_t lnspi_length(const char *string);
int lnspi_equal(const char *a, const char *b);
int lnspi_begins(const char *string, const char *prefix);

/* Bytes of the valid UTF-8 character at the start, 0 if there is none among the
 * available bytes. Never reads past the first byte that does not belong. */
size_t lnspi_utf8(const char *at, size_t available);

#endif

/* The lexer of architecture, loss, optimizer, codec and rule texts. Nothing is allocated; a
 * token points into the text. */
#ifndef LNSPI_BASE_LEXER_H
#define LNSPI_BASE_LEXER_H

#include "base/token.h"

typedef struct lnspi_lexer {
  const char *at;  /* next character */
  const char *end;
  int32_t line;    /* of the next character, from 1 */
  int32_t column;
} lnspi_lexer;

void lnspi_lexer_open(lnspi_lexer *text, const char *string);

/* The next token: a run of characters other than blanks, newline, ';', '#', '='
 * and, where a caller's grammar has them, the characters in stops (e.g. "+*").
 * Blanks (space, tab, CR) before it are skipped. Length 0 at the end of a line,
 * the end of the text, '=' or a stop character. */
lnspi_token lnspi_lexer_next(lnspi_lexer *text, const char *stops);

/* Skips blanks; if the next character is c, moves over it and returns 1. */
int lnspi_lexer_take(lnspi_lexer *text, char c);

/* Skips blanks; returns the next character without moving over it, 0 at the end of the text. */
char lnspi_lexer_peek(lnspi_lexer *text);

/* After a line: skips blanks, a comment (# to the newline), newlines and ';'.
 * Returns 1 if at least one line end (or the end of the text) was there, 0 if
 * something else comes first. */
int lnspi_lexer_line_end(lnspi_lexer *text);
int lnspi_lexer_at_end(const lnspi_lexer *text);

/* One key=value; value may be a list a,b (split with lnspi_token_split). */
typedef struct lnspi_key {
  lnspi_token key;
  lnspi_token value;
} lnspi_key;

/* Reads key=value pairs up to the end of the line or a stop character. Refuses a key given
 * twice, a key without value, more than capacity pairs. */
int32_t lnspi_lexer_keys(lnspi_lexer *text, const char *stops, lnspi_key *keys,
                         int32_t capacity, int32_t *count, lnsp_error *error);

#endif

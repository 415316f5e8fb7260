/* The lexer of architecture, loss, optimizer, codec and rule texts: tokens and key=value pairs.
 *
 *   text   = { line }
 *   line   = { token | key=value | stop } [ "# comment" ] ( newline | ";" )
 *   token  = characters other than blanks, newline, ";", "#", "=" and stops
 *   blank  = space, tab, CR
 *
 * Stops are the characters that mean something to the caller, e.g. "+*" between the terms of
 * a loss. Nothing is copied: a token is a pointer into the text with its line and column,
 * which an error about it repeats, so any caller can say where. Columns count characters.
 *
 * The one irregular case is the number 1e+3 where "+" is a stop: the sign belongs to the
 * number if what is before it reads as one. */
#include "base/lexer.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"

void lnspi_lexer_open(lnspi_lexer *text, const char *string) {
  text->at = string;
  text->end = string + lnspi_str_length(string);
  text->line = 1;
  text->column = 1;
}

static int lexer_is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static int lexer_is_digit(char c) { return c >= '0' && c <= '9'; }

/* Moves over one byte; columns count characters, so the later bytes of UTF-8 do not count. */
static void lexer_advance(lnspi_lexer *text) {
  if (*text->at == '\n') {
    if (text->line < INT32_MAX) text->line++;
    text->column = 1;
  } else if (((unsigned char)*text->at & 0xc0) != 0x80 && text->column < INT32_MAX) {
    text->column++;
  }
  text->at++;
}

static void lexer_skip_blanks(lnspi_lexer *text) {
  while (text->at < text->end && lexer_is_blank(*text->at)) lexer_advance(text);
}

static int lexer_is_one_of(char c, const char *set) {
  for (; set && *set; set++)
    if (*set == c) return 1;
  return 0;
}

/* Whether the character at hand is the sign of an exponent: before it digits and points from
 * the token's start, then an e; behind it a digit. */
static int lexer_is_exponent_sign(const char *start, const lnspi_lexer *text) {
  const char *at = text->at, *p = start;
  int digits = 0;
  if ((*at != '+' && *at != '-') || at - start < 2 || text->end - at < 2) return 0;
  if ((at[-1] != 'e' && at[-1] != 'E') || !lexer_is_digit(at[1])) return 0;
  for (; p < at - 1; p++) {
    if (lexer_is_digit(*p))
      digits = 1;
    else if (*p != '.' && *p != ',' && !(p == start && (*p == '-' || *p == '+')))
      return 0;
  }
  return digits;
}

lnspi_token lnspi_lexer_next(lnspi_lexer *text, const char *stops) {
  lnspi_token word;
  lexer_skip_blanks(text);
  word.at = text->at;
  word.line = text->line;
  word.column = text->column;
  while (text->at < text->end && text->at - word.at < INT32_MAX) {
    char c = *text->at;
    if (lexer_is_blank(c) || c == '\n' || c == ';' || c == '#' || c == '=') break;
    if (lexer_is_one_of(c, stops) && !lexer_is_exponent_sign(word.at, text)) break;
    lexer_advance(text);
  }
  word.length = (int32_t)(text->at - word.at);
  return word;
}

int lnspi_lexer_take(lnspi_lexer *text, char c) {
  lexer_skip_blanks(text);
  if (text->at == text->end || *text->at != c) return 0;
  lexer_advance(text);
  return 1;
}

char lnspi_lexer_peek(lnspi_lexer *text) {
  lexer_skip_blanks(text);
  return text->at == text->end ? 0 : *text->at;
}

int lnspi_lexer_line_end(lnspi_lexer *text) {
  int seen = 0;
  for (;;) {
    char c = lnspi_lexer_peek(text);
    if (text->at == text->end) return 1;
    if (c == '#') {
      while (text->at < text->end && *text->at != '\n') lexer_advance(text);
    } else if (c == '\n' || c == ';') {
      lexer_advance(text);
      seen = 1;
    } else {
      return seen;
    }
  }
}

int lnspi_lexer_at_end(const lnspi_lexer *text) { return text->at == text->end; }

static int32_t lexer_pair(lnspi_lexer *text, const char *stops, lnspi_key *pair,
                          lnsp_error *error) {
  char shown[48];
  pair->key = lnspi_lexer_next(text, stops);
  if (pair->key.length == 0)
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, text->line, text->column,
                                "a key is missing before '%c': write key=value",
                                lnspi_lexer_peek(text));
  if (text->at == text->end || *text->at != '=')
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, pair->key.line, pair->key.column,
                                "'%s' is not key=value (no blanks around '=')%s",
                                lnspi_token_show(pair->key, shown),
                                lexer_is_one_of('+', stops) ? "; join terms with '+'" : "");
  lexer_advance(text);
  pair->value.length = 0;
  if (text->at < text->end && !lexer_is_blank(*text->at)) {
    pair->value = lnspi_lexer_next(text, stops);
  }
  if (pair->value.length == 0 || (text->at < text->end && *text->at == '='))
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, pair->key.line, pair->key.column,
                                "key '%s' has no plain value: write %s=VALUE without blanks",
                                lnspi_token_show(pair->key, shown), shown);
  return LNSP_OK;
}

int32_t lnspi_lexer_keys(lnspi_lexer *text, const char *stops, lnspi_key *keys,
                         int32_t capacity, int32_t *count, lnsp_error *error) {
  char shown[48];
  int32_t n = 0;
  for (;;) {
    char c = lnspi_lexer_peek(text);
    lnspi_key pair;
    if (text->at == text->end || c == '\n' || c == ';' || c == '#' || lexer_is_one_of(c, stops))
      break;
    int32_t status = lexer_pair(text, stops, &pair, error);
    if (status) return status;
    for (int32_t i = 0; i < n; i++)
      if (keys[i].key.length == pair.key.length &&
          memcmp(keys[i].key.at, pair.key.at, (size_t)pair.key.length) == 0)
        return lnspi_error_set_line(error, LNSP_E_SYNTAX, pair.key.line, pair.key.column,
                                    "key '%s' is given twice",
                                    lnspi_token_show(pair.key, shown));
    if (n == capacity)
      return lnspi_error_set_line(error, LNSP_E_LIMIT, pair.key.line, pair.key.column,
                                  "key '%s' is one too many: at most %d are allowed here",
                                  lnspi_token_show(pair.key, shown), (int)capacity);
    keys[n++] = pair;
  }
  *count = n;
  return LNSP_OK;
}

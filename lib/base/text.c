/* Words, key=value pairs and patterns; strings without the C library. */
#include "base/text.h"

#include <string.h>

#include "base/problem.h"

/* ---- strings ------------------------------------------------------------ */

size_t lnspi_length(const char *string) {
  const char *at = string;
  while (*at) at++;
  return (size_t)(at - string);
}

int lnspi_equal(const char *a, const char *b) {
  while (*a && *a == *b) {
    a++;
    b++;
  }
  return *a == *b;
}

int lnspi_begins(const char *string, const char *prefix) {
  while (*prefix && *prefix == *string) prefix++, string++;
  return *prefix == 0;
}

size_t lnspi_utf8(const char *at, size_t available) {
  const unsigned char *p = (const unsigned char *)at;
  unsigned low = 0x80, high = 0xbf; /* of the second byte: no overlong, no surrogate */
  size_t n, i;
  if (available == 0) return 0;
  if (p[0] < 0x80) return 1;
  if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
  n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
  if (p[0] == 0xe0) low = 0xa0;
  if (p[0] == 0xed) high = 0x9f;
  if (p[0] == 0xf0) low = 0x90;
  if (p[0] == 0xf4) high = 0x8f;
  for (i = 1; i < n; i++) {
    if (i >= available || p[i] < low || p[i] > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return n;
}

/* The next character of a pattern or string: UTF-8 or one stray byte. */
static size_t text_step(const char *at) {
  size_t n = *at ? lnspi_utf8(at, 4) : 0;
  return n ? n : 1;
}

int lnspi_match(const char *pattern, const char *string) {
  const char *star = NULL, *retry = NULL;
  while (*string) {
    if (*pattern == '*') {
      star = ++pattern; /* try the empty run first, longer ones on failure */
      retry = string;
    } else if (*pattern == '?') {
      pattern++;
      string += text_step(string);
    } else if (*pattern == *string) {
      pattern++;
      string++;
    } else if (star) {
      pattern = star;
      retry += text_step(retry);
      string = retry;
    } else {
      return 0;
    }
  }
  while (*pattern == '*') pattern++;
  return *pattern == 0;
}

/* ---- words -------------------------------------------------------------- */

void lnspi_text_open(lnspi_text *text, const char *string) {
  text->at = string;
  text->end = string + lnspi_length(string);
  text->line = 1;
  text->column = 1;
}

static int text_is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static int text_is_digit(char c) { return c >= '0' && c <= '9'; }

/* Takes one byte; columns count characters, so UTF-8's later bytes do not. */
static void text_advance(lnspi_text *text) {
  if (*text->at == '\n') {
    if (text->line < INT32_MAX) text->line++;
    text->column = 1;
  } else if (((unsigned char)*text->at & 0xc0) != 0x80 && text->column < INT32_MAX) {
    text->column++;
  }
  text->at++;
}

static void text_skip_blanks(lnspi_text *text) {
  while (text->at < text->end && text_is_blank(*text->at)) text_advance(text);
}

static int text_is_one_of(char c, const char *set) {
  for (; set && *set; set++)
    if (*set == c) return 1;
  return 0;
}

/* The sign of an exponent, as in 1e+3, belongs to the number even where '+'
 * joins terms: digits and points from the word's start, an e, the sign, a digit. */
static int text_is_exponent_sign(const char *start, const lnspi_text *text) {
  const char *at = text->at, *p = start;
  int digits = 0;
  if ((*at != '+' && *at != '-') || at - start < 2 || text->end - at < 2) return 0;
  if ((at[-1] != 'e' && at[-1] != 'E') || !text_is_digit(at[1])) return 0;
  for (; p < at - 1; p++) {
    if (text_is_digit(*p))
      digits = 1;
    else if (*p != '.' && *p != ',' && !(p == start && (*p == '-' || *p == '+')))
      return 0;
  }
  return digits;
}

lnspi_word lnspi_text_word(lnspi_text *text, const char *stops) {
  lnspi_word word;
  text_skip_blanks(text);
  word.at = text->at;
  word.line = text->line;
  word.column = text->column;
  while (text->at < text->end && text->at - word.at < INT32_MAX) {
    char c = *text->at;
    if (text_is_blank(c) || c == '\n' || c == ';' || c == '#' || c == '=') break;
    if (text_is_one_of(c, stops) && !text_is_exponent_sign(word.at, text)) break;
    text_advance(text);
  }
  word.length = (int32_t)(text->at - word.at);
  return word;
}

int lnspi_text_take(lnspi_text *text, char c) {
  text_skip_blanks(text);
  if (text->at == text->end || *text->at != c) return 0;
  text_advance(text);
  return 1;
}

char lnspi_text_peek(lnspi_text *text) {
  text_skip_blanks(text);
  return text->at == text->end ? 0 : *text->at;
}

int lnspi_text_line_end(lnspi_text *text) {
  int seen = 0;
  for (;;) {
    char c = lnspi_text_peek(text);
    if (text->at == text->end) return 1;
    if (c == '#') {
      while (text->at < text->end && *text->at != '\n') text_advance(text);
    } else if (c == '\n' || c == ';') {
      text_advance(text);
      seen = 1;
    } else {
      return seen;
    }
  }
}

int lnspi_text_at_end(const lnspi_text *text) { return text->at == text->end; }

int lnspi_word_is(lnspi_word word, const char *string) {
  size_t n = lnspi_length(string);
  return (size_t)word.length == n && memcmp(word.at, string, n) == 0;
}

const char *lnspi_word_show(lnspi_word word, char to[48]) {
  size_t n = (size_t)word.length, keep = 0;
  if (n <= 47) {
    keep = n;
  } else {
    while (keep < 44) { /* room for "..." */
      size_t step = lnspi_utf8(word.at + keep, n - keep);
      if (step == 0) step = 1;
      if (keep + step > 44) break;
      keep += step;
    }
  }
  if (keep) memcpy(to, word.at, keep);
  to[keep] = 0;
  if (keep < n) memcpy(to + keep, "...", 4);
  return to;
}

int32_t lnspi_word_copy(lnspi_word word, char *to, size_t capacity, const char *what,
                        lnsp_problem *problem) {
  char shown[48];
  if ((size_t)word.length >= capacity)
    return lnspi_fail_text(problem, LNSP_E_LIMIT, word.line, word.column,
                           "%s '%s' has %d bytes, the limit is %zu", what,
                           lnspi_word_show(word, shown), (int)word.length, capacity - 1);
  if (word.length) memcpy(to, word.at, (size_t)word.length);
  to[word.length] = 0;
  return LNSP_OK;
}

lnspi_word lnspi_word_split(lnspi_word word, char c, int32_t index) {
  const char *end = word.at + word.length;
  lnspi_word part = word;
  const char *at = word.at;
  part.length = 0;
  for (;;) {
    int last = at == end;
    if (last || *at == c) {
      if (index-- == 0) {
        part.length = (int32_t)(at - part.at);
        return part;
      }
      part.at = last ? at : at + 1;
      part.column = word.column + (int32_t)(part.at - word.at);
      if (last) return part;
    }
    at++;
  }
}

/* ---- key=value ---------------------------------------------------------- */

static int32_t text_pair(lnspi_text *text, const char *stops, lnspi_key *pair,
                         lnsp_problem *problem) {
  char shown[48];
  pair->key = lnspi_text_word(text, stops);
  if (pair->key.length == 0)
    return lnspi_fail_text(problem, LNSP_E_SYNTAX, text->line, text->column,
                           "a key is missing before '%c': write key=value",
                           lnspi_text_peek(text));
  if (text->at == text->end || *text->at != '=')
    return lnspi_fail_text(problem, LNSP_E_SYNTAX, pair->key.line, pair->key.column,
                           "'%s' is not key=value (no blanks around '=')",
                           lnspi_word_show(pair->key, shown));
  text_advance(text);
  pair->value.length = 0;
  if (text->at < text->end && !text_is_blank(*text->at)) {
    pair->value = lnspi_text_word(text, stops);
  }
  if (pair->value.length == 0 || (text->at < text->end && *text->at == '='))
    return lnspi_fail_text(problem, LNSP_E_SYNTAX, pair->key.line, pair->key.column,
                           "key '%s' has no plain value: write %s=VALUE without blanks",
                           lnspi_word_show(pair->key, shown), shown);
  return LNSP_OK;
}

int32_t lnspi_text_keys(lnspi_text *text, const char *stops, lnspi_key *keys,
                        int32_t capacity, int32_t *count, lnsp_problem *problem) {
  char shown[48];
  int32_t n = 0, i;
  for (;;) {
    char c = lnspi_text_peek(text);
    lnspi_key pair;
    int32_t status;
    if (text->at == text->end || c == '\n' || c == ';' || c == '#' || text_is_one_of(c, stops))
      break;
    status = text_pair(text, stops, &pair, problem);
    if (status) return status;
    for (i = 0; i < n; i++)
      if (keys[i].key.length == pair.key.length &&
          memcmp(keys[i].key.at, pair.key.at, (size_t)pair.key.length) == 0)
        return lnspi_fail_text(problem, LNSP_E_SYNTAX, pair.key.line, pair.key.column,
                               "key '%s' is given twice", lnspi_word_show(pair.key, shown));
    if (n == capacity)
      return lnspi_fail_text(problem, LNSP_E_LIMIT, pair.key.line, pair.key.column,
                             "key '%s' is one too many: at most %d are taken here",
                             lnspi_word_show(pair.key, shown), (int)capacity);
    keys[n++] = pair;
  }
  *count = n;
  return LNSP_OK;
}

/* Tokens of a text: compared, copied, split, and cut short for messages. */
#include "base/token.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"

int lnspi_token_is(lnspi_token word, const char *string) {
  size_t n = lnspi_str_length(string);
  return (size_t)word.length == n && memcmp(word.at, string, n) == 0;
}

const char *lnspi_token_show(lnspi_token word, char to[48]) {
  size_t n = (size_t)word.length, keep = 0;
  if (n <= 47) {
    keep = n;
  } else {
    while (keep < 44) { /* room for "..." */
      size_t step = lnspi_str_utf8_bytes(word.at + keep, n - keep);
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

int32_t lnspi_token_copy(lnspi_token word, char *to, size_t capacity, const char *what,
                         lnsp_error *error) {
  char shown[48];
  if ((size_t)word.length >= capacity)
    return lnspi_error_set_line(error, LNSP_E_LIMIT, word.line, word.column,
                                "%s '%s' has %d bytes, but the limit is %zu", what,
                                lnspi_token_show(word, shown), (int)word.length, capacity - 1);
  if (word.length) memcpy(to, word.at, (size_t)word.length);
  to[word.length] = 0;
  return LNSP_OK;
}

lnspi_token lnspi_token_split(lnspi_token word, char c, int32_t index) {
  const char *end = word.at + word.length;
  lnspi_token part = word;
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

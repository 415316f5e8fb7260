/* The nearest known word: by edit distance (Damerau 1964: letters that are inserted, left out,
 * replaced, or swapped with the next one), computed row by row. Words of more than
 * UNKNOWN_LONGEST letters, and those of which more than a third is different, are not
 * suggested. */
#include "base/unknown.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"

#define UNKNOWN_LONGEST 32

static int unknown_is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static int32_t unknown_length(const char *word) {
  int32_t length = 0;
  while (unknown_is_letter(word[length])) length++;
  return length;
}

void lnspi_unknown_offer(lnspi_unknown *unknown, const char *known) {
  const int32_t given = unknown->word.length, length = unknown_length(known);
  const char *word = unknown->word.at;
  int32_t rows[3][UNKNOWN_LONGEST + 1]; /* of this letter and the two before it, in turn */
  if (given > UNKNOWN_LONGEST || length > UNKNOWN_LONGEST || length == 0) return;
  for (int32_t i = 0; i <= given; i++) {
    int32_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *far = rows[(i + 1) % 3];
    row[0] = i;
    for (int32_t j = 1; j <= length; j++) {
      int32_t least = row[j - 1] + 1;
      if (i && above[j] + 1 < least) least = above[j] + 1;
      const int differ = i && word[i - 1] != known[j - 1];
      if (i && above[j - 1] + differ < least) least = above[j - 1] + differ;
      if (i > 1 && j > 1 && word[i - 1] == known[j - 2] && word[i - 2] == known[j - 1] &&
          far[j - 2] + 1 < least)
        least = far[j - 2] + 1;
      row[j] = least;
    }
  }
  const int32_t distance = rows[given % 3][length];
  if (3 * distance > given + 1 || (unknown->nearest && distance >= unknown->distance)) return;
  unknown->nearest = known;
  unknown->distance = distance;
}

static const char *unknown_show(const lnspi_unknown *unknown, char to[48]) {
  lnspi_token nearest = {unknown->nearest, 0, 0, 0};
  if (nearest.at) nearest.length = unknown_length(nearest.at);
  return lnspi_token_show(nearest, to);
}

int32_t lnspi_unknown_refuse(const lnspi_unknown *unknown, const char *kind, const char *of,
                             lnsp_error *error) {
  char shown[48], near[48];
  const lnspi_token word = unknown->word;
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, word.line, word.column,
                              unknown->nearest
                                  ? "there is no %s '%s'%s%s; did you mean '%s'? `lnsp "
                                    "list%s%s` shows all"
                                  : "there is no %s '%s'%s%s%s: `lnsp list%s%s` shows all",
                              kind, lnspi_token_show(word, shown), of ? " of " : "",
                              of ? of : "", unknown_show(unknown, near), of ? " " : "",
                              of ? of : "");
}

int32_t lnspi_unknown_refuse_choice(const lnspi_unknown *unknown, const char *key,
                                    const char *list, lnsp_error *error) {
  char shown[48], near[48];
  const lnspi_token word = unknown->word;
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, word.line, word.column,
                              unknown->nearest
                                  ? "%s=%s is unknown; did you mean '%s'? choose from %s"
                                  : "%s=%s is unknown%s: choose from %s",
                              key, lnspi_token_show(word, shown), unknown_show(unknown, near),
                              list);
}

int32_t lnspi_unknown_find(const void *const *table, lnspi_unknown *unknown) {
  for (int32_t i = 0; table[i]; i++)
    if (lnspi_token_is(unknown->word, *(const char *const *)table[i])) return i;
  for (int32_t i = 0; table[i]; i++)
    lnspi_unknown_offer(unknown, *(const char *const *)table[i]);
  return -1;
}

/* Tables of keys as texts: one key of a table, and pairs read by a table.
 *
 * A table is parsed each time it is asked, from its beginning up to the key: a key becomes an
 * lnsp_key_info on the stack, the public struct, so that nothing else describes a key. That
 * takes microseconds and happens when a handle is made, not when it runs.
 *
 * Defaults and values of a text are read by the same function, setting_each: with a pair it
 * looks for its key, without one it reads every default as if the text had given it. Where a
 * table has no places, its numbers follow each other in one array, and a key takes as many as
 * its default has (betas=.9,.999: two), whether it is given or not.
 *
 * Tables are trusted, texts are not: parsing a table has no errors, since tests read all of
 * them. */
#include "base/setting.h"

#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/str.h"
#include "base/text.h"
#include "base/unknown.h"

void lnspi_setting_start(lnsp_key_info *info, const char *name, int32_t type) {
  memset(info, 0, sizeof *info);
  info->struct_size = sizeof *info;
  info->type = type;
  info->count = 1;
  (void)lnspi_format(info->name, sizeof info->name, "%s", name);
}

/* Up to the next of these characters, which stays. */
static lnspi_token setting_part(const char **at, const char *stops) {
  lnspi_token part = {*at, 0, 0, 0};
  const char *stop = "";
  for (; **at; ++*at) {
    for (stop = stops; *stop && *stop != **at;) stop++;
    if (*stop) break;
    part.length++;
  }
  return part;
}

/* The part behind this character; empty, and nothing is passed over, if another one is here. */
static lnspi_token setting_next(const char **at, char before) {
  lnspi_token none = {"", 0, 0, 0};
  if (**at != before) return none;
  ++*at;
  return setting_part(at, " :&");
}

static double setting_number(lnspi_token word) {
  double value = 0;
  (void)lnspi_decimal_parse(word, "", -1e300, 1e300, &value, NULL);
  return value;
}

/* A table's key from behind its prefix. */
static void setting_fill(const char *at, int32_t type, lnsp_key_info *info) {
  lnspi_token name = setting_part(&at, "="), initial = setting_next(&at, '='), low, word;
  lnspi_setting_start(info, "", type);
  lnspi_token_copy(name, info->name, sizeof info->name, "", NULL);
  low = setting_next(&at, ':');
  word = low.length || type == LNSP_KEY_NAME ? low : initial;
  if (low.length) {
    info->low = setting_number(low);
    info->high = setting_number(setting_next(&at, ':'));
    word = setting_next(&at, ':');
    for (int32_t i = 0; i < initial.length; i++) info->count += initial.at[i] == ',';
    if (type == LNSP_KEY_WHOLE && info->low == 0 && info->high == 1) info->type = LNSP_KEY_FLAG;
  } else if (type != LNSP_KEY_NAME) {
    info->type = LNSP_KEY_WORD;
    initial = lnspi_token_split(initial, ',', 0);
  }
  lnspi_token_copy(word, info->words, sizeof info->words, "", NULL);
  word = setting_next(&at, '&');
  lnspi_token_copy(word, info->needs, sizeof info->needs, "", NULL);
  if (lnspi_token_is(initial, "!"))
    info->flags |= LNSP_KEY_REQUIRED;
  else
    lnspi_token_copy(initial, info->initial, sizeof info->initial, "", NULL);
}

/* Behind the prefix. */
static const char *setting_name(const char *at) {
  while (*at == '%' || *at == '#' || *at == '@') at++;
  return at;
}

int lnspi_setting_at(const char *keys, int32_t index, lnsp_key_info *info) {
  int32_t type = LNSP_KEY_REAL, percent = 0;
  for (; keys && *keys && index; keys++) index -= *keys == ' ';
  if (!keys || !*keys || index < 0) return 0;
  const char *name = setting_name(keys);
  for (; keys < name; keys++) {
    if (*keys == '%') percent = LNSP_KEY_PERCENT;
    if (*keys == '#') type = LNSP_KEY_WHOLE;
    if (*keys == '@') type = LNSP_KEY_NAME;
  }
  setting_fill(name, type, info);
  info->flags |= percent;
  return 1;
}

int32_t lnspi_setting_choose(lnspi_token value, const char *key, const char *words,
                             int32_t *index, lnsp_error *error) {
  const lnspi_token all = {words, (int32_t)lnspi_str_length(words), 0, 0};
  lnspi_unknown unknown = {value, NULL, 0};
  char list[160] = "", shown[48];
  lnspi_text text = {list, sizeof list, 0};
  for (int32_t i = 0;; i++) {
    const lnspi_token word = lnspi_token_split(all, ',', i);
    if (word.length == 0) break;
    if (word.length == value.length && !memcmp(word.at, value.at, (size_t)word.length)) {
      *index = i;
      return LNSP_OK;
    }
    lnspi_unknown_offer(&unknown, word.at);
    lnspi_text_add(&text, "%s%s", i ? ", " : "", lnspi_token_show(word, shown));
  }
  return lnspi_unknown_refuse_choice(&unknown, key, list, error);
}

/* Writes a number into its place, whose size says whether it is a double or a float, 64 bits or
 * 32. Both forms are given, and one of them is written. */
static void setting_put(const lnspi_setting_place *place, double real, int64_t whole,
                        void *to) {
  char *at = (char *)to + place->at;
  const float narrow = (float)real;
  const int32_t short_whole = (int32_t)whole;
  const int wide = place->bytes == 8;
  const void *from = place->real ? (wide ? (const void *)&real : &narrow)
                                 : (wide ? (const void *)&whole : &short_whole);
  memcpy(at, from, place->bytes);
}

/* One number, percentage or word of a value. */
static int32_t setting_one(const lnsp_key_info *info, lnspi_token word,
                           const lnspi_setting_place *place, void *to, lnsp_error *error) {
  const lnspi_token given = word;
  double real = 0;
  int64_t whole = 0;
  int32_t index = 0, status;
  char shown[48];
  if (info->type == LNSP_KEY_WORD) {
    status = lnspi_setting_choose(word, info->name, info->words, &index, error);
    real = index;
    whole = index;
  } else if (*info->words && lnspi_token_is(word, info->words)) {
    real = -1;
    status = LNSP_OK;
  } else if (info->flags & LNSP_KEY_PERCENT && word.length && word.at[word.length - 1] == '%') {
    word.length--;
    status = lnspi_decimal_parse(word, info->name, 0, 100, &real, error);
    real /= -100;
  } else if (info->type == LNSP_KEY_REAL) {
    status = lnspi_decimal_parse(word, info->name, info->low, info->high, &real, error);
  } else {
    const int64_t high = info->high < 9e18 ? (int64_t)info->high : INT64_MAX;
    status =
        lnspi_decimal_parse_integer(word, info->name, (int64_t)info->low, high, &whole, error);
    real = (double)whole;
  }
  if (status == LNSP_E_SYNTAX && info->flags & LNSP_KEY_PERCENT)
    return lnspi_error_set_line(error, status, given.line, given.column,
                                "%s needs a number%s or a percentage such as 5%%, not '%s'",
                                info->name, info->type == LNSP_KEY_WHOLE ? " of steps" : "",
                                lnspi_token_show(given, shown));
  if (status == LNSP_OK) setting_put(place, real, whole, to);
  return status;
}

/* Reads a value: a name into an array of characters, or as many numbers as the key takes. */
static int32_t setting_value(const lnsp_key_info *info, lnspi_token value,
                             lnspi_setting_place place, void *to, lnsp_error *error) {
  if (info->type == LNSP_KEY_NAME)
    return lnspi_token_copy(value, (char *)to + place.at, place.bytes, info->name, error);
  for (int32_t i = 0; i < info->count; i++) {
    const lnspi_token word = info->count == 1 ? value : lnspi_token_split(value, ',', i);
    if (word.length == 0)
      return lnspi_error_set_line(error, LNSP_E_SYNTAX, value.line, value.column,
                                  "%s needs %d numbers joined by commas", info->name,
                                  info->count);
    const int32_t status = setting_one(info, word, &place, to, error);
    if (status) return status;
    place.at = (uint16_t)(place.at + place.bytes);
  }
  return LNSP_OK;
}

int lnspi_setting_list(const lnspi_settings *settings, int32_t tables, int32_t index,
                       lnsp_key_info *info) {
  for (int32_t t = 0; t < tables; t++)
    for (int32_t i = 0; lnspi_setting_at(settings[t].keys, i, info); i++)
      if (index-- == 0) return 1;
  return 0;
}

/* Reads a pair, or without one all defaults. */
static int setting_each(const lnspi_settings *settings, const lnspi_key *pair, void *to,
                        int32_t *status, lnsp_error *error) {
  lnspi_setting_place place = settings->first;
  lnsp_key_info info;
  for (int32_t i = 0; lnspi_setting_at(settings->keys, i, &info); i++) {
    const lnspi_token initial = {info.initial, (int32_t)lnspi_str_length(info.initial), 0, 0};
    if (settings->places) place = settings->places[i];
    if (pair && lnspi_token_is(pair->key, info.name)) {
      *status = setting_value(&info, pair->value, place, to, error);
      return 1;
    }
    if (!pair && initial.length) (void)setting_value(&info, initial, place, to, NULL);
    place.at = (uint16_t)(place.at + info.count * place.bytes);
  }
  return 0;
}

void lnspi_setting_defaults(const lnspi_settings *settings, int32_t tables, void *to) {
  for (int32_t t = 0; t < tables; t++) (void)setting_each(&settings[t], NULL, to, NULL, NULL);
}

int lnspi_setting_read(const lnspi_settings *settings, int32_t tables, const lnspi_key *pair,
                       void *to, int32_t *status, lnsp_error *error) {
  for (int32_t t = 0; t < tables; t++)
    if (setting_each(&settings[t], pair, to, status, error)) return 1;
  return 0;
}

int32_t lnspi_setting_refuse(const lnspi_settings *settings, int32_t tables, lnspi_token key,
                             const char *of, lnsp_error *error) {
  lnspi_unknown unknown = {key, NULL, 0};
  for (int32_t t = 0; t < tables; t++)
    for (const char *at = settings[t].keys; at && *at; at++)
      if (at == settings[t].keys || at[-1] == ' ')
        lnspi_unknown_offer(&unknown, setting_name(at));
  return lnspi_unknown_refuse(&unknown, "key", of, error);
}

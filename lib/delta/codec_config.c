/* The text of a codec, "int4 block=64 only=*.weight": read, applied to tensors, written. */
#include "delta/codec_config.h"

#include "base/decimal.h"
#include "base/error.h"
#include "base/str.h"
#include "delta/coder.h"
#include "delta/codecs/list.h"

/* ---- reading a config ---- */

static int32_t codec_config_find(lnspi_token word, lnspi_codec_config *config,
                                 lnsp_error *error) {
  char names[160] = "";
  size_t used = 0;
  for (int32_t i = 0; lnspi_codec_at(i); i++) {
    const lnspi_codec *codec = lnspi_codec_at(i);
    if (lnspi_token_is(word, codec->name)) {
      config->codec = codec;
      for (int32_t a = 0; a < LNSPI_CODEC_ARGUMENTS; a++)
        config->real[a] = codec->argument[a].initial;
      return LNSP_OK;
    }
    if (used < sizeof names)
      used +=
          lnspi_format(names + used, sizeof names - used, "%s%s", i ? ", " : "", codec->name);
  }
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, word.line, word.column,
                              "unknown codec; there are %s", names);
}

/* Reads a key of the codec; *found 0: it is not one of its keys. */
static int32_t codec_config_key(const lnspi_key *key, lnspi_codec_config *config, int *found,
                                lnsp_error *error) {
  *found = 0;
  for (int32_t a = 0; a < LNSPI_CODEC_ARGUMENTS; a++) {
    const char *name = config->codec->argument[a].key;
    if (!name || !lnspi_token_is(key->key, name)) continue;
    *found = 1;
    int32_t status =
        lnspi_decimal_parse(key->value, name, config->codec->argument[a].low,
                            config->codec->argument[a].high, &config->real[a], error);
    if (status) return status;
    const char *wrong = config->codec->refuse ? config->codec->refuse(config->real) : NULL;
    if (!wrong) return LNSP_OK;
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, key->value.line, key->value.column, "%s",
                                wrong);
  }
  return LNSP_OK;
}

int32_t lnspi_codec_config_read_line(lnspi_lexer *text, lnspi_codec_config *config,
                                     lnspi_key *others, int32_t *count, lnsp_error *error) {
  lnspi_key keys[LNSPI_CODEC_CONFIG_KEYS];
  int32_t given = 0, status = codec_config_find(lnspi_lexer_next(text, NULL), config, error);
  if (!status)
    status = lnspi_lexer_keys(text, NULL, keys, LNSPI_CODEC_CONFIG_KEYS, &given, error);
  *count = 0;
  if (status) return status;
  for (int32_t i = 0; i < given; i++) {
    int found;
    status = codec_config_key(&keys[i], config, &found, error);
    if (status) return status;
    if (!found) others[(*count)++] = keys[i];
  }
  return LNSP_OK;
}

int32_t lnspi_codec_config_unknown_key(const lnspi_key *key, const lnspi_codec_config *config,
                                       lnsp_error *error) {
  char shown[48];
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, key->key.line, key->key.column,
                              "codec %s has no key '%s'", config->codec->name,
                              lnspi_token_show(key->key, shown));
}

int32_t lnspi_codec_config_parse(const char *text, lnspi_codec_config *config,
                                 lnspi_token *only, lnsp_error *error) {
  lnspi_key keys[LNSPI_CODEC_CONFIG_KEYS];
  lnspi_lexer from;
  int32_t count = 0;
  memset(only, 0, sizeof *only);
  memset(config, 0, sizeof *config);
  lnspi_lexer_open(&from, text ? text : "exact");
  int32_t status = lnspi_codec_config_read_line(&from, config, keys, &count, error);
  if (status) return status;
  for (int32_t i = 0; i < count; i++) {
    if (!lnspi_token_is(keys[i].key, "only"))
      return lnspi_codec_config_unknown_key(&keys[i], config, error);
    *only = keys[i].value;
  }
  if (!(lnspi_lexer_line_end(&from) && lnspi_lexer_at_end(&from)))
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, from.line, from.column,
                                "unexpected text after the codec");
  return LNSP_OK;
}

static int codec_config_matches(const char *pattern, const lnspi_weight *weight) {
  return lnspi_str_equal(pattern, "1d") ? weight->rank <= 1
                                        : lnspi_str_match(pattern, weight->name);
}

int32_t lnspi_codec_config_select(lnspi_token only, const lnsp_graph *graph, uint8_t *tensors,
                                  lnsp_error *error) {
  char pattern[LNSPI_NAME_BYTES];
  memset(tensors, only.length == 0, (size_t)graph->weight_count);
  if (!only.length) return LNSP_OK;
  int32_t patterns = 1;
  for (int32_t i = 0; i < only.length; i++) patterns += only.at[i] == ',';
  for (int32_t p = 0; p < patterns; p++) {
    lnspi_token word = lnspi_token_split(only, ',', p);
    int32_t found = 0;
    if (!word.length)
      return lnspi_error_set_line(error, LNSP_E_SYNTAX, word.line, word.column,
                                  "pattern %d of only= is empty: write only=PATTERN,PATTERN",
                                  (int)p + 1);
    int32_t status = lnspi_token_copy(word, pattern, sizeof pattern, "pattern", error);
    if (status) return status;
    for (int32_t i = 0; i < graph->weight_count; i++)
      if (codec_config_matches(pattern, &graph->weights[i])) tensors[i] = 1, found = 1;
    if (!found)
      return lnspi_error_set_line(error, LNSP_E_MISSING, word.line, word.column,
                                  "no tensor's name matches '%s': use * and ?, or 1d for every "
                                  "tensor of rank 1",
                                  pattern);
  }
  return LNSP_OK;
}

/* ---- writing ---- */

size_t lnspi_codec_config_text(const lnspi_codec_config *config, char *to, size_t capacity) {
  size_t used = lnspi_format(to, capacity, "%s", config->codec->name);
  for (int32_t a = 0; a < LNSPI_CODEC_ARGUMENTS; a++) {
    char number[32];
    if (!config->codec->argument[a].key || used >= capacity) continue;
    lnspi_decimal_write((float)config->real[a], number);
    used += lnspi_format(to + used, capacity - used, " %s=%s", config->codec->argument[a].key,
                         number);
  }
  return used;
}

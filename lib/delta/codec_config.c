/* The text of a codec, "int4 block=64 only=*.weight": read, applied to tensors, written.
 *
 * The same line is read in two places. A caller writes it when a delta is made, with the one
 * key `only`, which selects tensors by name. A delta's file has one such line for each stage
 * (stages.c), with bytes=, tensors= and back= in place of it. So one function reads codec and
 * keys to the end of the line and hands back the keys that are not the codec's, and each
 * caller takes those that it knows and refuses the rest.
 *
 * Settings have a range and a default in the codec's table; its function `refuse` says what no
 * range can, such as a block that is not a power of two. Writing gives every setting in the
 * shortest form that reads back to the same float, defaults too: a file must not depend on the
 * defaults of the library that reads it. */
#include "delta/codec_config.h"

#include "base/decimal.h"
#include "base/error.h"
#include "base/setting.h"
#include "base/str.h"
#include "base/unknown.h"
#include "delta/coder.h"
#include "delta/codecs/list.h"

/* ---- reading a config ---- */

/* Its own keys, and those that every delta takes, which the caller reads. */
static void codec_config_settings(const lnspi_codec *codec, lnspi_settings settings[2]) {
  const lnspi_settings all[2] = {{codec->keys, NULL,
                                  LNSPI_SETTING_REAL(lnspi_codec_config, real[0])},
                                 {"@only=", NULL, {0, 0, 0}}};
  memcpy(settings, all, sizeof all);
}

int lnspi_codec_config_key(const lnspi_codec *codec, int32_t index, lnsp_key_info *info) {
  lnspi_settings settings[2];
  codec_config_settings(codec, settings);
  return lnspi_setting_list(settings, 2, index, info);
}

int32_t lnspi_codec_config_read_line(lnspi_lexer *text, lnspi_codec_config *config,
                                     lnspi_key *others, int32_t *count, lnsp_error *error) {
  lnspi_unknown name = {lnspi_lexer_next(text, NULL), NULL, 0};
  lnspi_key keys[LNSPI_CODEC_CONFIG_KEYS];
  int32_t given = 0, status = LNSP_OK;
  *count = 0;
  memset(config, 0, sizeof *config);
  config->codec = lnspi_codec_at(lnspi_codec_find(&name));
  if (!config->codec) return lnspi_unknown_refuse(&name, "codec", NULL, error);
  status = lnspi_lexer_keys(text, NULL, keys, LNSPI_CODEC_CONFIG_KEYS, &given, error);
  lnspi_settings settings[2];
  codec_config_settings(config->codec, settings);
  lnspi_setting_defaults(settings, 1, config);
  for (int32_t i = 0; i < given && !status; i++) {
    if (!lnspi_setting_read(settings, 1, &keys[i], config, &status, error)) {
      others[(*count)++] = keys[i];
      continue;
    }
    const char *wrong = config->codec->refuse ? config->codec->refuse(config->real) : NULL;
    if (!status && wrong)
      status = lnspi_error_set_line(error, LNSP_E_SYNTAX, keys[i].value.line,
                                    keys[i].value.column, "%s", wrong);
  }
  return status;
}

int32_t lnspi_codec_config_unknown_key(const lnspi_key *key, const lnspi_codec_config *config,
                                       lnsp_error *error) {
  lnspi_settings settings[2];
  codec_config_settings(config->codec, settings);
  return lnspi_setting_refuse(settings, 2, key->key, config->codec->name, error);
}

int32_t lnspi_codec_config_parse(const char *text, lnspi_codec_config *config,
                                 lnspi_token *only, lnsp_error *error) {
  lnspi_key keys[LNSPI_CODEC_CONFIG_KEYS];
  lnspi_lexer from;
  int32_t count = 0;
  memset(only, 0, sizeof *only);
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

/* "1d" means the vectors: biases and norms, which some want to send exactly. */
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
  lnsp_key_info info;
  for (int32_t a = 0; lnspi_setting_at(config->codec->keys, a, &info) && used < capacity; a++) {
    char number[32];
    lnspi_decimal_write((float)config->real[a], number);
    used += lnspi_format(to + used, capacity - used, " %s=%s", info.name, number);
  }
  return used;
}

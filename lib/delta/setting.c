/* Texts of deltas: a codec with its numbers, and the stages of a file. */
#include "base/problem.h"
#include "delta/codecs/list.h"
#include "delta/delta.h"

#define SETTING_KEYS 8

static const lnspi_codec *const setting_codecs[] = {
#define LNSPI_X(name) &lnspi_codec_##name,
    LNSPI_CODEC_LIST(LNSPI_X)
#undef LNSPI_X
};

const lnspi_codec *lnspi_codec_at(int32_t index) {
  int32_t count = (int32_t)(sizeof setting_codecs / sizeof *setting_codecs);
  return index < 0 || index >= count ? NULL : setting_codecs[index];
}

/* ---- reading a setting ---- */

static int32_t setting_codec(lnspi_word word, lnspi_setting *setting, lnsp_problem *problem) {
  char names[160] = "";
  size_t used = 0;
  for (int32_t i = 0; lnspi_codec_at(i); i++) {
    const lnspi_codec *codec = lnspi_codec_at(i);
    if (lnspi_word_is(word, codec->name)) {
      setting->codec = codec;
      for (int32_t a = 0; a < LNSPI_CODEC_ARGUMENTS; a++)
        setting->real[a] = codec->argument[a].initial;
      return LNSP_OK;
    }
    if (used < sizeof names)
      used += lnspi_format(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                           codec->name);
  }
  return lnspi_fail_text(problem, LNSP_E_UNKNOWN, word.line, word.column,
                         "there is no such codec; known are %s", names);
}

/* Takes a key of the codec: 1 taken, 0 not one of its keys, -1 failed. */
static int setting_key(const lnspi_key *key, lnspi_setting *setting, int32_t *status,
                       lnsp_problem *problem) {
  for (int32_t a = 0; a < LNSPI_CODEC_ARGUMENTS; a++) {
    const char *name = setting->codec->argument[a].key;
    if (!name || !lnspi_word_is(key->key, name)) continue;
    *status = lnspi_word_number(key->value, name, setting->codec->argument[a].low,
                                setting->codec->argument[a].high, &setting->real[a], problem);
    if (*status) return -1;
    const char *wrong =
        setting->codec->refuse ? setting->codec->refuse(setting->real) : NULL;
    if (!wrong) return 1;
    *status = lnspi_fail_text(problem, LNSP_E_SYNTAX, key->value.line, key->value.column, "%s",
                              wrong);
    return -1;
  }
  return 0;
}

/* Codec and keys up to a line's end; keys that are not the codec's stay in others. */
static int32_t setting_line(lnspi_text *text, lnspi_setting *setting, lnspi_key *others,
                            int32_t *count, lnsp_problem *problem) {
  lnspi_key keys[SETTING_KEYS];
  int32_t given = 0, status = setting_codec(lnspi_text_word(text, NULL), setting, problem);
  if (!status) status = lnspi_text_keys(text, NULL, keys, SETTING_KEYS, &given, problem);
  *count = 0;
  for (int32_t i = 0; !status && i < given; i++)
    if (!setting_key(&keys[i], setting, &status, problem)) others[(*count)++] = keys[i];
  return status;
}

static int32_t setting_unknown(const lnspi_key *key, const lnspi_setting *setting,
                               lnsp_problem *problem) {
  char shown[48];
  return lnspi_fail_text(problem, LNSP_E_UNKNOWN, key->key.line, key->key.column,
                         "%s has no key '%s'", setting->codec->name,
                         lnspi_word_show(key->key, shown));
}

int32_t lnspi_setting_parse(const char *text, lnspi_setting *setting, lnspi_word *only,
                            lnsp_problem *problem) {
  lnspi_key keys[SETTING_KEYS];
  lnspi_text from;
  int32_t count = 0;
  memset(only, 0, sizeof *only);
  memset(setting, 0, sizeof *setting);
  lnspi_text_open(&from, text ? text : "exact");
  int32_t status = setting_line(&from, setting, keys, &count, problem);
  for (int32_t i = 0; !status && i < count; i++) {
    if (!lnspi_word_is(keys[i].key, "only")) return setting_unknown(&keys[i], setting, problem);
    *only = keys[i].value;
  }
  if (!status && !(lnspi_text_line_end(&from) && lnspi_text_at_end(&from)))
    return lnspi_fail_text(problem, LNSP_E_SYNTAX, from.line, from.column,
                           "one codec is taken: what follows?");
  return status;
}

static int setting_matches(const char *pattern, const lnspi_weight *weight) {
  return lnspi_equal(pattern, "1d") ? weight->rank <= 1 : lnspi_match(pattern, weight->name);
}

int32_t lnspi_setting_select(lnspi_word only, const lnsp_graph *graph, uint8_t *tensors,
                             lnsp_problem *problem) {
  char pattern[LNSPI_NAME_BYTES];
  memset(tensors, only.length == 0, (size_t)graph->weight_count);
  if (!only.length) return LNSP_OK;
  int32_t patterns = 1;
  for (int32_t i = 0; i < only.length; i++) patterns += only.at[i] == ',';
  for (int32_t p = 0; p < patterns; p++) {
    lnspi_word word = lnspi_word_split(only, ',', p);
    int32_t found = 0;
    if (!word.length)
      return lnspi_fail_text(problem, LNSP_E_SYNTAX, word.line, word.column,
                             "pattern %d of only= is empty: write only=PATTERN,PATTERN",
                             (int)p + 1);
    int32_t status = lnspi_word_copy(word, pattern, sizeof pattern, "pattern", problem);
    if (status) return status;
    for (int32_t i = 0; i < graph->weight_count; i++)
      if (setting_matches(pattern, &graph->weights[i])) tensors[i] = 1, found = 1;
    if (!found)
      return lnspi_fail_text(problem, LNSP_E_MISSING, word.line, word.column,
                             "no tensor's name fits '%s'; * and ? match, and 1d is every "
                             "tensor of rank 1",
                             pattern);
  }
  return LNSP_OK;
}

/* ---- writing ---- */

size_t lnspi_setting_text(const lnspi_setting *setting, char *to, size_t capacity) {
  size_t used = lnspi_format(to, capacity, "%s", setting->codec->name);
  for (int32_t a = 0; a < LNSPI_CODEC_ARGUMENTS; a++) {
    char number[32];
    if (!setting->codec->argument[a].key || used >= capacity) continue;
    lnspi_number_text((float)setting->real[a], number);
    used += lnspi_format(to + used, capacity - used, " %s=%s", setting->codec->argument[a].key,
                         number);
  }
  return used;
}

/* "3,2,10": 3 tensors that stay, 2 that the stage is about, 10 that stay. */
static size_t setting_runs(const uint8_t *tensors, int32_t count, char *to, size_t capacity) {
  size_t used = 0;
  int32_t run = 0;
  uint8_t state = 0;
  for (int32_t i = 0; i < count; i++) {
    if (tensors[i] != state) {
      used += lnspi_format(to + used, capacity - used, "%d,", (int)run);
      state = tensors[i];
      run = 0;
    }
    run++;
  }
  return used + lnspi_format(to + used, capacity - used, "%d", (int)run);
}

void lnspi_stages_write(lnsp_delta *delta) {
  char *to = delta->text;
  size_t used = 0, shown = 0, capacity = (size_t)delta->text_bytes;
  for (int32_t s = 0; s < delta->stage_count; s++) {
    const lnspi_delta_stage *stage = &delta->stages[s];
    char setting[64];
    lnspi_setting_text(&stage->setting, setting, sizeof setting);
    used += lnspi_format(to + used, capacity - used, "%s%s%s bytes=%llu tensors=", s ? "; " : "",
                         setting, stage->back ? " back=1" : "",
                         (unsigned long long)stage->bytes);
    used += setting_runs(stage->tensors, delta->graph->weight_count, to + used, capacity - used);
    if (shown < sizeof delta->codec)
      shown += lnspi_format(delta->codec + shown, sizeof delta->codec - shown, "%s%s",
                            s ? "; " : "", setting);
  }
}

/* ---- reading stages ---- */

int32_t lnspi_stages_count(const char *text, int32_t *count, lnsp_problem *problem) {
  *count = 1;
  for (; *text; text++) *count += *text == ';' && *count <= LNSPI_DELTA_STAGES;
  if (*count > LNSPI_DELTA_STAGES)
    return lnspi_fail(problem, LNSP_E_LIMIT, "lnsp.delta.stages",
                      "a delta has at most %d stages", LNSPI_DELTA_STAGES);
  return LNSP_OK;
}

/* One byte a tensor; 0 where the runs do not add up. */
static int setting_unruns(lnspi_word word, int32_t count, uint8_t *tensors) {
  int32_t done = 0, at = 0;
  uint8_t state = 0;
  while (at < word.length) {
    int64_t run = 0;
    for (; at < word.length && word.at[at] >= '0' && word.at[at] <= '9'; at++)
      if (run <= count) run = 10 * run + (word.at[at] - '0');
    if (run > count - done) return 0;
    memset(tensors + done, state, (size_t)run);
    done += (int32_t)run;
    state = !state;
    if (at < word.length && word.at[at++] != ',') return 0;
  }
  return done == count;
}

static int32_t setting_stage(lnspi_text *text, lnsp_delta *delta, lnspi_delta_stage *stage,
                             lnsp_problem *problem) {
  lnspi_key keys[SETTING_KEYS];
  int32_t count = 0, status = setting_line(text, &stage->setting, keys, &count, problem);
  int found = 0;
  for (int32_t i = 0; !status && i < count; i++) {
    int64_t bytes = 0;
    if (lnspi_word_is(keys[i].key, "back")) {
      stage->back = lnspi_word_is(keys[i].value, "1") && stage->setting.codec->exact;
    } else if (lnspi_word_is(keys[i].key, "bytes")) {
      status = lnspi_word_integer(keys[i].value, "bytes", 0, INT64_C(1) << 48, &bytes, problem);
      stage->bytes = (uint64_t)bytes;
    } else if (lnspi_word_is(keys[i].key, "tensors")) {
      found = setting_unruns(keys[i].value, delta->graph->weight_count, stage->tensors);
    } else {
      return setting_unknown(&keys[i], &stage->setting, problem);
    }
  }
  if (!status && !found)
    return lnspi_fail(problem, LNSP_E_FORMAT, "lnsp.delta.stages",
                      "a stage does not list the %d tensors of the network as runs (stay, "
                      "change, stay, ...)",
                      (int)delta->graph->weight_count);
  return status;
}

/* There is one way to write it: what is read must be what would be written. */
int32_t lnspi_stages_read(lnsp_delta *delta, const char *text, lnsp_problem *problem) {
  lnspi_text from;
  uint64_t at = 0;
  lnspi_text_open(&from, text);
  for (int32_t s = 0; s < delta->stage_count; s++) {
    lnspi_delta_stage *stage = &delta->stages[s];
    int32_t status = setting_stage(&from, delta, stage, problem);
    if (status) return status;
    lnspi_text_line_end(&from);
    stage->at = at;
    at += stage->bytes;
  }
  if (at != delta->capacity)
    return lnspi_fail(problem, LNSP_E_SHAPE, "payload",
                      "the payload has %llu bytes, but its stages have %llu",
                      (unsigned long long)delta->capacity, (unsigned long long)at);
  delta->bytes = at;
  lnspi_stages_write(delta);
  if (!lnspi_equal(delta->text, text))
    return lnspi_fail(problem, LNSP_E_FORMAT, "lnsp.delta.stages",
                      "the stages are not written as they should be: '%s', not '%s'",
                      delta->text, text);
  return LNSP_OK;
}

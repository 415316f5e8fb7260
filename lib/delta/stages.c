/* The stages of a delta as one text, and back: "int4 block=64 bytes=8160 tensors=0,2,4; ...".
 *
 * Tensors are run lengths that begin with those that do not change. There is one way to
 * write a list of stages, and only that is accepted, so that a delta has one file. Reading
 * therefore need not be strict about forms (0, 00 or a missing bytes=): whatever was read is
 * written again, and a text that is not the same to the byte is refused. What it must be strict
 * about are sizes: runs must add up to the network's tensors, and the stages' bytes to the
 * payload, since later code indexes with both. */
#include "delta/stages.h"

#include "base/decimal.h"
#include "base/error.h"
#include "base/str.h"
#include "delta/codec_config.h"
#include "delta/coder.h"
#include "delta/codecs/list.h"

/* Writes "3,2,10": 3 tensors that do not change, 2 that do, 10 that do not. */
static size_t stages_write_runs(const uint8_t *tensors, int32_t count, char *to,
                                size_t capacity) {
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
    char config[64];
    lnspi_codec_config_text(&stage->config, config, sizeof config);
    used +=
        lnspi_format(to + used, capacity - used, "%s%s%s bytes=%llu tensors=", s ? "; " : "",
                     config, stage->back ? " back=1" : "", (unsigned long long)stage->bytes);
    used += stages_write_runs(stage->tensors, delta->graph->weight_count, to + used,
                              capacity - used);
    if (shown < sizeof delta->codec)
      shown += lnspi_format(delta->codec + shown, sizeof delta->codec - shown, "%s%s",
                            s ? "; " : "", config);
  }
}

/* ---- reading stages ---- */

int32_t lnspi_stages_count(const char *text, int32_t *count, lnsp_error *error) {
  *count = 1;
  for (; *text; text++) *count += *text == ';' && *count <= LNSPI_DELTA_STAGES;
  if (*count > LNSPI_DELTA_STAGES)
    return lnspi_error_set(error, LNSP_E_LIMIT, "lnsp.delta.stages",
                           "a delta has at most %d stages", LNSPI_DELTA_STAGES);
  return LNSP_OK;
}

/* Reads runs into one byte a tensor; returns 0 if they do not add up. */
static int stages_read_runs(lnspi_token word, int32_t count, uint8_t *tensors) {
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

/* Reads one stage. back=1 holds only for an exact codec: others cannot be turned round, and
 * then the text does not come out the same. */
static int32_t stages_read_stage(lnspi_lexer *text, lnsp_delta *delta, lnspi_delta_stage *stage,
                                 lnsp_error *error) {
  lnspi_key keys[LNSPI_CODEC_CONFIG_KEYS];
  int32_t count = 0,
          status = lnspi_codec_config_read_line(text, &stage->config, keys, &count, error);
  int found = 0;
  if (status) return status;
  for (int32_t i = 0; i < count; i++) {
    int64_t bytes = 0;
    if (lnspi_token_is(keys[i].key, "back")) {
      stage->back = lnspi_token_is(keys[i].value, "1") && stage->config.codec->exact;
    } else if (lnspi_token_is(keys[i].key, "bytes")) {
      status = lnspi_decimal_parse_integer(keys[i].value, "bytes", 0, INT64_C(1) << 48, &bytes,
                                           error);
      if (status) return status;
      stage->bytes = (uint64_t)bytes;
    } else if (lnspi_token_is(keys[i].key, "tensors")) {
      found = stages_read_runs(keys[i].value, delta->graph->weight_count, stage->tensors);
    } else {
      return lnspi_codec_config_unknown_key(&keys[i], &stage->config, error);
    }
  }
  if (!found)
    return lnspi_error_set(
        error, LNSP_E_FORMAT, "lnsp.delta.stages",
        "a stage does not list the %d tensors of the network as runs (unchanged, "
        "changed, unchanged, ...)",
        (int)delta->graph->weight_count);
  return LNSP_OK;
}

int32_t lnspi_stages_read(lnsp_delta *delta, const char *text, lnsp_error *error) {
  lnspi_lexer from;
  uint64_t at = 0;
  lnspi_lexer_open(&from, text);
  for (int32_t s = 0; s < delta->stage_count; s++) {
    lnspi_delta_stage *stage = &delta->stages[s];
    int32_t status = stages_read_stage(&from, delta, stage, error);
    if (status) return status;
    lnspi_lexer_line_end(&from);
    stage->at = at;
    at += stage->bytes;
  }
  if (at != delta->capacity)
    return lnspi_error_set(error, LNSP_E_SHAPE, "payload",
                           "the payload has %llu bytes, but its stages say %llu",
                           (unsigned long long)delta->capacity, (unsigned long long)at);
  delta->bytes = at;
  lnspi_stages_write(delta);
  if (!lnspi_str_equal(delta->text, text))
    return lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.delta.stages",
                           "the stages must be written as '%s', not as '%s'", delta->text,
                           text);
  return LNSP_OK;
}

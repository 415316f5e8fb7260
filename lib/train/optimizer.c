/* Optimizer texts: name, own keys, common keys.
 *
 * Each optimizer is a table (optimizer.h) with its own keys; keys that all share (rate,
 * schedule, clipping, average, accumulation, privacy) are read here. Combinations that
 * contradict each other are refused with a sentence at create, so that a step need not check
 * them. */
#include "train/optimizer.h"

#include "base/decimal.h"
#include "base/error.h"
#include "base/str.h"
#include "kernels/random.h"
#include "train/schedule.h"

#define LNSPI_OPTIMIZER(name) extern const lnspi_optimizer lnspi_optimizer_##name;
#include "train/optimizers/optimizer_list.h"
#undef LNSPI_OPTIMIZER

#define OPTIMIZER_KEYS 24
#define OPTIMIZER_NODE 0xfffffff1u /* of the counter generator, for rounding */

const lnspi_optimizer *lnspi_optimizer_at(int32_t index) {
  static const lnspi_optimizer *const optimizer_all[] = {
#define LNSPI_OPTIMIZER(name) &lnspi_optimizer_##name,
#include "train/optimizers/optimizer_list.h"
#undef LNSPI_OPTIMIZER
      NULL};
  for (int32_t i = 0; optimizer_all[i]; i++)
    if (i == index) return optimizer_all[i];
  return NULL;
}

/* ---- chance ---- */

void lnspi_optimizer_rounding_key(const lnspi_optimizer_config *rule, int32_t weight,
                                  uint64_t age, uint32_t key[4]) {
  const uint32_t counter[4] = {(uint32_t)weight, OPTIMIZER_NODE, (uint32_t)age,
                               (uint32_t)(age >> 32)};
  const uint32_t seed[2] = {(uint32_t)rule->seed, (uint32_t)(rule->seed >> 32)};
  lnspi_random_philox(counter, seed, key);
}

/* ---- text ---- */

static int32_t optimizer_fail_name(lnspi_token word, lnsp_error *error) {
  char names[160] = "";
  size_t used = 0;
  for (int32_t i = 0; lnspi_optimizer_at(i) && used < sizeof names; i++)
    used += lnspi_format(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                         lnspi_optimizer_at(i)->name);
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, word.line, word.column,
                              "unknown optimizer; the optimizers are %s", names);
}

/* Index of a word in "a,b,c". */
static int32_t optimizer_choice(lnspi_token value, const char *key, const char *choices,
                                double *out, lnsp_error *error) {
  lnspi_token all = {choices, (int32_t)lnspi_str_length(choices), 1, 1};
  char given[24];
  for (int32_t i = 0;; i++) {
    lnspi_token word = lnspi_token_split(all, ',', i);
    if (word.length == 0) break;
    if (word.length != value.length || memcmp(word.at, value.at, (size_t)word.length)) continue;
    *out = i;
    return LNSP_OK;
  }
  size_t shown = value.length < (int32_t)sizeof given ? (size_t)value.length : sizeof given - 1;
  memcpy(given, value.at, shown);
  given[shown] = 0;
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, value.line, value.column,
                              "%s=%s: it must be one of %s", key, given, choices);
}

/* 1 if the key is one of the optimizer itself, and *status what became of it. */
static int optimizer_own_key(const lnspi_key *key, lnspi_optimizer_config *rule,
                             int32_t *status, lnsp_error *error) {
  int32_t at = 0;
  for (int32_t i = 0; rule->optimizer->argument[i].key; i++) {
    int32_t parts = rule->optimizer->argument[i].parts;
    if (lnspi_token_is(key->key, rule->optimizer->argument[i].key)) {
      const char *choices = rule->optimizer->argument[i].choices;
      if (choices) {
        *status = optimizer_choice(key->value, rule->optimizer->argument[i].key, choices,
                                   &rule->real[at], error);
        return 1;
      }
      for (int32_t p = 0; p < parts; p++) {
        lnspi_token word = parts == 1 ? key->value : lnspi_token_split(key->value, ',', p);
        if (word.length == 0)
          *status =
              lnspi_error_set_line(error, LNSP_E_SYNTAX, key->value.line, key->value.column,
                                   "%s needs %d numbers joined by commas",
                                   rule->optimizer->argument[i].key, parts);
        else
          *status = lnspi_decimal_parse(word, rule->optimizer->argument[i].key,
                                        rule->optimizer->argument[i].low,
                                        rule->optimizer->argument[i].high, &rule->real[at + p],
                                        error);
        if (*status) return 1;
      }
      return 1;
    }
    at += parts;
  }
  return 0;
}

static int32_t optimizer_count(const lnspi_key *key, const char *name, uint64_t *out,
                               lnsp_error *error) {
  int64_t value = 0;
  int32_t status =
      lnspi_decimal_parse_integer(key->value, name, 0, INT64_C(1) << 52, &value, error);
  *out = (uint64_t)value;
  return status;
}

static int32_t optimizer_privacy_key(const lnspi_key *key, lnspi_optimizer_config *rule,
                                     lnsp_error *error) {
  if (lnspi_token_is(key->key, "clip_each"))
    return lnspi_decimal_parse(key->value, "clip_each", 0, 1e6, &rule->clip_each, error);
  if (lnspi_token_is(key->key, "noise"))
    return lnspi_decimal_parse(key->value, "noise", 0, 1e6, &rule->noise, error);
  return optimizer_count(key, "lot", &rule->lot, error);
}

static int32_t optimizer_accumulate(const lnspi_key *key, lnspi_optimizer_config *rule,
                                    lnsp_error *error) {
  int64_t value = 1;
  int32_t status = lnspi_decimal_parse_integer(key->value, "accumulate", 1,
                                               LNSPI_MOST_ACCUMULATE, &value, error);
  rule->accumulate = (int32_t)value;
  return status;
}

static int32_t optimizer_common_key(const lnspi_key *key, lnspi_optimizer_config *rule,
                                    lnsp_error *error) {
  lnspi_token word = key->key;
  int32_t taken = LNSP_OK;
  if (lnspi_schedule_key(key, rule, &taken, error)) return taken;
  if (lnspi_token_is(word, "lr"))
    return lnspi_decimal_parse(key->value, "lr", 0, 1e6, &rule->lr, error);
  if (lnspi_token_is(word, "clip"))
    return lnspi_decimal_parse(key->value, "clip", 0, 1e30, &rule->clip, error);
  if (lnspi_token_is(word, "ema"))
    return lnspi_decimal_parse(key->value, "ema", 0, .99999999, &rule->average, error);
  if (lnspi_token_is(word, "accumulate")) return optimizer_accumulate(key, rule, error);
  if (lnspi_token_is(word, "seed")) return optimizer_count(key, "seed", &rule->seed, error);
  if (lnspi_token_is(word, "clip_each") || lnspi_token_is(word, "noise") ||
      lnspi_token_is(word, "lot"))
    return optimizer_privacy_key(key, rule, error);
  if (lnspi_token_is(word, "residual")) {
    double choice = 0;
    int32_t status = optimizer_choice(key->value, "residual", "0,1", &choice, error);
    rule->residual = choice != 0;
    return status;
  }
  if (lnspi_token_is(word, "weights")) {
    double choice = 0;
    int32_t status = optimizer_choice(key->value, "weights", "f32,bf16", &choice, error);
    rule->weights = choice != 0 ? LNSP_BF16 : LNSP_F32;
    return status;
  }
  char shown[48];
  return lnspi_error_set_line(
      error, LNSP_E_UNKNOWN, word.line, word.column,
      "%s has no key '%s'; its own: %s; common keys: lr, clip, ema, schedule, warmup, steps, "
      "min_lr, every, factor, patience, threshold, cooldown, accumulate, weights, seed, "
      "residual, clip_each, noise, lot",
      rule->optimizer->name, lnspi_token_show(word, shown), rule->optimizer->help);
}

int lnspi_optimizer_has_moments8(const lnspi_optimizer_config *rule) {
  return rule->optimizer->moments8 && rule->optimizer->moments8(rule->real);
}

/* What the values cannot be together. */
static const char *optimizer_refuse(lnspi_optimizer_config *rule) {
  const char *refused = rule->optimizer->refuse ? rule->optimizer->refuse(rule->real) : NULL;
  if (refused) return refused;
  if (rule->weights != LNSP_F32 && rule->average > 0)
    return "ema keeps weights in float32, which weights=bf16 is to avoid: leave one of them "
           "out";
  refused = lnspi_schedule_finish(rule);
  if (refused) return refused;
  if ((rule->noise > 0 || rule->lot) && !(rule->clip_each > 0))
    return "noise and lot need clip_each=C, the largest allowed norm of an example's gradient";
  if (rule->clip_each > 0 && rule->accumulate > 1)
    return "clip_each, noise and lot work on a batch that is seen at once: leave out "
           "accumulate";
  if (rule->clip > 0 && rule->clip_each > 0)
    return "clip_each already bounds the gradient, and clip would reveal the norm that noise "
           "is to hide: leave out clip";
  return NULL;
}

int32_t lnspi_optimizer_parse(const char *string, lnspi_optimizer_config *rule,
                              lnsp_error *error) {
  lnspi_lexer text;
  lnspi_key keys[OPTIMIZER_KEYS];
  int32_t count = 0, at = 0;
  memset(rule, 0, sizeof *rule);
  rule->lr = 1e-3;
  rule->weights = LNSP_F32;
  rule->accumulate = 1;
  lnspi_lexer_open(&text, string ? string : "adamw");
  lnspi_token word = lnspi_lexer_next(&text, "");
  for (int32_t i = 0; lnspi_optimizer_at(i); i++)
    if (lnspi_token_is(word, lnspi_optimizer_at(i)->name))
      rule->optimizer = lnspi_optimizer_at(i);
  if (!rule->optimizer) return optimizer_fail_name(word, error);
  for (int32_t i = 0; rule->optimizer->argument[i].key; i++)
    for (int32_t p = 0; p < rule->optimizer->argument[i].parts; p++)
      rule->real[at++] = rule->optimizer->argument[i].initial[p];
  int32_t status = lnspi_lexer_keys(&text, "", keys, OPTIMIZER_KEYS, &count, error);
  if (status) return status;
  for (int32_t i = 0; i < count; i++) {
    if (!optimizer_own_key(&keys[i], rule, &status, error))
      status = optimizer_common_key(&keys[i], rule, error);
    if (status) return status;
  }
  lnspi_lexer_line_end(&text);
  if (!lnspi_lexer_at_end(&text))
    return lnspi_error_set_line(
        error, LNSP_E_SYNTAX, text.line, text.column,
        "unexpected text after the optimizer, which is one line: name key=value ...");
  const char *refused = optimizer_refuse(rule);
  if (refused) return lnspi_error_set_line(error, LNSP_E_ARGUMENT, 1, 1, "%s", refused);
  return LNSP_OK;
}

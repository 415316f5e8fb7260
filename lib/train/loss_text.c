/* The reader of loss texts. */
#include "train/loss_text.h"

#include <stddef.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/lexer.h"
#include "base/str.h"
#include "train/losses/loss_list.h"

#define LOSS_TEXT_KEYS 16
#define LOSS_TEXT_WEIGHT_MOST 1e6

static int32_t loss_text_unknown_name(lnspi_token word, lnsp_error *error) {
  char shown[48], names[200];
  size_t used = lnspi_format(names, sizeof names, "student, replay");
  for (int32_t i = 0; lnspi_loss_at(i); i++) {
    if (used + lnspi_str_length(lnspi_loss_at(i)->name) + 8 > sizeof names) { /* ", " ", ..." */
      lnspi_format(names + used, sizeof names - used, ", ...");
      break;
    }
    used += lnspi_format(names + used, sizeof names - used, ", %s", lnspi_loss_at(i)->name);
  }
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, word.line, word.column,
                              "unknown loss '%s'; the losses are %s",
                              lnspi_token_show(word, shown), names);
}

static int32_t loss_text_unknown_key(const char *name, const lnspi_loss *loss, lnspi_token word,
                                     lnsp_error *error) {
  char shown[48], keys[180];
  size_t used = lnspi_format(keys, sizeof keys, "%s", loss ? "" : "rows, seed, ");
  if (loss)
    for (int i = 0; loss->argument[i].key && used < sizeof keys; i++)
      used += lnspi_format(keys + used, sizeof keys - used, "%s, ", loss->argument[i].key);
  if (used < sizeof keys)
    lnspi_format(keys + used, sizeof keys - used, "on, from, until, every, auto, low, high%s",
                 loss ? ", gate, weak, ramp, full, against, stop" : "");
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, word.line, word.column,
                              "the loss %s has no key '%s'; it takes: %s", name,
                              lnspi_token_show(word, shown), keys);
}

/* Index of a word in "a,b,c". */
static int32_t loss_text_choice(lnspi_token value, const char *key, const char *choices,
                                float *out, lnsp_error *error) {
  const char *at = choices;
  for (int index = 0; *at; index++) {
    int32_t length = 0;
    while (at[length] && at[length] != ',') length++;
    if (length == value.length && !memcmp(at, value.at, (size_t)length)) {
      *out = (float)index;
      return LNSP_OK;
    }
    at += length;
    if (*at == ',') at++;
  }
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, value.line, value.column,
                              "%s must be one of: %s", key, choices);
}

static int32_t loss_text_argument(lnspi_loss_term *term, const lnspi_key *key,
                                  lnsp_error *error) {
  const lnspi_loss *loss = term->loss;
  for (int i = 0; loss->argument[i].key; i++) {
    const char *name = loss->argument[i].key, *choices = loss->argument[i].choices;
    double number;
    if (!lnspi_token_is(key->key, name)) continue;
    if (choices) return loss_text_choice(key->value, name, choices, &term->real[i], error);
    int32_t status = lnspi_decimal_parse(key->value, name, (double)loss->argument[i].low,
                                         (double)loss->argument[i].high, &number, error);
    if (!status) term->real[i] = (float)number;
    return status;
  }
  return loss_text_unknown_key(loss->name, loss, key->key, error);
}

static int32_t loss_text_replay_argument(lnspi_loss_term *term, const lnspi_key *key,
                                         lnsp_error *error) {
  int64_t number;
  int32_t status;
  if (lnspi_token_is(key->key, "rows")) {
    status = lnspi_decimal_parse_integer(key->value, "rows", 1, 65536, &number, error);
    if (!status) term->rows = (int32_t)number;
    return status;
  }
  if (lnspi_token_is(key->key, "seed")) {
    status = lnspi_decimal_parse_integer(key->value, "seed", 0, INT64_MAX, &number, error);
    if (!status) term->seed = (uint64_t)number;
    return status;
  }
  return loss_text_unknown_key("replay", NULL, key->key, error);
}

/* ---- keys of every term ---- */

#define LOSS_TEXT_WHOLE 1 /* kinds of values */
#define LOSS_TEXT_REAL 2
#define LOSS_TEXT_NAME 3

typedef struct loss_text_common {
  const char *key;
  int32_t kind, replay; /* replay: that term takes it as well */
  double low, high;
  size_t at; /* where in the term */
} loss_text_common;

#define LOSS_TEXT_STEPS 9007199254740992.0 /* 2^53: whole numbers that a double holds */

static const loss_text_common loss_text_commons[] = {
    {"on", LOSS_TEXT_NAME, 1, 0, 0, offsetof(lnspi_loss_term, on)},
    {"from", LOSS_TEXT_WHOLE, 1, 0, LOSS_TEXT_STEPS, offsetof(lnspi_loss_term, from)},
    {"until", LOSS_TEXT_WHOLE, 1, 1, LOSS_TEXT_STEPS, offsetof(lnspi_loss_term, until)},
    {"every", LOSS_TEXT_WHOLE, 1, 1, LOSS_TEXT_STEPS, offsetof(lnspi_loss_term, every)},
    {"auto", LOSS_TEXT_REAL, 1, 1e-6, 1e6, offsetof(lnspi_loss_term, share)},
    {"low", LOSS_TEXT_REAL, 1, 0, 1e6, offsetof(lnspi_loss_term, low)},
    {"high", LOSS_TEXT_REAL, 1, 0, 1e6, offsetof(lnspi_loss_term, high)},
    {"gate", LOSS_TEXT_REAL, 0, -2, 2, offsetof(lnspi_loss_term, gate)},
    {"weak", LOSS_TEXT_REAL, 0, 0, 1, offsetof(lnspi_loss_term, weak)},
    {"ramp", LOSS_TEXT_REAL, 0, -1, 1, offsetof(lnspi_loss_term, ramp)},
    {"full", LOSS_TEXT_REAL, 0, -1, 1, offsetof(lnspi_loss_term, full)},
    {"against", LOSS_TEXT_NAME, 0, 0, 0, offsetof(lnspi_loss_term, against)},
    {"stop", LOSS_TEXT_WHOLE, 0, 0, 1, offsetof(lnspi_loss_term, stop)},
};

#define LOSS_TEXT_COMMONS ((int32_t)(sizeof loss_text_commons / sizeof *loss_text_commons))

/* A key that every term takes: 1 and its status, or 0. */
static int loss_text_common_key(lnspi_loss_term *term, const lnspi_key *key, int32_t *status,
                                lnsp_error *error) {
  for (int32_t i = 0; i < LOSS_TEXT_COMMONS; i++) {
    const loss_text_common *common = &loss_text_commons[i];
    char *at = (char *)term + common->at;
    int64_t whole = 0;
    double real = 0;
    if (!lnspi_token_is(key->key, common->key) || (!term->loss && !common->replay)) continue;
    if (common->kind == LOSS_TEXT_NAME) {
      *status = lnspi_token_copy(key->value, at, sizeof term->on, common->key, error);
      return 1;
    }
    if (common->kind == LOSS_TEXT_WHOLE) {
      *status = lnspi_decimal_parse_integer(key->value, common->key, (int64_t)common->low,
                                            (int64_t)common->high, &whole, error);
      if (*status == LNSP_OK) memcpy(at, &whole, sizeof whole);
      return 1;
    }
    *status =
        lnspi_decimal_parse(key->value, common->key, common->low, common->high, &real, error);
    const float narrow = (float)real;
    if (*status == LNSP_OK) memcpy(at, &narrow, sizeof narrow);
    return 1;
  }
  return 0;
}

static int loss_text_has(const lnspi_key *keys, int32_t key_count, const char *name,
                         lnspi_token *word) {
  for (int32_t i = 0; i < key_count; i++)
    if (lnspi_token_is(keys[i].key, name)) {
      *word = keys[i].key;
      return 1;
    }
  return 0;
}

/* Keys that only make sense together. */
static int32_t loss_text_check_keys(lnspi_loss_term *term, const lnspi_key *keys,
                                    int32_t key_count, lnsp_error *error) {
  static const char *const needs[][2] = {{"weak", "gate"}, {"low", "auto"},
                                         {"high", "auto"}, {"ramp", "full"},
                                         {"full", "ramp"}, {"stop", "against"}};
  static const char *const targets[] = {"against", "ramp"};
  lnspi_token word, unused;
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
    if (loss_text_has(keys, key_count, needs[i][0], &word) &&
        !loss_text_has(keys, key_count, needs[i][1], &unused))
      return lnspi_error_set_line(error, LNSP_E_ARGUMENT, word.line, word.column,
                                  "%s= has no effect without %s=: add that or leave this out",
                                  needs[i][0], needs[i][1]);
  term->gated = loss_text_has(keys, key_count, "gate", &word);
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
    if (loss_text_has(keys, key_count, targets[i], &word) &&
        (!term->loss->operand[1].kind ||
         !lnspi_str_equal(term->loss->operand[1].name, "target")))
      return lnspi_error_set_line(
          error, LNSP_E_ARGUMENT, word.line, word.column,
          "%s= concerns the target, which %s does not use: leave it out", targets[i],
          term->loss->name);
  if (loss_text_has(keys, key_count, "full", &word) && term->ramp >= term->full)
    return lnspi_error_set_line(error, LNSP_E_ARGUMENT, word.line, word.column,
                                "full= must be above ramp=");
  if (loss_text_has(keys, key_count, "low", &word) && term->low > term->high)
    return lnspi_error_set_line(error, LNSP_E_ARGUMENT, word.line, word.column,
                                "low= is above high=");
  if (loss_text_has(keys, key_count, "until", &word) && term->from >= term->until)
    return lnspi_error_set_line(error, LNSP_E_ARGUMENT, word.line, word.column,
                                "the term is never active: until= must be above from=");
  return LNSP_OK;
}

static const lnspi_loss *loss_text_find(lnspi_token name) {
  for (int32_t i = 0; lnspi_loss_at(i); i++)
    if (lnspi_token_is(name, lnspi_loss_at(i)->name)) return lnspi_loss_at(i);
  return NULL;
}

/* One term's name and keys. */
static int32_t loss_text_term(lnspi_token name, const lnspi_key *keys, int32_t key_count,
                              float weight, lnspi_loss_term *term, lnsp_error *error) {
  int replay = lnspi_token_is(name, "replay");
  memset(term, 0, sizeof *term);
  if (!replay) term->loss = loss_text_find(name);
  if (!replay && !term->loss) return loss_text_unknown_name(name, error);
  term->weight = weight;
  term->rows = replay ? 7 : 0;
  term->seed = replay ? 1 : 0;
  term->until = INT64_MAX;
  term->every = 1;
  term->weak = .25f;
  term->high = 1e6f;
  lnspi_format(term->on, sizeof term->on, "%s",
               replay || !term->loss->on ? "output" : term->loss->on);
  if (!replay)
    for (int i = 0; term->loss->argument[i].key; i++)
      term->real[i] = term->loss->argument[i].initial;
  for (int32_t i = 0; i < key_count; i++) {
    int32_t status = LNSP_OK;
    if (!loss_text_common_key(term, &keys[i], &status, error))
      status = replay ? loss_text_replay_argument(term, &keys[i], error)
                      : loss_text_argument(term, &keys[i], error);
    if (status) return status;
  }
  return loss_text_check_keys(term, keys, key_count, error);
}

/* The student's objective: triplet with margin .3, alignment .1, diversity 1. */
static int32_t loss_text_student(double weight, lnspi_loss_term *terms, int32_t room,
                                 lnsp_error *error) {
  static const struct {
    const lnspi_loss *loss;
    double weight;
  } parts[3] = {{&lnspi_loss_triplet, 1},
                {&lnspi_loss_alignment, .1},
                {&lnspi_loss_nuclear_diversity, 1}};
  if (room < 3)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "a loss has at most %d terms, and student is three of them",
                           LNSPI_LOSS_TERMS);
  for (int i = 0; i < 3; i++) {
    lnspi_token none = {parts[i].loss->name, 0, 0, 0};
    none.length = (int32_t)lnspi_str_length(none.at);
    int32_t status =
        loss_text_term(none, NULL, 0, (float)(weight * parts[i].weight), &terms[i], error);
    if (status) return status;
  }
  return LNSP_OK;
}

/* "[weight *]" */
static int32_t loss_text_weight(lnspi_lexer *text, double *weight, lnsp_error *error) {
  char first = lnspi_lexer_peek(text);
  *weight = 1;
  if (!((first >= '0' && first <= '9') || first == '.' || first == '-')) return LNSP_OK;
  lnspi_token word = lnspi_lexer_next(text, "+*");
  int32_t status = lnspi_decimal_parse(word, "the weight of a term", -LOSS_TEXT_WEIGHT_MOST,
                                       LOSS_TEXT_WEIGHT_MOST, weight, error);
  if (status) return status;
  if (!lnspi_lexer_take(text, '*'))
    return lnspi_error_set_line(
        error, LNSP_E_SYNTAX, text->line, text->column,
        "a weight must be followed by * and the name of a loss, as in .1*alignment");
  return LNSP_OK;
}

/* One term of the text, or student's three. */
static int32_t loss_text_read(lnspi_lexer *text, lnspi_loss_term *terms, int32_t *count,
                              lnsp_error *error) {
  lnspi_key keys[LOSS_TEXT_KEYS];
  int32_t key_count = 0;
  double weight;
  int32_t status = loss_text_weight(text, &weight, error);
  if (status) return status;
  lnspi_token name = lnspi_lexer_next(text, "+*");
  if (!name.length)
    return lnspi_error_set_line(
        error, LNSP_E_SYNTAX, text->line, text->column,
        "the name of a loss is missing here: write one, such as cosine");
  status = lnspi_lexer_keys(text, "+", keys, LOSS_TEXT_KEYS, &key_count, error);
  if (status) return status;
  if (lnspi_token_is(name, "student")) {
    if (key_count)
      return lnspi_error_set_line(
          error, LNSP_E_UNKNOWN, keys[0].key.line, keys[0].key.column,
          "student takes no keys; write its terms out: triplet margin=.3 + .1*alignment + "
          "1*nuclear_diversity");
    status = loss_text_student(weight, terms + *count, LNSPI_LOSS_TERMS - *count, error);
    if (!status) *count += 3;
    return status;
  }
  if (*count == LNSPI_LOSS_TERMS)
    return lnspi_error_set_line(error, LNSP_E_LIMIT, name.line, name.column,
                                "a loss has at most %d terms", LNSPI_LOSS_TERMS);
  status = loss_text_term(name, keys, key_count, (float)weight, terms + *count, error);
  if (!status && *count == 0 && terms->share > 0)
    return lnspi_error_set_line(
        error, LNSP_E_ARGUMENT, name.line, name.column,
        "auto= weighs a term relative to the first one: move it to a later term");
  if (!status) *count += 1;
  return status;
}

int32_t lnspi_loss_text_parse(const char *text, lnspi_loss_term *terms, int32_t *count,
                              lnsp_error *error) {
  lnspi_lexer at;
  int32_t status;
  *count = 0;
  if (!text)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "the loss text is empty: give one such as \"cosine\"");
  lnspi_lexer_open(&at, text);
  do {
    status = loss_text_read(&at, terms, count, error);
    if (status) return status;
  } while (lnspi_lexer_take(&at, '+'));
  if (!lnspi_lexer_line_end(&at) || !lnspi_lexer_at_end(&at))
    return lnspi_error_set_line(
        error, LNSP_E_SYNTAX, at.line, at.column,
        "unexpected text in the loss: terms are joined by +, each [weight *] name [key=value "
        "...], on one line");
  return LNSP_OK;
}

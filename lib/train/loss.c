/* The list of losses and the reader of loss texts. */
#include "train/loss.h"

#include "base/problem.h"
#include "train/losses/list.h"

#define LOSS_KEYS 8
#define LOSS_WEIGHT_MOST 1e6

static const lnspi_loss *const loss_table[] = {
#define LNSPI_X(name) &lnspi_loss_##name,
    LNSPI_LOSS_LIST(LNSPI_X)
#undef LNSPI_X
};

const lnspi_loss *lnspi_loss_at(int32_t index) {
  int32_t count = (int32_t)(sizeof loss_table / sizeof *loss_table);
  return index < 0 || index >= count ? NULL : loss_table[index];
}

static int32_t loss_unknown_name(lnspi_word word, lnsp_problem *problem) {
  char shown[48], names[200];
  size_t used = lnspi_format(names, sizeof names, "student, replay");
  for (int32_t i = 0; lnspi_loss_at(i); i++) {
    if (used + lnspi_length(lnspi_loss_at(i)->name) + 8 > sizeof names) { /* ", " ", ..." */
      lnspi_format(names + used, sizeof names - used, ", ...");
      break;
    }
    used += lnspi_format(names + used, sizeof names - used, ", %s", lnspi_loss_at(i)->name);
  }
  return lnspi_fail_text(problem, LNSP_E_UNKNOWN, word.line, word.column,
                         "there is no loss '%s'; known: %s",
                         lnspi_word_show(word, shown), names);
}

static int32_t loss_unknown_key(const char *name, const lnspi_loss *loss, lnspi_word word,
                                lnsp_problem *problem) {
  char shown[48], keys[100];
  size_t used = lnspi_format(keys, sizeof keys, "on");
  if (!loss) used += lnspi_format(keys + used, sizeof keys - used, ", rows, seed");
  for (int i = 0; loss && loss->argument[i].key && used < sizeof keys; i++)
    used += lnspi_format(keys + used, sizeof keys - used, ", %s", loss->argument[i].key);
  return lnspi_fail_text(problem, LNSP_E_UNKNOWN, word.line, word.column,
                         "the loss %s has no key '%s'; it takes: %s", name,
                         lnspi_word_show(word, shown), keys);
}

/* Index of a word in "a,b,c". */
static int32_t loss_choice(lnspi_word value, const char *key, const char *choices, float *out,
                           lnsp_problem *problem) {
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
  return lnspi_fail_text(problem, LNSP_E_UNKNOWN, value.line, value.column,
                         "%s must be one of: %s", key, choices);
}

static int32_t loss_argument(lnspi_loss_term *term, const lnspi_key *key,
                             lnsp_problem *problem) {
  const lnspi_loss *loss = term->loss;
  for (int i = 0; loss->argument[i].key; i++) {
    const char *name = loss->argument[i].key, *choices = loss->argument[i].choices;
    double number;
    if (!lnspi_word_is(key->key, name)) continue;
    if (choices) return loss_choice(key->value, name, choices, &term->real[i], problem);
    int32_t status = lnspi_word_number(key->value, name, (double)loss->argument[i].low,
                                       (double)loss->argument[i].high, &number, problem);
    if (!status) term->real[i] = (float)number;
    return status;
  }
  return loss_unknown_key(loss->name, loss, key->key, problem);
}

static int32_t loss_replay_argument(lnspi_loss_term *term, const lnspi_key *key,
                                    lnsp_problem *problem) {
  int64_t number;
  int32_t status;
  if (lnspi_word_is(key->key, "rows")) {
    status = lnspi_word_integer(key->value, "rows", 1, 65536, &number, problem);
    if (!status) term->rows = (int32_t)number;
    return status;
  }
  if (lnspi_word_is(key->key, "seed")) {
    status = lnspi_word_integer(key->value, "seed", 0, INT64_MAX, &number, problem);
    if (!status) term->seed = (uint64_t)number;
    return status;
  }
  return loss_unknown_key("replay", NULL, key->key, problem);
}

/* One term's name and keys. */
static int32_t loss_term(lnspi_word name, const lnspi_key *keys, int32_t key_count,
                         float weight, lnspi_loss_term *term, lnsp_problem *problem) {
  int replay = lnspi_word_is(name, "replay");
  memset(term, 0, sizeof *term);
  for (int32_t i = 0; !replay && !term->loss; i++) {
    if (!lnspi_loss_at(i)) return loss_unknown_name(name, problem);
    if (lnspi_word_is(name, lnspi_loss_at(i)->name)) term->loss = lnspi_loss_at(i);
  }
  term->weight = weight;
  term->rows = replay ? 7 : 0;
  term->seed = replay ? 1 : 0;
  lnspi_format(term->on, sizeof term->on, "%s", replay ? "output" : term->loss->on);
  for (int i = 0; !replay && term->loss->argument[i].key; i++)
    term->real[i] = term->loss->argument[i].initial;
  for (int32_t i = 0; i < key_count; i++) {
    int32_t status;
    if (lnspi_word_is(keys[i].key, "on"))
      status = lnspi_word_copy(keys[i].value, term->on, sizeof term->on, "on", problem);
    else if (replay)
      status = loss_replay_argument(term, &keys[i], problem);
    else
      status = loss_argument(term, &keys[i], problem);
    if (status) return status;
  }
  return LNSP_OK;
}

/* The student's objective: triplet with margin .3, alignment .1, diversity 1. */
static int32_t loss_student(double weight, lnspi_loss_term *terms, int32_t room,
                            lnsp_problem *problem) {
  static const struct {
    const lnspi_loss *loss;
    double weight;
  } parts[3] = {{&lnspi_loss_triplet, 1}, {&lnspi_loss_alignment, .1},
                {&lnspi_loss_nuclear_diversity, 1}};
  if (room < 3)
    return lnspi_fail(problem, LNSP_E_LIMIT, NULL,
                      "a loss has at most %d terms, and student is three of them",
                      LNSPI_LOSS_TERMS);
  for (int i = 0; i < 3; i++) {
    lnspi_word none = {parts[i].loss->name, 0, 0, 0};
    none.length = (int32_t)lnspi_length(none.at);
    int32_t status = loss_term(none, NULL, 0, (float)(weight * parts[i].weight), &terms[i],
                               problem);
    if (status) return status;
  }
  return LNSP_OK;
}

/* "[weight *]" */
static int32_t loss_weight(lnspi_text *text, double *weight, lnsp_problem *problem) {
  char first = lnspi_text_peek(text);
  *weight = 1;
  if (!((first >= '0' && first <= '9') || first == '.' || first == '-'))
    return LNSP_OK;
  lnspi_word word = lnspi_text_word(text, "+*");
  int32_t status = lnspi_word_number(word, "the weight of a term", -LOSS_WEIGHT_MOST,
                                     LOSS_WEIGHT_MOST, weight, problem);
  if (status) return status;
  if (!lnspi_text_take(text, '*'))
    return lnspi_fail_text(problem, LNSP_E_SYNTAX, text->line, text->column,
                           "a weight is followed by * and the name of a loss");
  return LNSP_OK;
}

/* One term of the text, or student's three. */
static int32_t loss_read(lnspi_text *text, lnspi_loss_term *terms, int32_t *count,
                         lnsp_problem *problem) {
  lnspi_key keys[LOSS_KEYS];
  int32_t key_count = 0;
  double weight;
  int32_t status = loss_weight(text, &weight, problem);
  if (status) return status;
  lnspi_word name = lnspi_text_word(text, "+*");
  if (!name.length)
    return lnspi_fail_text(problem, LNSP_E_SYNTAX, text->line, text->column,
                           "the name of a loss is missing here");
  status = lnspi_text_keys(text, "+", keys, LOSS_KEYS, &key_count, problem);
  if (status) return status;
  if (lnspi_word_is(name, "student")) {
    if (key_count)
      return lnspi_fail_text(problem, LNSP_E_UNKNOWN, keys[0].key.line, keys[0].key.column,
                             "student takes no keys; write its terms out: triplet margin=.3 + "
                             ".1*alignment + 1*nuclear_diversity");
    status = loss_student(weight, terms + *count, LNSPI_LOSS_TERMS - *count, problem);
    if (!status) *count += 3;
    return status;
  }
  if (*count == LNSPI_LOSS_TERMS)
    return lnspi_fail_text(problem, LNSP_E_LIMIT, name.line, name.column,
                           "a loss has at most %d terms", LNSPI_LOSS_TERMS);
  status = loss_term(name, keys, key_count, (float)weight, terms + *count, problem);
  if (!status) *count += 1;
  return status;
}

int32_t lnspi_loss_parse(const char *text, lnspi_loss_term *terms, int32_t *count,
                         lnsp_problem *problem) {
  lnspi_text at;
  int32_t status;
  *count = 0;
  if (!text)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "a loss text is missing; give e.g. \"cosine\"");
  lnspi_text_open(&at, text);
  do {
    status = loss_read(&at, terms, count, problem);
    if (status) return status;
  } while (lnspi_text_take(&at, '+'));
  if (!lnspi_text_line_end(&at) || !lnspi_text_at_end(&at))
    return lnspi_fail_text(problem, LNSP_E_SYNTAX, at.line, at.column,
                           "terms of a loss are joined by +, each [weight *] name "
                           "[key=value ...], on one line");
  return LNSP_OK;
}

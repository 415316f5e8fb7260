/* The reader of loss texts: "triplet margin=.3 + .1*alignment + 4*replay rows=7 every=2".
 *
 * Terms are joined by +, each an optional weight and *, a name, and keys. The keys of a term
 * are in up to three tables (base/setting.h), each with places in the term:
 *
 *   its own      the arguments of the loss (losses/NAME.c), into real[]; of replay: rows and
 *                seed
 *   common ones  on which output, when it counts, how its weight follows from other values
 *   a target's   of losses whose second operand is the target: what may replace or weigh it
 *
 * Replay is not in the list of losses, because its operands are drawn rather than given: it is
 * a term whose `loss` is NULL. "student" is a word for three terms.
 *
 * Only here are keys checked that make sense together or not at all (weak= without gate=), with
 * the place of the word in the message. What depends on a network, such as whether it has the
 * output, is checked later, in loss_bind.c. */
#include "train/loss_text.h"

#include "base/decimal.h"
#include "base/error.h"
#include "base/setting.h"
#include "base/str.h"
#include "train/losses/loss_list.h"

#define LOSS_TEXT_KEYS 16
#define LOSS_TEXT_WEIGHT_MOST 1e6

/* Keys of every term; replay's are the first of them behind its own. */
#define LOSS_TEXT_COMMON                                              \
  "@on=output #from=0:0:9007199254740992 #until=:1:9007199254740992 " \
  "#every=1:1:9007199254740992 auto=:1e-6:1e6 low=0:0:1e6&auto high=1e6:0:1e6&auto"

static const char loss_text_replay_keys[] =
    "#rows=7:1:65536 #seed=1:0:9223372036854775807 " LOSS_TEXT_COMMON;

static const char loss_text_common_keys[] = LOSS_TEXT_COMMON " gate=:-2:2 weak=.25:0:1&gate";

static const char loss_text_target_keys[] =
    "ramp=:-1:1&full full=:-1:1&ramp @against= #stop=0:0:1&against";

#define LOSS_TEXT_WHOLE(member) LNSPI_SETTING_WHOLE(lnspi_loss_term, member)
#define LOSS_TEXT_REAL(member) LNSPI_SETTING_REAL(lnspi_loss_term, member)

static const lnspi_setting_place loss_text_places[] = {
    LOSS_TEXT_WHOLE(rows),  LOSS_TEXT_WHOLE(seed), /* of replay alone */
    LOSS_TEXT_WHOLE(on),    LOSS_TEXT_WHOLE(from), LOSS_TEXT_WHOLE(until),
    LOSS_TEXT_WHOLE(every), LOSS_TEXT_REAL(share), LOSS_TEXT_REAL(low),
    LOSS_TEXT_REAL(high),   LOSS_TEXT_REAL(gate),  LOSS_TEXT_REAL(weak),
    LOSS_TEXT_REAL(ramp),   LOSS_TEXT_REAL(full),  LOSS_TEXT_WHOLE(against),
    LOSS_TEXT_WHOLE(stop),
};

#define LOSS_TEXT_OWN 2     /* places of replay alone */
#define LOSS_TEXT_TARGET 11 /* the first place of target_keys */
#define LOSS_TEXT_TABLES 3  /* its own keys, common ones, those of a target */

/* The tables of a loss, NULL: of replay. */
static void loss_text_settings(const lnspi_loss *loss,
                               lnspi_settings settings[LOSS_TEXT_TABLES]) {
  const lnspi_settings own = {loss ? loss->keys : NULL, NULL, LOSS_TEXT_REAL(real[0])};
  settings[0] = own;
  settings[1].keys = loss ? loss_text_common_keys : loss_text_replay_keys;
  settings[1].places = loss_text_places + (loss ? LOSS_TEXT_OWN : 0);
  settings[2].keys = loss ? loss_text_target_keys : NULL;
  settings[2].places = loss_text_places + LOSS_TEXT_TARGET;
}

static int loss_text_has_target(const lnspi_loss *loss) {
  return loss && loss->operand[1].kind && lnspi_str_equal(loss->operand[1].name, "target");
}

int lnspi_loss_text_key(const lnspi_loss *loss, int32_t index, lnsp_key_info *info) {
  lnspi_settings settings[LOSS_TEXT_TABLES];
  loss_text_settings(loss, settings);
  if (!lnspi_setting_list(settings, 2 + loss_text_has_target(loss), index, info)) return 0;
  if (loss && loss->on && lnspi_str_equal(info->name, "on"))
    lnspi_format(info->initial, sizeof info->initial, "%s", loss->on);
  return 1;
}

/* Whether a key was given, and where. Its value would not tell: it may be the default. */
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
  static const char *const targets[] = {"against", "ramp"};
  lnspi_token word, unused;
  lnspi_settings settings[LOSS_TEXT_TABLES];
  lnsp_key_info info;
  loss_text_settings(term->loss, settings);
  for (int32_t i = 0; lnspi_setting_list(settings, LOSS_TEXT_TABLES, i, &info); i++)
    if (*info.needs && loss_text_has(keys, key_count, info.name, &word) &&
        !loss_text_has(keys, key_count, info.needs, &unused))
      return lnspi_error_set_line(error, LNSP_E_ARGUMENT, word.line, word.column,
                                  "%s= has no effect without %s=: add that or leave this out",
                                  info.name, info.needs);
  term->gated = loss_text_has(keys, key_count, "gate", &word);
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
    if (loss_text_has(keys, key_count, targets[i], &word) && !loss_text_has_target(term->loss))
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

/* One term's name and keys. */
static int32_t loss_text_term(lnspi_token name, const lnspi_key *keys, int32_t key_count,
                              float weight, lnspi_loss_term *term, lnsp_error *error) {
  const int replay = lnspi_token_is(name, "replay");
  lnspi_unknown unknown = {name, NULL, 0};
  lnspi_settings settings[LOSS_TEXT_TABLES];
  memset(term, 0, sizeof *term);
  lnspi_unknown_offer(&unknown, "replay");
  lnspi_unknown_offer(&unknown, "student");
  if (!replay) term->loss = lnspi_loss_at(lnspi_loss_find(&unknown));
  if (!replay && !term->loss) return lnspi_unknown_refuse(&unknown, "loss", NULL, error);
  term->weight = weight;
  term->until = INT64_MAX;
  loss_text_settings(term->loss, settings);
  lnspi_setting_defaults(settings, LOSS_TEXT_TABLES, term);
  if (!replay && term->loss->on) lnspi_format(term->on, sizeof term->on, "%s", term->loss->on);
  for (int32_t i = 0; i < key_count; i++) {
    int32_t status;
    if (!lnspi_setting_read(settings, LOSS_TEXT_TABLES, &keys[i], term, &status, error))
      status = lnspi_setting_refuse(settings, LOSS_TEXT_TABLES, keys[i].key,
                                    replay ? "replay" : term->loss->name, error);
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

/* Learning-rate schedules: their keys in an optimizer's text, and the rate of a step.
 *
 * The rate is a function of the step alone, so that a resumed run continues on the same curve
 * and a rollback goes back on it. It is computed in double from operations that give the same
 * bits everywhere: powers by repeated squaring, the cosine by a polynomial of our own. */
#include "train/schedule.h"

#include "base/decimal.h"
#include "base/error.h"
#include "kernels/f64.h"

/* Indices of schedule_all. */
enum { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_STEP, SCHEDULE_PLATEAU };

static const struct {
  const char *name, *help;
} schedule_all[] = {
    {"constant", "schedule=constant [warmup=0]: a linear rise over warmup steps, then lr"},
    {"cosine",
     "schedule=cosine steps=N [warmup=0] [min_lr=0]: a linear rise, then half a cosine from lr "
     "to min_lr at step N; warmup may be a share of N, min_lr one of lr, as in 5%"},
    {"linear",
     "schedule=linear steps=N [warmup=0] [min_lr=0]: a linear rise, then a straight line from "
     "lr to min_lr at step N"},
    {"step",
     "schedule=step every=N [factor=.1] [warmup=0] [min_lr=0]: after the rise, the rate times "
     "factor every N steps, but at least min_lr"},
    {"plateau",
     "schedule=plateau [factor=.5] [patience=3] [threshold=1e-4] [cooldown=0] [warmup=0] "
     "[min_lr=0]: the rate times factor after patience values of lnsp_trainer_report without "
     "improvement"},
};

#define SCHEDULES ((int32_t)(sizeof schedule_all / sizeof schedule_all[0]))

const char *lnspi_schedule_name(int32_t index) {
  return index >= 0 && index < SCHEDULES ? schedule_all[index].name : NULL;
}

const char *lnspi_schedule_help(int32_t index) {
  return index >= 0 && index < SCHEDULES ? schedule_all[index].help : NULL;
}

/* ---- the rate ---- */

int lnspi_schedule_is_plateau(const lnspi_optimizer_config *rule) {
  return rule->schedule == SCHEDULE_PLATEAU;
}

/* By multiplications alone, which are the same on every host. */
static double schedule_power(double factor, uint64_t n) {
  double power = 1;
  for (; n; n >>= 1, factor *= factor)
    if (n & 1) power *= factor;
  return power;
}

double lnspi_schedule_rate(const lnspi_optimizer_config *rule, uint64_t step) {
  const double least = rule->min_of_lr ? rule->min_lr * rule->lr : rule->min_lr;
  if (step < rule->warmup) return rule->lr * (double)(step + 1) / (double)rule->warmup;
  if (rule->schedule == SCHEDULE_CONSTANT || rule->schedule == SCHEDULE_PLATEAU)
    return rule->lr; /* which a plateau lowers */
  if (rule->schedule == SCHEDULE_STEP) {
    const uint64_t falls = (step - rule->warmup) / rule->every;
    const double rate = rule->lr * schedule_power(rule->factor, falls);
    return rate < least && falls ? least : rate;
  }
  if (step >= rule->steps) return least;
  double part = (double)(step - rule->warmup) / (double)(rule->steps - rule->warmup);
  if (rule->schedule == SCHEDULE_LINEAR) return least + (rule->lr - least) * (1.0 - part);
  return least + (rule->lr - least) * 0.5 * (1.0 + lnspi_f64_cos_pi(part));
}

/* ---- keys ---- */

#define SCHEDULE_HAS_PATIENCE 1
#define SCHEDULE_HAS_THRESHOLD 2
#define SCHEDULE_HAS_COOLDOWN 4

/* "5%" as .05; 0 if the word does not end so. */
static int schedule_percent(lnspi_token word, const char *key, double *share, int32_t *status,
                            lnsp_error *error) {
  if (word.length < 1 || word.at[word.length - 1] != '%') return 0;
  word.length--;
  *status = lnspi_decimal_parse(word, key, 0, 100, share, error);
  *share /= 100;
  return 1;
}

static int32_t schedule_count(const lnspi_key *key, const char *name, int64_t low,
                              uint64_t *out, lnsp_error *error) {
  int64_t value = 0;
  int32_t status =
      lnspi_decimal_parse_integer(key->value, name, low, INT64_C(1) << 52, &value, error);
  *out = (uint64_t)value;
  return status;
}

static int32_t schedule_name(lnspi_token value, lnspi_optimizer_config *rule,
                             lnsp_error *error) {
  char shown[48];
  for (int32_t i = 0; i < SCHEDULES; i++)
    if (lnspi_token_is(value, schedule_all[i].name)) {
      rule->schedule = i;
      return LNSP_OK;
    }
  return lnspi_error_set_line(
      error, LNSP_E_UNKNOWN, value.line, value.column,
      "unknown schedule '%s'; the schedules are constant, cosine, linear, step and plateau",
      lnspi_token_show(value, shown));
}

int lnspi_schedule_key(const lnspi_key *key, lnspi_optimizer_config *rule, int32_t *status,
                       lnsp_error *error) {
  const lnspi_token word = key->key;
  if (lnspi_token_is(word, "schedule")) {
    *status = schedule_name(key->value, rule, error);
  } else if (lnspi_token_is(word, "warmup")) {
    if (!schedule_percent(key->value, "warmup", &rule->warmup_share, status, error))
      *status = schedule_count(key, "warmup", 0, &rule->warmup, error);
  } else if (lnspi_token_is(word, "steps")) {
    *status = schedule_count(key, "steps", 0, &rule->steps, error);
  } else if (lnspi_token_is(word, "every")) {
    *status = schedule_count(key, "every", 1, &rule->every, error);
  } else if (lnspi_token_is(word, "factor")) {
    *status = lnspi_decimal_parse(key->value, "factor", 0, 1, &rule->factor, error);
    rule->has_factor = 1;
  } else if (lnspi_token_is(word, "patience")) {
    *status = schedule_count(key, "patience", 0, &rule->patience, error);
    rule->has_plateau_key |= SCHEDULE_HAS_PATIENCE;
  } else if (lnspi_token_is(word, "threshold")) {
    *status = lnspi_decimal_parse(key->value, "threshold", 0, 1, &rule->threshold, error);
    rule->has_plateau_key |= SCHEDULE_HAS_THRESHOLD;
  } else if (lnspi_token_is(word, "cooldown")) {
    *status = schedule_count(key, "cooldown", 0, &rule->cooldown, error);
    rule->has_plateau_key |= SCHEDULE_HAS_COOLDOWN;
  } else if (lnspi_token_is(word, "min_lr")) {
    rule->min_of_lr = schedule_percent(key->value, "min_lr", &rule->min_lr, status, error);
    if (!rule->min_of_lr)
      *status = lnspi_decimal_parse(key->value, "min_lr", 0, 1e6, &rule->min_lr, error);
  } else {
    return 0;
  }
  return 1;
}

/* Defaults, and min_lr as a number: the rate that it is a part of will fall. */
static void schedule_finish_plateau(lnspi_optimizer_config *rule) {
  if (!rule->has_factor) rule->factor = .5;
  if (!(rule->has_plateau_key & SCHEDULE_HAS_PATIENCE)) rule->patience = 3;
  if (!(rule->has_plateau_key & SCHEDULE_HAS_THRESHOLD)) rule->threshold = 1e-4;
  if (rule->min_of_lr) rule->min_lr *= rule->lr;
  rule->min_of_lr = 0;
}

const char *lnspi_schedule_finish(lnspi_optimizer_config *rule) {
  if (rule->schedule == SCHEDULE_PLATEAU) schedule_finish_plateau(rule);
  if (!rule->has_factor && rule->schedule != SCHEDULE_PLATEAU) rule->factor = .1;
  if (rule->schedule != SCHEDULE_STEP && rule->every)
    return "every= works only with schedule=step";
  if (rule->schedule != SCHEDULE_STEP && rule->schedule != SCHEDULE_PLATEAU && rule->has_factor)
    return "factor= works only with schedule=step and schedule=plateau";
  if (rule->schedule != SCHEDULE_PLATEAU && rule->has_plateau_key)
    return "patience=, threshold= and cooldown= work only with schedule=plateau";
  if (rule->schedule == SCHEDULE_STEP && !rule->every)
    return "schedule=step needs every=N, the number of steps between two drops";
  if (rule->warmup_share > 0 && !rule->steps)
    return "a warmup in % is a share of steps=N: give steps too";
  if (rule->warmup_share > 0)
    rule->warmup = (uint64_t)(rule->warmup_share * (double)rule->steps);
  if (rule->schedule == SCHEDULE_COSINE && rule->steps <= rule->warmup)
    return "schedule=cosine needs steps=N, with N above warmup";
  if (rule->schedule == SCHEDULE_LINEAR && rule->steps <= rule->warmup)
    return "schedule=linear needs steps=N, with N above warmup";
  return NULL;
}

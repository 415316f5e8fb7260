/* Learning-rate schedules: their keys in an optimizer's text, and the rate of a step.
 *
 * The rate is a function of the step alone, so that a resumed run continues on the same curve
 * and a rollback goes back on it. It is computed in double from operations that give the same
 * bits everywhere: powers by repeated squaring, the cosine by a polynomial of our own. */
#include "train/schedule.h"

#include "base/error.h"
#include "kernels/f64.h"

/* Indices of schedule_all. */
enum { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_STEP, SCHEDULE_PLATEAU };

#define SCHEDULE_KEYS(steps) \
  "%#warmup=0:0:4503599627370496 %min_lr=0:0:1e6 #steps=" steps ":4503599627370496"

static const lnspi_setting_owner schedule_all[] = {
    {"constant", "schedule=constant [warmup=0]: a linear rise over warmup steps, then lr",
     SCHEDULE_KEYS("0:0")},
    {"cosine",
     "schedule=cosine steps=N [warmup=0] [min_lr=0]: a linear rise, then half a cosine from lr "
     "to min_lr at step N; warmup may be a share of N, min_lr one of lr, as in 5%",
     SCHEDULE_KEYS("!:1")},
    {"linear",
     "schedule=linear steps=N [warmup=0] [min_lr=0]: a linear rise, then a straight line from "
     "lr to min_lr at step N",
     SCHEDULE_KEYS("!:1")},
    {"step",
     "schedule=step every=N [factor=.1] [warmup=0] [min_lr=0]: after the rise, the rate times "
     "factor every N steps, but at least min_lr",
     SCHEDULE_KEYS("0:0") " factor=.1:0:1 #every=!:1:4503599627370496"},
    {"plateau",
     "schedule=plateau [factor=.5] [patience=3] [threshold=1e-4] [cooldown=0] [warmup=0] "
     "[min_lr=0]: the rate times factor after patience values of lnsp_trainer_report without "
     "improvement",
     SCHEDULE_KEYS("0:0") " factor=.5:0:1 #patience=3:0:4503599627370496 threshold=1e-4:0:1 "
                          "#cooldown=0:0:4503599627370496"},
};

#define SCHEDULES ((int32_t)(sizeof schedule_all / sizeof schedule_all[0]))

const lnspi_setting_owner *lnspi_schedule_at(int32_t index) {
  return index >= 0 && index < SCHEDULES ? &schedule_all[index] : NULL;
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

static double schedule_least(const lnspi_optimizer_config *rule) {
  return rule->min_lr < 0 ? -rule->min_lr * rule->lr : rule->min_lr;
}

double lnspi_schedule_rate(const lnspi_optimizer_config *rule, uint64_t step) {
  const double least = schedule_least(rule);
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

#define SCHEDULE_REAL(member) LNSPI_SETTING_REAL(lnspi_optimizer_config, member)

/* In the order of all schedules' keys. */
static const lnspi_setting_place schedule_places[] = {
    SCHEDULE_REAL(rise),
    SCHEDULE_REAL(min_lr),
    LNSPI_SETTING_WHOLE(lnspi_optimizer_config, steps),
    SCHEDULE_REAL(factor),
    LNSPI_SETTING_WHOLE(lnspi_optimizer_config, patience), /* or every */
    SCHEDULE_REAL(threshold),
    LNSPI_SETTING_WHOLE(lnspi_optimizer_config, cooldown),
};

lnspi_settings lnspi_schedule_settings(int32_t schedule) {
  const lnspi_settings settings = {schedule_all[schedule].keys, schedule_places, {0, 0, 0}};
  return settings;
}

int32_t lnspi_schedule_refuse(lnspi_token key, int32_t schedule, lnsp_error *error) {
  lnsp_key_info info;
  for (int32_t s = 0; s < SCHEDULES; s++)
    for (int32_t i = 0; lnspi_setting_at(schedule_all[s].keys, i, &info); i++)
      if (lnspi_token_is(key, info.name))
        return lnspi_error_set_line(error, LNSP_E_ARGUMENT, key.line, key.column,
                                    "%s= has no effect with schedule=%s: leave it out, or take "
                                    "schedule=%s",
                                    info.name, schedule_all[schedule].name,
                                    schedule_all[s].name);
  return LNSP_OK;
}

const char *lnspi_schedule_finish(lnspi_optimizer_config *rule) {
  if (rule->schedule == SCHEDULE_PLATEAU) /* as a number: the rate that it is a part of falls */
    rule->min_lr = schedule_least(rule);
  if (rule->schedule == SCHEDULE_STEP && !rule->every)
    return "schedule=step needs every=N, the number of steps between two drops";
  if (rule->rise < 0 && !rule->steps)
    return "a warmup in % is a share of steps=N: give steps too";
  rule->warmup = (uint64_t)(rule->rise < 0 ? -rule->rise * (double)rule->steps : rule->rise);
  if (rule->schedule == SCHEDULE_COSINE && rule->steps <= rule->warmup)
    return "schedule=cosine needs steps=N, with N above warmup";
  if (rule->schedule == SCHEDULE_LINEAR && rule->steps <= rule->warmup)
    return "schedule=linear needs steps=N, with N above warmup";
  return NULL;
}

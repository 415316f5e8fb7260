/* Optimizer texts: name, own keys, common keys.
 *
 * Each optimizer is a table (optimizer.h) with its own keys; keys that all share (rate,
 * schedule, clipping, average, accumulation, privacy) are read here. Combinations that
 * contradict each other are refused with a sentence at create, so that a step need not check
 * them. */
#include "train/optimizer.h"

#include "base/error.h"
#include "base/setting.h"
#include "base/unknown.h"
#include "kernels/random.h"
#include "train/schedule.h"

#define LNSPI_OPTIMIZER(name) extern const lnspi_optimizer lnspi_optimizer_##name;
#include "train/optimizers/optimizer_list.h"
#undef LNSPI_OPTIMIZER

#define OPTIMIZER_KEYS 24
#define OPTIMIZER_NODE 0xfffffff1u /* of the counter generator, for rounding */

static const void *const optimizer_table[] = {
#define LNSPI_OPTIMIZER(name) &lnspi_optimizer_##name,
#include "train/optimizers/optimizer_list.h"
#undef LNSPI_OPTIMIZER
    NULL,
};

const lnspi_optimizer *lnspi_optimizer_at(int32_t index) {
  const int32_t count = (int32_t)(sizeof optimizer_table / sizeof *optimizer_table) - 1;
  return index >= 0 && index < count ? optimizer_table[index] : NULL;
}

/* ---- stochastic rounding ---- */

/* A key for each weight and age: the bits that round it are a function of them, so a resumed or
 * repeated update rounds as the first one did. */
void lnspi_optimizer_rounding_key(const lnspi_optimizer_config *rule, int32_t weight,
                                  uint64_t age, uint32_t key[4]) {
  const uint32_t counter[4] = {(uint32_t)weight, OPTIMIZER_NODE, (uint32_t)age,
                               (uint32_t)(age >> 32)};
  const uint32_t seed[2] = {(uint32_t)rule->seed, (uint32_t)(rule->seed >> 32)};
  lnspi_random_philox(counter, seed, key);
}

/* ---- text ---- */

static const char optimizer_keys[] =
    "lr=1e-3:0:1e6 clip=0:0:1e30 ema=0:0:.99999999 "
    "schedule=constant,cosine,linear,step,plateau #accumulate=1:1:65536 weights=f32,bf16 "
    "#seed=0:0:4503599627370496 #residual=0:0:1 clip_each=0:0:1e6 "
    "noise=0:0:1e6&clip_each #lot=0:0:4503599627370496&clip_each";

#define OPTIMIZER_REAL(member) LNSPI_SETTING_REAL(lnspi_optimizer_config, member)
#define OPTIMIZER_WHOLE(member) LNSPI_SETTING_WHOLE(lnspi_optimizer_config, member)

static const lnspi_setting_place optimizer_places[] = {
    OPTIMIZER_REAL(lr),        OPTIMIZER_REAL(clip),        OPTIMIZER_REAL(average),
    OPTIMIZER_WHOLE(schedule), OPTIMIZER_WHOLE(accumulate), OPTIMIZER_WHOLE(weights),
    OPTIMIZER_WHOLE(seed),     OPTIMIZER_WHOLE(residual),   OPTIMIZER_REAL(clip_each),
    OPTIMIZER_REAL(noise),     OPTIMIZER_WHOLE(lot),
};

#define OPTIMIZER_TABLES 3 /* its own, the common one, that of the schedule */

static void optimizer_settings(const lnspi_optimizer *optimizer, int32_t schedule,
                               lnspi_settings settings[OPTIMIZER_TABLES]) {
  const lnspi_settings own = {optimizer->keys, NULL, OPTIMIZER_REAL(real[0])};
  settings[0] = own;
  settings[1].keys = optimizer_keys;
  settings[1].places = optimizer_places;
  settings[2] = lnspi_schedule_settings(schedule);
}

int lnspi_optimizer_key(const lnspi_optimizer *optimizer, int32_t index, lnsp_key_info *info) {
  lnspi_settings settings[OPTIMIZER_TABLES];
  optimizer_settings(optimizer, 0, settings);
  return lnspi_setting_list(settings, OPTIMIZER_TABLES, index, info);
}

/* The schedule comes first, since it says which other keys there are. */
static int32_t optimizer_read(const lnspi_key *keys, int32_t count,
                              lnspi_optimizer_config *rule, lnsp_error *error) {
  lnspi_settings settings[OPTIMIZER_TABLES];
  int32_t status = LNSP_OK;
  optimizer_settings(rule->optimizer, 0, settings);
  for (int32_t i = 0; i < count && !status; i++)
    if (lnspi_token_is(keys[i].key, "schedule"))
      (void)lnspi_setting_read(settings, OPTIMIZER_TABLES, &keys[i], rule, &status, error);
  const int32_t schedule = rule->schedule;
  optimizer_settings(rule->optimizer, schedule, settings);
  lnspi_setting_defaults(settings, OPTIMIZER_TABLES, rule);
  for (int32_t i = 0; i < count && !status; i++) {
    if (lnspi_setting_read(settings, OPTIMIZER_TABLES, &keys[i], rule, &status, error))
      continue;
    status = lnspi_schedule_refuse(keys[i].key, schedule, error);
    if (!status)
      status = lnspi_setting_refuse(settings, OPTIMIZER_TABLES, keys[i].key,
                                    rule->optimizer->name, error);
  }
  rule->weights = rule->weights ? LNSP_BF16 : LNSP_F32; /* from the index of its word */
  return status;
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
  int32_t count = 0;
  memset(rule, 0, sizeof *rule);
  lnspi_lexer_open(&text, string ? string : "adamw");
  lnspi_unknown name = {lnspi_lexer_next(&text, ""), NULL, 0};
  rule->optimizer = lnspi_optimizer_at(lnspi_unknown_find(optimizer_table, &name));
  if (!rule->optimizer) return lnspi_unknown_refuse(&name, "optimizer", NULL, error);
  int32_t status = lnspi_lexer_keys(&text, "", keys, OPTIMIZER_KEYS, &count, error);
  if (!status) status = optimizer_read(keys, count, rule, error);
  if (status) return status;
  lnspi_lexer_line_end(&text);
  if (!lnspi_lexer_at_end(&text))
    return lnspi_error_set_line(
        error, LNSP_E_SYNTAX, text.line, text.column,
        "unexpected text after the optimizer, which is one line: name key=value ...");
  const char *refused = optimizer_refuse(rule);
  if (refused) return lnspi_error_set_line(error, LNSP_E_ARGUMENT, 1, 1, "%s", refused);
  return LNSP_OK;
}

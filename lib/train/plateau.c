/* Lowers the learning rate when a held-out value stops improving; early stopping.
 *
 * The plateau is PyTorch's ReduceLROnPlateau with mode min and threshold_mode rel: a value is
 * better if it is below best * (1 - threshold); after more than `patience` values in a row
 * that are not, the rate is multiplied by `factor`, but does not go below min_lr. None of the
 * next `cooldown` values counts as bad. A reduction below 1e-8 is not made.
 *
 * Its state (lnspi_plateau) is part of the trainer's: state files, marks and stores keep it,
 * so that a resumed run falls at the same step. It keeps the rate in double, while the
 * trainer's own rate is rounded to float, as a state file and lnsp_trainer_set_learning_rate
 * have it; without that a resumed run would differ in the last bit after two falls. */
#include "train/plateau.h"

#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/format.h"
#include "base/lexer.h"

#define PLATEAU_LEAST_FALL 1e-8
#define PLATEAU_MOST_COUNT (INT64_C(1) << 52)

void lnspi_plateau_start(lnsp_trainer *t) {
  t->optim.plateau.best = HUGE_VAL;
  t->optim.plateau.rate = t->optim.rule.lr;
  t->optim.plateau.bad = t->optim.plateau.cooling = 0;
}

int lnspi_plateau_report(lnsp_trainer *t, double value) {
  lnspi_plateau *p = &t->optim.plateau;
  const lnspi_optimizer_config *rule = &t->optim.rule;
  if (value < p->best * (1 - rule->threshold)) {
    p->best = value;
    p->bad = 0;
  } else {
    p->bad++;
  }
  if (p->cooling > 0) {
    p->cooling--;
    p->bad = 0;
  }
  if (p->bad <= rule->patience) return 0;
  p->bad = 0;
  p->cooling = rule->cooldown;
  const double fallen = p->rate * rule->factor;
  const double lower = fallen > rule->min_lr ? fallen : rule->min_lr;
  if (!(p->rate - lower > PLATEAU_LEAST_FALL)) return 0;
  p->rate = lower;
  t->optim.rule.lr = (double)(float)lower;
  t->optim.lr_changed = 1;
  return 1;
}

/* ---- the state ---- */

int lnspi_plateau_valid(const void *bytes) {
  lnspi_plateau p;
  memcpy(&p, bytes, sizeof p);
  return p.best == p.best && p.rate >= 0 && p.rate <= 1e6 && p.bad <= PLATEAU_MOST_COUNT &&
         p.cooling <= PLATEAU_MOST_COUNT;
}

void lnspi_plateau_write(const lnsp_trainer *t, char to[LNSPI_PLATEAU_TEXT]) {
  uint32_t words[4];
  memcpy(words, &t->optim.plateau.best, sizeof(double));
  memcpy(words + 2, &t->optim.plateau.rate, sizeof(double));
  lnspi_format(to, LNSPI_PLATEAU_TEXT, "%u %u %u %u %llu %llu", words[0], words[1], words[2],
               words[3], (unsigned long long)t->optim.plateau.bad,
               (unsigned long long)t->optim.plateau.cooling);
}

int32_t lnspi_plateau_read(lnsp_trainer *t, const char *string, lnsp_error *error) {
  int64_t n[6];
  uint32_t words[4];
  lnspi_plateau read;
  lnspi_lexer text;
  lnspi_lexer_open(&text, string);
  for (int i = 0; i < 6; i++) {
    const int32_t status =
        lnspi_decimal_parse_integer(lnspi_lexer_next(&text, ""), "lnsp.plateau", 0,
                                    i < 4 ? UINT32_MAX : PLATEAU_MOST_COUNT, &n[i], error);
    if (status) return status;
    if (i < 4) words[i] = (uint32_t)n[i];
  }
  memcpy(&read.best, words, sizeof(double));
  memcpy(&read.rate, words + 2, sizeof(double));
  read.bad = (uint64_t)n[4];
  read.cooling = (uint64_t)n[5];
  if (!lnspi_plateau_valid(&read) || !lnspi_lexer_at_end(&text))
    return lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.plateau",
                           "lnsp.plateau does not hold the state of a plateau: the state file "
                           "is damaged");
  t->optim.plateau = read;
  return LNSP_OK;
}

/* ---- early stopping ---- */

int lnspi_plateau_stops(lnsp_early_stop *stop, double value) {
  const int better =
      value == value && (stop->reports == 0 || stop->best != stop->best ||
                         (stop->rises ? value > stop->best : value < stop->best));
  stop->bad = better ? 0 : stop->bad + 1;
  if (better || stop->reports == 0) stop->best = value;
  stop->reports++;
  return better;
}

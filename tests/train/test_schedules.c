/* Learning-rate schedules of optimizer texts and the program's plateau against the numbers
 * of torch.optim.lr_scheduler; early stopping. */
#include "check.h"
#include "schedule_numbers.h"
#include "train/optimizer.h"
#include "train/schedule.h"

#include "train/plateau.c"

static void torch_rates(void) {
  for (size_t c = 0; c < sizeof schedule_cases / sizeof *schedule_cases; c++) {
    const char *text = schedule_cases[c].text;
    lnsp_error error;
    lnspi_optimizer_config rule;
    CHECK_SAY(lnspi_optimizer_parse(text, &rule, &error) == LNSP_OK, "%s: %s", text,
              error.message);
    for (uint64_t s = 0; s < SCHEDULE_STEPS; s++) {
      double rate = lnspi_schedule_rate(&rule, s), torch = schedule_cases[c].rate[s];
      CHECK_SAY(fabs(rate - torch) <= 1e-12, "%s, step %d: %.17g, PyTorch %.17g", text, (int)s,
                rate, torch);
    }
  }
}

static void far_steps(void) {
  lnspi_optimizer_config rule;
  CHECK(lnspi_optimizer_parse("sgd lr=2 schedule=step every=1 factor=.5 min_lr=1%", &rule,
                              NULL) == LNSP_OK);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 3), .25, 0);
  CHECK_NEAR(lnspi_schedule_rate(&rule, UINT64_MAX), .02, 1e-17);
  CHECK(lnspi_optimizer_parse("sgd lr=2 schedule=step every=1 factor=1", &rule, NULL) ==
        LNSP_OK);
  CHECK_NEAR(lnspi_schedule_rate(&rule, UINT64_MAX), 2, 0);
  CHECK(lnspi_optimizer_parse("sgd lr=2 schedule=linear steps=10", &rule, NULL) == LNSP_OK);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 9), .2, 1e-15);
  CHECK_NEAR(lnspi_schedule_rate(&rule, UINT64_MAX), 0, 0);
}

/* A part of lr follows it. */
static void least_follows(void) {
  lnspi_optimizer_config rule;
  CHECK(lnspi_optimizer_parse("min_lr", &rule, NULL) != LNSP_OK);
  CHECK(lnspi_optimizer_parse("sgd schedule=cosine steps=4 min_lr=10%", &rule, NULL) ==
        LNSP_OK);
  rule.lr = 3;
  CHECK_NEAR(lnspi_schedule_rate(&rule, 4), .3, 1e-15);
}

static void refusals(void) {
  static const char *const texts[] = {"sgd schedule=step",
                                      "sgd schedule=step every=0",
                                      "sgd schedule=step every=2 factor=1.5",
                                      "sgd every=2",
                                      "sgd factor=.5",
                                      "sgd schedule=cosine steps=9 factor=.5",
                                      "sgd schedule=linear",
                                      "sgd schedule=linear steps=4 warmup=4",
                                      "sgd warmup=5%",
                                      "sgd schedule=cosine steps=10 warmup=101%",
                                      "sgd schedule=cosine steps=10 warmup=100%",
                                      "sgd schedule=cosine steps=10 warmup=%",
                                      "sgd schedule=cosine steps=10 min_lr=-1%",
                                      "sgd schedule=cosine steps=10% ",
                                      "sgd schedule=plateau",
                                      "sgd schedule=",
                                      "sgd accumulate=0",
                                      "sgd accumulate=1.5",
                                      "sgd accumulate=65537",
                                      "sgd clip_each=1 accumulate=2",
                                      "sgd clip_each=1 noise=1 lot=4 accumulate=2"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lnsp_error error = {0};
    lnspi_optimizer_config rule;
    int32_t status = lnspi_optimizer_parse(texts[i], &rule, &error);
    CHECK_SAY(status != LNSP_OK && error.code == status && error.message[0], "%s was taken",
              texts[i]);
  }
}

static int plateau_read(const char *text, plateau *p) {
  double patience = 0, cooldown = 0;
  const char *at;
  *p = (plateau){.5, 1e-4, 0, 3, 0, 0, 0, 0};
  int n = sscanf(text, "factor=%lf patience=%lf", &p->factor, &patience);
  p->patience = (int64_t)patience;
  if ((at = strstr(text, "cooldown="))) sscanf(at, "cooldown=%lf", &cooldown);
  p->cooldown = (int64_t)cooldown;
  if ((at = strstr(text, "threshold="))) sscanf(at, "threshold=%lf", &p->threshold);
  if ((at = strstr(text, "min_lr="))) sscanf(at, "min_lr=%lf", &p->min_lr);
  return n == 2;
}

static void torch_plateaus(void) {
  for (size_t c = 0; c < sizeof plateau_cases / sizeof *plateau_cases; c++) {
    plateau p;
    double lr = .5;
    CHECK(plateau_read(plateau_cases[c].text, &p));
    plateau_start(&p);
    for (size_t i = 0; i < sizeof plateau_loss / sizeof *plateau_loss; i++) {
      lr = plateau_look(&p, plateau_loss[i], lr);
      CHECK_SAY(fabs(lr - plateau_cases[c].rate[i]) <= 1e-15,
                "%s, look %d: %.17g, PyTorch %.17g", plateau_cases[c].text, (int)i, lr,
                plateau_cases[c].rate[i]);
    }
  }
}

static void stops_early(void) {
  static const double values[] = {.1, .3, .3, .2, NAN, .4, .1, .2, .3};
  static const int better[] = {1, 1, 0, 0, 0, 1, 0, 0, 0};
  watch rises = {.rises = 1, .patience = 3}, falls = {.patience = 2}, never = {.rises = 1};
  for (int i = 0; i < 9; i++) {
    CHECK_INT(watch_look(&rises, values[i]), better[i]);
    CHECK_INT(watch_look(&falls, -values[i]), better[i]);
    CHECK_INT(watch_look(&never, values[i]), better[i]);
    CHECK_INT(watch_over(&rises), i == 4 || i == 8);
    CHECK_INT(watch_over(&falls), i == 3 || i == 4 || i == 7 || i == 8);
    CHECK(!watch_over(&never));
  }
  CHECK_NEAR(rises.best, .4, 0);
  watch odd = {.patience = 5};
  CHECK(!watch_look(&odd, NAN) && watch_look(&odd, 3) && !watch_look(&odd, NAN));
  CHECK_NEAR(odd.best, 3, 0);
}

int main(void) {
  RUN(torch_rates);
  RUN(far_steps);
  RUN(least_follows);
  RUN(refusals);
  RUN(torch_plateaus);
  RUN(stops_early);
  FINISH();
}

/* Learning-rate schedules of optimizer texts, plateaus included, against the numbers
 * of torch.optim.lr_scheduler; early stopping. */
#include "support.h"
#include "schedule_numbers.h"
#include "train/optimizer.h"
#include "train/schedule.h"

#include "train/trainer.h"

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
                                      "sgd schedule=plateau every=3",
                                      "sgd schedule=plateau factor=2",
                                      "sgd schedule=plateau patience=1.5",
                                      "sgd patience=3",
                                      "sgd schedule=cosine steps=9 threshold=.1",
                                      "sgd cooldown=2",
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

static lnsp_trainer *plateau_trainer(const char *text) {
  char whole[160];
  lnsp_size_options limits = {sizeof limits, 1, 1, 2, LNSP_MARK_STATE, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  snprintf(whole, sizeof whole, "sgd lr=.5 schedule=plateau %s", text);
  CHECK_OK(lnsp_model_create("ln_min d=4 s=3", 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", whole, &limits, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

#define LOSSES (sizeof plateau_loss / sizeof *plateau_loss)

static void torch_plateaus(void) {
  for (size_t c = 0; c < sizeof plateau_cases / sizeof *plateau_cases; c++) {
    lnsp_trainer *t = plateau_trainer(plateau_cases[c].text);
    for (size_t i = 0; t && i < LOSSES; i++) {
      const double was = i ? plateau_cases[c].rate[i - 1] : .5, now = plateau_cases[c].rate[i];
      int32_t fell = -1;
      CHECK_OK(lnsp_trainer_report(t, plateau_loss[i], &fell, &support_error));
      CHECK_INT(fell, now < was);
      CHECK_SAY(fabs(t->optim.plateau.rate - now) <= 1e-15,
                "%s, value %d: %.17g, PyTorch %.17g", plateau_cases[c].text, (int)i,
                t->optim.plateau.rate, now);
      CHECK_NEAR(lnsp_trainer_learning_rate(t), (double)(float)now, 0);
    }
    lnsp_trainer_destroy(t);
  }
}

static void report_from(lnsp_trainer *t, size_t first) {
  for (size_t i = first; i < LOSSES; i++)
    CHECK_OK(lnsp_trainer_report(t, plateau_loss[i], NULL, &support_error));
}

/* A trainer that was saved, marked or stored in the middle goes on as the one that was not. */
static void plateau_is_state(void) {
  const char *text = plateau_cases[2].text; /* with a cooldown */
  const double end = plateau_cases[2].rate[LOSSES - 1];
  for (size_t cut = 0; cut < LOSSES; cut++) {
    lnsp_trainer *t = plateau_trainer(text), *again = NULL;
    lnsp_size_options limits = {sizeof limits, 1, 1, 0, 0, 0, 0};
    support_bytes bytes = {NULL, 0};
    lnsp_sink sink = {sizeof sink, &bytes, support_write};
    lnsp_file *file = NULL;
    uint8_t a[32], b[32];
    for (size_t i = 0; i < cut; i++)
      CHECK_OK(lnsp_trainer_report(t, plateau_loss[i], NULL, &support_error));
    CHECK_OK(lnsp_trainer_mark(t, &support_error));
    CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, a, &support_error));
    CHECK_OK(lnsp_trainer_save_sink(t, &sink, LNSP_SAVE_STATE, &support_error));
    report_from(t, cut);
    CHECK_NEAR(t->optim.plateau.rate, end, 1e-15);
    CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
    CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, b, &support_error));
    CHECK(!memcmp(a, b, sizeof a));
    report_from(t, cut);
    CHECK_NEAR(t->optim.plateau.rate, end, 1e-15);
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    CHECK_OK(lnsp_trainer_open_file(file, NULL, NULL, &limits, NULL, &again, &support_error));
    CHECK_OK(lnsp_trainer_hash(again, LNSP_SAVE_STATE, b, &support_error));
    CHECK(!memcmp(a, b, sizeof a));
    report_from(again, cut);
    CHECK(t->optim.plateau.rate == again->optim.plateau.rate);
    CHECK(lnsp_trainer_learning_rate(t) == lnsp_trainer_learning_rate(again));
    lnsp_trainer_destroy(again);
    lnsp_trainer_destroy(t);
    lnsp_file_destroy(file);
    free(bytes.data);
  }
}

static void plateau_refusals(void) {
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create("ln_min d=4 s=3", 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", "sgd", NULL, NULL, &t, &support_error));
  CHECK_REFUSED(lnsp_trainer_report(t, 1, NULL, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_report(NULL, 1, NULL, &support_error), LNSP_E_ARGUMENT);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

/* NaN is no better than anything; a rate that is set by hand is the one that falls. */
static void plateau_by_hand(void) {
  lnsp_trainer *t = plateau_trainer("patience=0 min_lr=10%");
  CHECK_OK(lnsp_trainer_report(t, 1, NULL, &support_error));
  CHECK_OK(lnsp_trainer_report(t, (double)NAN, NULL, &support_error));
  CHECK_NEAR(lnsp_trainer_learning_rate(t), .25, 0);
  CHECK_OK(lnsp_trainer_set_learning_rate(t, .125f, &support_error));
  CHECK_OK(lnsp_trainer_report(t, 2, NULL, &support_error));
  CHECK_NEAR(lnsp_trainer_learning_rate(t), .0625, 0);
  CHECK_OK(lnsp_trainer_report(t, 2, NULL, &support_error));
  CHECK_NEAR(lnsp_trainer_learning_rate(t), (double)(float).05, 0);
  lnsp_trainer_destroy(t);
}

static void stops_early(void) {
  static const double values[] = {.1, .3, .3, .2, NAN, .4, .1, .2, .3};
  static const int better[] = {1, 1, 0, 0, 0, 1, 0, 0, 0};
  lnsp_early_stop rises = {sizeof rises, 1, 3, 0, 0, 0}, falls = {sizeof falls, 0, 2, 0, 0, 0};
  lnsp_early_stop never = {sizeof never, 1, 0, 0, 0, 0}, odd = {sizeof odd, 0, 5, 0, 0, 0};
  for (int i = 0; i < 9; i++) {
    CHECK_INT(lnsp_early_stop_report(&rises, values[i]), better[i]);
    CHECK_INT(lnsp_early_stop_report(&falls, -values[i]), better[i]);
    CHECK_INT(lnsp_early_stop_report(&never, values[i]), better[i]);
    CHECK_INT(lnsp_early_stop_over(&rises), i == 4 || i == 8);
    CHECK_INT(lnsp_early_stop_over(&falls), i == 3 || i == 4 || i == 7 || i == 8);
    CHECK(!lnsp_early_stop_over(&never));
  }
  CHECK_NEAR(rises.best, .4, 0);
  CHECK(!lnsp_early_stop_report(&odd, NAN) && lnsp_early_stop_report(&odd, 3) &&
        !lnsp_early_stop_report(&odd, NAN));
  CHECK_NEAR(odd.best, 3, 0);
  CHECK(!lnsp_early_stop_report(NULL, 1) && !lnsp_early_stop_over(NULL));
}

int main(void) {
  RUN(torch_rates);
  RUN(far_steps);
  RUN(least_follows);
  RUN(refusals);
  RUN(torch_plateaus);
  RUN(plateau_is_state);
  RUN(plateau_refusals);
  RUN(plateau_by_hand);
  RUN(stops_early);
  FINISH();
}

/* Optimizers and schedules against the numbers of torch.optim. */
#include "check.h"
#include "optimizer_numbers.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "train/optimizer.h"
#include "train/schedule.h"

/* One case on one kernel set, all steps. */
static void follow(const char *text, const double weight[OPTIMIZER_STEPS][OPTIMIZER_N],
                   const lnspi_kernels *k) {
  lnsp_error error;
  lnspi_optimizer_config rule;
  float w[OPTIMIZER_N], m[OPTIMIZER_N] = {0}, v[OPTIMIZER_N] = {0};
  float *moments[LNSPI_MOMENTS] = {m, v};
  CHECK_SAY(lnspi_optimizer_parse(text, &rule, &error) == LNSP_OK, "%s: %s", text,
            error.message);
  if (rule.optimizer->moments(rule.real) < 1) moments[0] = NULL;
  memcpy(w, optimizer_start, sizeof w);
  for (uint64_t s = 0; s < OPTIMIZER_STEPS; s++) {
    lnspi_update update;
    rule.optimizer->prepare(rule.real, lnspi_schedule_rate(&rule, s), 1.0, s + 1, &update);
    rule.optimizer->apply(k, &update, w, moments, optimizer_gradient[s], OPTIMIZER_N);
    for (int i = 0; i < OPTIMIZER_N; i++)
      CHECK_SAY(fabs((double)w[i] - weight[s][i]) <= 2e-6 * (fabs(weight[s][i]) + .01),
                "%s (%s) step %d element %d: %.9g, PyTorch %.9g", text, k->name, (int)s, i,
                (double)w[i], weight[s][i]);
  }
}

static void torch_numbers(void) {
  for (size_t c = 0; c < sizeof optimizer_cases / sizeof *optimizer_cases; c++)
    for (int32_t i = 0; lnspi_dispatch_at(i); i++) {
      const lnspi_kernels *k = lnspi_dispatch_select(lnspi_dispatch_at(i)->name, NULL);
      if (k) follow(optimizer_cases[c].text, optimizer_cases[c].weight, k);
    }
}

/* The proven bounds hold on the way. */
static void bounds_hold(void) {
  const char *texts[] = {"sgd lr=.5 momentum=.9 nesterov=1 weight_decay=.5",
                         "adam lr=.3 weight_decay=.5 eps=1e-3", "adamw lr=.3 eps=1e-3"};
  const lnspi_kernels *k = lnspi_dispatch_select("scalar", NULL);
  for (size_t c = 0; c < 3; c++) {
    lnspi_optimizer_config rule;
    lnspi_bounds bounds = {.weight = 2.0};
    float w[OPTIMIZER_N], m[OPTIMIZER_N] = {0}, v[OPTIMIZER_N] = {0};
    float *moments[LNSPI_MOMENTS] = {m, v};
    CHECK(lnspi_optimizer_parse(texts[c], &rule, NULL) == LNSP_OK);
    memcpy(w, optimizer_start, sizeof w);
    for (uint64_t s = 0; s < 50; s++) {
      lnspi_update update;
      double most = 0;
      const float *g = optimizer_gradient[s % OPTIMIZER_STEPS];
      for (int i = 0; i < OPTIMIZER_N; i++)
        if (fabs((double)g[i]) > most) most = fabs((double)g[i]);
      rule.optimizer->prepare(rule.real, rule.lr, 1.0, s + 1, &update);
      rule.optimizer->bound(rule.real, &update, most, &bounds);
      rule.optimizer->apply(k, &update, w, moments, g, OPTIMIZER_N);
      for (int i = 0; i < OPTIMIZER_N; i++) {
        CHECK(fabs((double)w[i]) <= bounds.weight);
        CHECK(fabs((double)m[i]) <= bounds.moment);
        CHECK(sqrt((double)v[i]) <= bounds.moment);
      }
    }
  }
}

static void schedules(void) {
  lnspi_optimizer_config rule;
  CHECK(lnspi_optimizer_parse("sgd lr=2 schedule=cosine warmup=4 steps=12 min_lr=1", &rule,
                              NULL) == LNSP_OK);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 0), .5, 1e-15);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 3), 2, 1e-15);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 4), 2, 1e-15);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 8), 1.5, 1e-15);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 11), 1 + .5 * (1 + cos(3.14159265358979 * 7 / 8)),
             1e-14);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 12), 1, 1e-15);
  CHECK_NEAR(lnspi_schedule_rate(&rule, UINT64_MAX), 1, 1e-15);
  CHECK(lnspi_optimizer_parse("sgd lr=2 warmup=2", &rule, NULL) == LNSP_OK);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 0), 1, 1e-15);
  CHECK_NEAR(lnspi_schedule_rate(&rule, 1000000), 2, 1e-15);
}

int main(void) {
  RUN(torch_numbers);
  RUN(bounds_hold);
  RUN(schedules);
  FINISH();
}

/* Aggregates at their limits: who is in a mean, how many, of what weights, and empty ones. */
#include "delta_cases.h"

/* Deltas whose first bias becomes 1, 2, 4, 8, ...: who is in a mean can be read from it. */
static void powers(const lnsp_model *base, lnsp_delta **deltas, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    lnsp_model *next = model_stored_as(base, LNSP_F32);
    float values[70] = {0};
    const lnspi_weight *w = NULL;
    for (int32_t t = 0; t < next->graph->weight_count; t++)
      if (!strcmp(next->graph->weights[t].name, "a.bias")) w = &next->graph->weights[t];
    CHECK(w != NULL);
    values[0] = (float)(1 << i);
    lnspi_state_write(w, next->state, 0, lnspi_weight_rows(w), values);
    deltas[i] = delta_between(base, next, NULL);
    lnsp_model_destroy(next);
  }
}

/* A share that is no whole number of deltas is rounded up: one bad delta of eight must not
 * stay in a trimmed mean of share .1. At least one stays. */
static void trimmed_counts(void) {
  static const struct {
    int32_t count;
    const char *rule;
    int32_t cut;
  } cases[] =
      {{8, "trimmed", 1},           {8, "trimmed share=.1", 1},  {8, "trimmed share=.125", 1},
       {8, "trimmed share=.2", 2},  {8, "trimmed share=.25", 2}, {8, "trimmed share=0", 0},
       {8, "trimmed share=.49", 3}, {7, "trimmed share=.49", 3}, {10, "trimmed share=.3", 3},
       {10, "trimmed share=.1", 1}, {2, "trimmed share=.49", 0}, {1, "trimmed", 0}};
  lnsp_model *base = zeroed();
  lnsp_delta *deltas[10], *sum;
  powers(base, deltas, 10);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    double wanted = 0;
    for (int32_t i = cases[c].cut; i < cases[c].count - cases[c].cut; i++)
      wanted += (double)(1 << i);
    wanted = (double)(float)(wanted / (cases[c].count - 2 * cases[c].cut));
    CHECK_INT(aggregate(base, (const lnsp_delta *const *)deltas, NULL, cases[c].count,
                        cases[c].rule, &sum),
              LNSP_OK);
    const double got = bias_of(sum, base);
    CHECK_SAY(got == wanted, "%d, %s: %g, not %g", cases[c].count, cases[c].rule, got, wanted);
    lnsp_delta_destroy(sum);
  }
  for (int i = 0; i < 10; i++) lnsp_delta_destroy(deltas[i]);
  lnsp_model_destroy(base);
}

/* The median norm of an even number is the lower of the middle two, so that half of the
 * deltas cannot raise it. */
static void median_norm(void) {
  lnsp_model *base = zeroed();
  lnsp_delta *deltas[4], *sum;
  powers(base, deltas, 4); /* norms 1, 2, 4, 8 */
  CHECK_INT(aggregate(base, (const lnsp_delta *const *)deltas, NULL, 4, "mean clip=median",
                      &sum),
            LNSP_OK);
  CHECK(bias_of(sum, base) == (1 + 2 + 2 + 2) / 4.);
  lnsp_delta_destroy(sum);
  for (int i = 0; i < 4; i++) lnsp_delta_destroy(deltas[i]);
  lnsp_model_destroy(base);
}

/* Only their ratio counts, so far as a double can hold the sums; others are refused rather
 * than rounded away or overflowing. */
static void weights_of_a_mean(void) {
  static const double good[][2] = {{1, 3}, {1e-30, 3e-30}, {1e29, 3e29}, {0, 1}};
  static const double bad[][2] = {{1e-310, 3e-310}, {1e-31, 1}, {1e31, 1}, {1e300, 1e300}};
  lnsp_model *base = zeroed();
  lnsp_delta *deltas[2], *sum;
  powers(base, deltas, 2);
  const lnsp_delta *const *given = (const lnsp_delta *const *)deltas;
  for (int i = 0; i < 4; i++) {
    CHECK_INT(aggregate(base, given, good[i], 2, "mean", &sum), LNSP_OK);
    CHECK(fabs(bias_of(sum, base) - (i < 3 ? 1.75 : 2)) < 1e-6);
    lnsp_delta_destroy(sum);
  }
  for (int i = 0; i < 4; i++) {
    CHECK_INT(aggregate(base, given, bad[i], 2, "mean", &sum), LNSP_E_ARGUMENT);
    CHECK(strstr(error.message, "weight ") != NULL && sum == NULL);
  }
  for (int i = 0; i < 2; i++) lnsp_delta_destroy(deltas[i]);
  lnsp_model_destroy(base);
}

/* No handle is looked at before their number is known to be allowed. */
static void counts(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8"), *sum = NULL;
  const lnsp_delta **one = malloc(sizeof *one);
  static const int32_t bad[] = {0, -1, INT32_MIN, 1025, INT32_MAX};
  one[0] = delta;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK_INT(aggregate(base, one, NULL, bad[i], NULL, &sum), LNSP_E_LIMIT);
    CHECK_INT(lnsp_delta_merge(one, bad[i], NULL, &sum, &error), LNSP_E_ARGUMENT);
  }
  one[0] = NULL;
  CHECK_INT(aggregate(base, one, NULL, 1, NULL, &sum), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_aggregate(base, NULL, NULL, 1, NULL, NULL, NULL, &sum, &error),
            LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_aggregate(base, one, NULL, 1, NULL, NULL, NULL, NULL, &error),
            LNSP_E_ARGUMENT);
  free(one);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* One handle several times is that many deltas; 1,024 of them go. */
static void one_handle_often(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "exact"), *sum;
  static const lnsp_delta *often[1024];
  for (int i = 0; i < 1024; i++) often[i] = delta;
  static const char *const rules[] = {"mean", "median", "trimmed", "mean clip=median"};
  lnsp_model *wanted = NULL;
  CHECK_INT(aggregate(base, often, NULL, 1, "mean", &sum), LNSP_OK);
  wanted = delta_applied(sum, base);
  lnsp_delta_destroy(sum);
  for (size_t r = 0; r < 4; r++) {
    CHECK_INT(aggregate(base, often, NULL, 1024, rules[r], &sum), LNSP_OK);
    lnsp_model *got = delta_applied(sum, base);
    CHECK(model_same(got, wanted));
    lnsp_model_destroy(got);
    lnsp_delta_destroy(sum);
  }
  lnsp_model_destroy(wanted);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* Deltas without a change, alone and with others. */
static void empty(void) {
  static const char *const codecs[] = {"exact", "int4", "sparse", "sign", "float16", "float32"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f), *got;
  lnsp_delta *nothing[7], *sum, *delta = delta_between(base, next, "float32");
  double norm = -1, most = -1;
  for (int i = 0; i < 6; i++) {
    nothing[i] = delta_between(base, base, codecs[i]);
    CHECK_INT(lnsp_delta_norm(nothing[i], base, &norm, &most, NULL, &error), LNSP_OK);
    CHECK(norm == 0 && most == 0);
  }
  const lnsp_delta *const *given = (const lnsp_delta *const *)nothing;
  static const char *const rules[] = {"mean",         "median",
                                      "trimmed",      "mean clip=median",
                                      "mean clip=.1", "mean skip=1"};
  for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
    CHECK_INT(aggregate(base, given, NULL, 6, rules[r], &sum), LNSP_OK);
    CHECK_INT(sum->changed_count, 0);
    got = delta_applied(sum, base);
    CHECK(model_same(got, base));
    lnsp_model_destroy(got);
    lnsp_delta_destroy(sum);
  }
  /* most did nothing: clip=median leaves nothing of the one that did */
  nothing[6] = delta;
  CHECK_INT(aggregate(base, given, NULL, 7, "mean clip=median", &sum), LNSP_OK);
  CHECK_INT(sum->changed_count, 0);
  lnsp_delta_destroy(sum);
  CHECK_INT(lnsp_delta_merge(given, 7, NULL, &sum, &error), LNSP_OK);
  got = delta_applied(sum, base);
  CHECK(model_same(got, next) || sum->stage_count == 7);
  lnsp_model_destroy(got);
  CHECK_INT(lnsp_delta_norm(sum, base, &norm, NULL, NULL, &error), LNSP_OK);
  CHECK(norm > 0);
  lnsp_delta_destroy(sum);
  lnsp_trainer *trainer = trainer_of(base, "adam lr=.01", NULL);
  CHECK_INT(lnsp_trainer_step_delta(trainer, nothing[0], &error), LNSP_OK);
  got = model_published(trainer);
  CHECK(model_same(got, base));
  lnsp_model_destroy(got);
  lnsp_trainer_destroy(trainer);
  for (int i = 0; i < 7; i++) lnsp_delta_destroy(nothing[i]);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

int main(void) {
  RUN(trimmed_counts);
  RUN(median_norm);
  RUN(weights_of_a_mean);
  RUN(counts);
  RUN(one_handle_often);
  RUN(empty);
  FINISH();
}

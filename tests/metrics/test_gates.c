/* 5CAT and the verdicts of lnsp eval against PyTorch and NumPy (tests/tools/metric_numbers.py),
 * and on small cases that can be computed by hand. */
#include "check.h"
#include "common/cat5.h"
#include "common/gates.h"
#include "common/mt19937.h"
#include "lnsp.h"
#include "metric_numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof array / sizeof array[0])

static void make_vectors(float *x, int64_t rows, int64_t seed) {
  int64_t i;
  for (i = 0; i < rows * METRIC_WIDTH; i++)
    x[i] = (float)((double)((i * i * 31 + i * 7919 + seed * 104729) % 2003) / 1001 - 1);
}

static void words_and_scalars(void) {
  CHECK_NEAR(gates_scalar_mrr(METRIC_ALL_MRR, .5, .2), -log(METRIC_ALL_MRR) + .1, 1e-10);
  CHECK_NEAR(gates_scalar_recall(METRIC_ALL_R5, .5, .2), 1 - METRIC_ALL_R5 + .1, 1e-10);
  CHECK_STR(gates_direction(.10), "excellent");
  CHECK_STR(gates_direction(.0999), "good");
  CHECK_STR(gates_direction(.02), "marginal");
  CHECK_STR(gates_direction(-.07), "poor");
}

/* Five concepts: the target is beaten or equalled by as many of them as it says. */
static void mini(void) {
  static const float context[5][2] = {{1, 0}, {1, 0}, {1, 0}, {1, 0}, {0, 1}};
  static const float up[2] = {0, 1}, right[2] = {1, 0};
  gates_mini m;

  memset(&m, 0, sizeof m);
  gates_mini_add(&m, &context[0][0], 5, right, right, 2); /* four ties: rank 5, margin 1 */
  gates_mini_add(&m, &context[0][0], 5, right, up, 2); /* 4 better, 1 tie: 6, margin 0 */
  gates_mini_end(&m);
  CHECK_NEAR(m.margin, .5, 0);
  CHECK_NEAR(m.hit5, .5, 0);
}

/* ---- 5CAT ---- */

static float bank_vectors[METRIC_BANK * METRIC_WIDTH];
static int32_t article[METRIC_BANK], order[METRIC_BANK], place[METRIC_BANK];

static cat5_bank make_bank(void) {
  const cat5_bank bank = {bank_vectors, article, order, place, METRIC_BANK, METRIC_WIDTH};
  float topic[METRIC_ARTICLES * METRIC_WIDTH];
  int i, j;

  make_vectors(bank_vectors, METRIC_BANK, 3);
  make_vectors(topic, METRIC_ARTICLES, 4);
  for (i = 0; i < METRIC_BANK; i++) {
    article[i] = i % 29 == 28 ? -1 : i * i / 3 % METRIC_ARTICLES;
    for (j = 0; j < METRIC_WIDTH; j++) {
      float *x = &bank_vectors[i * METRIC_WIDTH + j];
      *x *= .9f;
      if (article[i] >= 0)
        *x += topic[article[i] * METRIC_WIDTH + j] * (.5f + .1f * (float)article[i]);
    }
  }
  lnsp_metrics_normalize(bank_vectors, METRIC_BANK, METRIC_WIDTH, 1e-9);
  cat5_order(article, METRIC_BANK, order, place);
  return bank;
}

static int predict_weighted(void *self, const float *contexts, int64_t rows, float *out) {
  static const double w[5] = {.05, .1, .15, .25, .45};
  int64_t r;
  int i, c, *calls = self;

  for (r = 0; r < rows; r++)
    for (i = 0; i < METRIC_WIDTH; i++) {
      double sum = 0;
      for (c = 0; c < 5; c++) sum += w[c] * (double)contexts[(r * 5 + c) * METRIC_WIDTH + i];
      out[r * METRIC_WIDTH + i] = (float)sum;
    }
  return --*calls < 0 ? 7 : 0;
}

static void run_five(int target_base, int64_t batch, cat5_result *out) {
  const cat5_bank bank = make_bank();
  const cat5_setting s = {target_base, 5, METRIC_HORIZON, batch};
  float *scratch = malloc((size_t)cat5_scratch(&bank, &s) * sizeof *scratch);
  int calls = 1 << 20;

  CHECK(scratch != NULL);
  if (scratch)
    CHECK_INT(cat5_evaluate(&bank, &metric_windows[0][0], METRIC_WINDOWS, &s, predict_weighted,
                            &calls, scratch, out),
              0);
  free(scratch);
}

static void near_all(const double *actual, const double *expected, size_t count) {
  size_t i;
  for (i = 0; i < count; i++) CHECK_NEAR(actual[i], expected[i], 2e-6);
}

static void check_common(const cat5_result *r, const double *within, const double *ablation,
                         const double *bins) {
  CHECK_NEAR(r->hit1, within[0], 1e-11);
  CHECK_NEAR(r->hit5, within[1], 1e-11);
  CHECK_NEAR(r->mrr, within[2], 1e-11);
  CHECK_INT(r->article_rows, (int)within[3]);
  near_all(r->ablation, ablation, CAT5_ABLATIONS);
  CHECK_NEAR(r->low, bins[0], 2e-6);
  CHECK_INT(r->low_rows, (int)bins[1]);
  CHECK_NEAR(r->normal, bins[2], 2e-6);
  CHECK_INT(r->normal_rows, (int)bins[3]);
  CHECK_INT(r->rows, METRIC_WINDOWS);
  CHECK_INT(r->without_article, 0);
}

static void five_last_context(void) {
  cat5_result r;
  run_five(0, 7, &r);
  near_all(r.offset, five_last_context_offset, CAT5_OFFSETS);
  near_all(r.step, five_last_context_step, METRIC_HORIZON);
  CHECK_NEAR(r.margin, FIVE_LAST_CONTEXT_MARGIN, 2e-6);
  CHECK_NEAR(r.rollout, FIVE_LAST_CONTEXT_ROLLOUT, 2e-6);
  CHECK_INT(r.offset_rows, FIVE_LAST_CONTEXT_OFFSET_ROWS);
  CHECK_INT(r.offset_rows + r.offset_skipped, METRIC_WINDOWS);
  CHECK_INT(r.rollout_rows, FIVE_LAST_CONTEXT_ROLLOUT_ROWS);
  CHECK_INT(r.rollout_rows + r.rollout_skipped, METRIC_WINDOWS);
  check_common(&r, five_last_context_within, five_last_context_ablation,
               five_last_context_bins);
}

static void five_target_base(void) {
  cat5_result r;
  run_five(1, METRIC_WINDOWS, &r);
  near_all(r.offset, five_target_offset, CAT5_OFFSETS);
  near_all(r.step, five_target_step, METRIC_HORIZON);
  CHECK_NEAR(r.margin, FIVE_TARGET_MARGIN, 2e-6);
  CHECK_NEAR(r.rollout, FIVE_TARGET_ROLLOUT, 2e-6);
  CHECK_INT(r.offset_rows, FIVE_TARGET_OFFSET_ROWS);
  CHECK_INT(r.rollout_rows, FIVE_TARGET_ROLLOUT_ROWS);
  check_common(&r, five_target_within, five_target_ablation, five_target_bins);
}

/* The suite does not depend on how many windows are predicted at once. */
static void five_any_batch(void) {
  cat5_result a, b;
  memset(&a, 0, sizeof a);
  memset(&b, 0, sizeof b);
  run_five(0, 1, &a);
  run_five(0, 50, &b);
  near_all(a.ablation, b.ablation, CAT5_ABLATIONS);
  near_all(a.step, b.step, METRIC_HORIZON);
  CHECK_NEAR(a.margin, b.margin, 1e-12);
}

/* A bank of one short article: nothing but ablations and bins has a sample, and what has
 * none fails its gate. */
static void five_skips(void) {
  cat5_bank bank = make_bank();
  static const int32_t window[6] = {0, 1, 2, 3, 4, 5};
  const cat5_setting s = {1, 5, METRIC_HORIZON, 1};
  float scratch[METRIC_WIDTH * 12];
  cat5_result r;
  int i, calls = 100;

  for (i = 0; i < METRIC_BANK; i++) article[i] = i == 5 ? -1 : 2;
  cat5_order(article, METRIC_BANK, order, place);
  CHECK_INT(cat5_evaluate(&bank, window, 1, &s, predict_weighted, &calls, scratch, &r), 0);
  CHECK_INT(r.without_article, 1);
  CHECK_INT(r.offset_rows, 0);
  CHECK_INT(r.offset_skipped, 1);
  CHECK_INT(r.article_skipped, 1);
  CHECK_INT(r.rollout_skipped, 1);
  CHECK(isnan(r.margin) && isnan(r.hit1) && isnan(r.rollout));
  for (i = 0; i < CAT5_GATES; i++)
    if (i != CAT5_C) CHECK_INT(cat5_gate(i, &r, &r, 0), 0);
  CHECK_INT(cat5_neighbour(&bank, 4, 1), 6); /* over the row that has no article */
  CHECK_INT(cat5_neighbour(&bank, 0, -1), -1);
  CHECK_INT(cat5_neighbour(&bank, METRIC_BANK - 1, 1), -1);
  calls = 3; /* a predictor's refusal ends the suite */
  CHECK_INT(cat5_evaluate(&bank, window, 1, &s, predict_weighted, &calls, scratch, &r), 7);
}

static void five_gates(void) {
  cat5_result r, other;

  memset(&r, 0, sizeof r);
  r.offset[4] = .49;
  r.margin = .11;
  CHECK_INT(cat5_gate(CAT5_A, &r, NULL, 0), 0);
  CHECK_INT(cat5_gate(CAT5_A, &r, NULL, 1), 1);
  r.hit1 = .56, r.hit5 = .93, r.mrr = .76;
  CHECK_INT(cat5_gate(CAT5_B, &r, NULL, 0), 0);
  CHECK_INT(cat5_gate(CAT5_B, &r, NULL, 1), 1);
  r.ablation[CAT5_SHUFFLED] = -.15;
  r.ablation[CAT5_REVERSED] = -.10;
  r.ablation[CAT5_LEFT_OUT] = -.08;
  r.ablation[CAT5_REPEATED] = .05;
  CHECK_INT(cat5_gate(CAT5_C, &r, NULL, 0), 1);
  r.ablation[CAT5_CROSS] = .051;
  CHECK_INT(cat5_gate(CAT5_C, &r, NULL, 0), 0);
  r.rollout = .43;
  CHECK_INT(cat5_gate(CAT5_D, &r, NULL, 0), 0);
  CHECK_INT(cat5_gate(CAT5_D, &r, NULL, 1), 1);
  other = r;
  r.normal = .5;
  other.normal = .451;
  CHECK_INT(cat5_gate(CAT5_E, &r, &other, 0), 1);
  other.normal = .449;
  CHECK_INT(cat5_gate(CAT5_E, &r, &other, 0), 0);
  CHECK_INT(cat5_gate(CAT5_E, &r, NULL, 0), 0);
}

static void shuffles_as_python(void) {
  static const int32_t sizes[] = {5, 5, 30};
  mt19937 r;
  int32_t x[30], i;
  size_t s, at = 0;

  mt19937_seed(&r, 17);
  for (s = 0; s < COUNT(sizes); s++) {
    for (i = 0; i < sizes[s]; i++) x[i] = i;
    mt19937_shuffle(&r, x, sizes[s]);
    for (i = 0; i < sizes[s]; i++) CHECK_INT(x[i], five_orders[at++]);
  }
  CHECK_INT(at, COUNT(five_orders));
}

int main(void) {
  RUN(words_and_scalars);
  RUN(mini);
  RUN(five_last_context);
  RUN(five_target_base);
  RUN(five_any_batch);
  RUN(five_skips);
  RUN(five_gates);
  RUN(shuffles_as_python);
  FINISH();
}

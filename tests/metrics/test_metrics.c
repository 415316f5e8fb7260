/* The measures of lnsp eval against PyTorch and NumPy (tests/tools/metric_numbers.py), and
 * on small cases that can be reckoned by hand. */
#include "check.h"

#include "score/cat5.c"
#include "score/mt19937.c"
#include "score/metrics.c"
#include "metric_numbers.h"

#define COUNT(array) (sizeof array / sizeof array[0])

static void make_vectors(float *x, int64_t rows, int64_t seed) {
  int64_t i;
  for (i = 0; i < rows * METRIC_WIDTH; i++)
    x[i] = (float)((double)((i * i * 31 + i * 7919 + seed * 104729) % 2003) / 1001 - 1);
}

static float pool_vectors[METRIC_POOL * METRIC_WIDTH], queries[METRIC_QUERIES * METRIC_WIDTH];
static int32_t truth[METRIC_QUERIES], without[METRIC_QUERIES * METRIC_WITHOUT];
static metric_rank ranks[METRIC_QUERIES];

static metric_pool make_queries(void) {
  const metric_pool pool = {pool_vectors, METRIC_POOL, METRIC_WIDTH};
  int q, j;

  make_vectors(pool_vectors, METRIC_POOL, 1);
  make_vectors(queries, METRIC_QUERIES, 2);
  metric_unit(pool_vectors, METRIC_POOL, METRIC_WIDTH, 0);
  metric_unit(queries, METRIC_QUERIES, METRIC_WIDTH, 0);
  for (q = 0; q < METRIC_QUERIES; q++) {
    truth[q] = (7 * q + 3) % METRIC_POOL;
    for (j = 0; j < METRIC_WIDTH; j++)
      queries[q * METRIC_WIDTH + j] += .7f * pool_vectors[truth[q] * METRIC_WIDTH + j];
    for (j = 0; j < METRIC_WITHOUT; j++)
      without[q * METRIC_WITHOUT + j] = (q * 5 + 11 * j) % (METRIC_POOL + 4) - 4;
  }
  metric_unit(queries, METRIC_QUERIES, METRIC_WIDTH, 0);
  return pool;
}

static void rank_queries(const metric_pool *pool, const int32_t *left_out) {
  float *scratch = malloc((size_t)metric_ranks_scratch(pool) * sizeof *scratch);
  CHECK(scratch != NULL);
  if (scratch)
    metric_ranks(pool, queries, METRIC_QUERIES, truth, left_out, METRIC_WITHOUT, scratch,
                 ranks);
  free(scratch);
}

static void ranks_as_pytorch(void) {
  const metric_pool pool = make_queries();
  metric_retrieval r;
  int q;

  rank_queries(&pool, NULL);
  for (q = 0; q < METRIC_QUERIES; q++) {
    CHECK_INT(ranks[q].rank, (int)metric_rank_all[q]);
    CHECK_INT(ranks[q].best, (int)metric_best_all[q]);
  }
  r = metric_retrieve(ranks, METRIC_QUERIES);
  CHECK_NEAR(r.hit1, METRIC_ALL_R1, 1e-11);
  CHECK_NEAR(r.hit5, METRIC_ALL_R5, 1e-11);
  CHECK_NEAR(r.hit10, METRIC_ALL_R10, 1e-11);
  CHECK_NEAR(r.mrr, METRIC_ALL_MRR, 1e-11);
  CHECK_NEAR(r.mrr10, METRIC_ALL_MRR10, 1e-11);
  CHECK_NEAR(r.median, METRIC_ALL_MEDIAN, 0);
  CHECK_NEAR(metric_scalar_mrr(&r, .5, .2), -log(METRIC_ALL_MRR) + .1, 1e-10);
  CHECK_NEAR(metric_scalar_recall(&r, .5, .2), 1 - METRIC_ALL_R5 + .1, 1e-10);
}

static void ranks_without_context(void) {
  const metric_pool pool = make_queries();
  metric_retrieval r;
  int q;

  rank_queries(&pool, without);
  for (q = 0; q < METRIC_QUERIES; q++) {
    CHECK_INT(ranks[q].rank, (int)metric_rank_left[q]);
    CHECK_INT(ranks[q].best, (int)metric_best_left[q]);
  }
  r = metric_retrieve(ranks, METRIC_QUERIES);
  CHECK_NEAR(r.hit1, METRIC_LEFT_R1, 1e-11);
  CHECK_NEAR(r.hit5, METRIC_LEFT_R5, 1e-11);
  CHECK_NEAR(r.hit10, METRIC_LEFT_R10, 1e-11);
  CHECK_NEAR(r.mrr, METRIC_LEFT_MRR, 1e-11);
  CHECK_NEAR(r.mrr10, METRIC_LEFT_MRR10, 1e-11);
  CHECK_NEAR(r.median, METRIC_LEFT_MEDIAN, 0);
}

/* Equal scores do not push the truth back; a truth that is left out is ranked all the
 * same; a pool of one is found. */
static void ranks_of_ties(void) {
  static const float same[4][2] = {{1, 0}, {1, 0}, {0, 1}, {1, 0}};
  static const float query[2] = {1, 0};
  static const int32_t first[1] = {3}, left_out[4] = {3, 0, 1, -1};
  metric_pool pool = {&same[0][0], 4, 2};
  float scratch[METRIC_BLOCK * 6];
  metric_rank out;

  metric_ranks(&pool, query, 1, first, NULL, 0, scratch, &out);
  CHECK_INT(out.rank, 1);
  CHECK_INT(out.best, 0);
  CHECK_INT(out.near, 1);
  metric_ranks(&pool, query, 1, first, left_out, 4, scratch, &out);
  CHECK_INT(out.rank, 1);
  CHECK_INT(out.best, 3);
  pool.vectors = same[2];
  pool.count = 1;
  metric_ranks(&pool, query, 1, (const int32_t[]){0}, NULL, 0, scratch, &out);
  CHECK_INT(out.rank, 1);
  CHECK_NEAR(out.score, 0, 0);
}

/* The truth is sixth, but the third best is as good as it. */
static void oracle_finds_twins(void) {
  static const float pool_of[6][2] = {{.8f, .6f},   {.96f, .28f}, {1, 0},
                                      {.28f, .96f}, {0, 1},       {.1f, .99498743f}};
  static const float query[2] = {1, 0};
  static const int32_t right[2] = {5, 4};
  const metric_pool pool = {&pool_of[0][0], 6, 2};
  float scratch[METRIC_BLOCK * 8];
  metric_rank out[2];
  metric_retrieval r;

  metric_ranks(&pool, query, 1, right, NULL, 0, scratch, &out[0]);
  CHECK_INT(out[0].rank, 5);
  CHECK_INT(out[0].near, 4);
  metric_ranks(&pool, query, 1, right + 1, NULL, 0, scratch, &out[1]);
  CHECK_INT(out[1].rank, 6);
  CHECK_INT(out[1].near, 4);
  r = metric_retrieve(out, 2);
  CHECK_NEAR(r.oracle1, 0, 0);
  CHECK_NEAR(r.oracle5, 1, 0);
  CHECK_NEAR(r.hit5, .5, 0);
}

static void cosines(void) {
  static const float a[3] = {3, 0, 4}, b[3] = {0, 2, 0}, zero[3] = {0, 0, 0};
  const metric_pool pool = make_queries();
  double sum = 0;
  int q;

  for (q = 0; q < METRIC_QUERIES; q++)
    sum += metric_cosine(queries + q * METRIC_WIDTH, pool.vectors + truth[q] * METRIC_WIDTH,
                         METRIC_WIDTH, 0);
  CHECK_NEAR(sum / METRIC_QUERIES, METRIC_COSINE, 1e-7);
  CHECK_NEAR(metric_cosine(a, a, 3, 0), 1, 1e-15);
  CHECK_NEAR(metric_cosine(a, a, 3, 5), 25.0 / 100, 1e-15);
  CHECK_NEAR(metric_cosine(a, b, 3, 0), 0, 0);
  CHECK_NEAR(metric_cosine(a, zero, 3, 0), 0, 0);
  CHECK_INT(metric_triplet(a, a, b, 3), 1);
  CHECK_INT(metric_triplet(a, b, a, 3), 0);
  CHECK_INT(metric_triplet(a, b, b, 3), 0);
}

static void collapse(void) {
  static float scratch[METRIC_QUERIES * METRIC_QUERIES], same[4 * METRIC_WIDTH];
  metric_collapse c;
  int i;

  make_queries();
  c = metric_collapse_of(queries, METRIC_QUERIES, METRIC_WIDTH, scratch);
  CHECK_NEAR(c.median, METRIC_COLLAPSE_MEDIAN, 1e-6);
  CHECK_NEAR(c.variance, METRIC_COLLAPSE_VARIANCE, 1e-6);
  CHECK_INT(c.collapsed, 0);
  for (i = 0; i < 4; i++)
    memcpy(same + i * METRIC_WIDTH, queries, METRIC_WIDTH * sizeof(float));
  c = metric_collapse_of(same, 4, METRIC_WIDTH, scratch);
  CHECK_NEAR(c.median, 1, 1e-6);
  CHECK_NEAR(c.variance, 0, 1e-6);
  CHECK_INT(c.collapsed, 1);
}

static void medians(void) {
  float x[7] = {5, 1, 4, 1, 5, 9, 2}, equal[6] = {3, 3, 3, 3, 3, 3};
  CHECK_NEAR(metric_median(x, 7), 4, 0);
  CHECK_NEAR(metric_median(x, 1), (double)x[0], 0);
  CHECK_NEAR(metric_median(equal, 6), 3, 0);
  CHECK_NEAR(metric_median((float[]){4, 1, 3, 2}, 4), 2.5, 0);
}

static void directions(void) {
  CHECK_STR(metric_direction(.10), "excellent");
  CHECK_STR(metric_direction(.0999), "good");
  CHECK_STR(metric_direction(.02), "marginal");
  CHECK_STR(metric_direction(-.07), "poor");
}

/* Five concepts: the target is beaten or equalled by as many of them as it says. */
static void mini(void) {
  static const float context[5][2] = {{1, 0}, {1, 0}, {1, 0}, {1, 0}, {0, 1}};
  static const float up[2] = {0, 1}, right[2] = {1, 0};
  metric_mini m;

  memset(&m, 0, sizeof m);
  metric_mini_add(&m, &context[0][0], 5, right, right, 2); /* four ties: rank 5, margin 1 */
  metric_mini_add(&m, &context[0][0], 5, right, up, 2);    /* 4 better, 1 tie: 6, margin 0 */
  metric_mini_end(&m);
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
  metric_unit(bank_vectors, METRIC_BANK, METRIC_WIDTH, 1e-9);
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
  RUN(ranks_as_pytorch);
  RUN(ranks_without_context);
  RUN(ranks_of_ties);
  RUN(oracle_finds_twins);
  RUN(cosines);
  RUN(collapse);
  RUN(medians);
  RUN(directions);
  RUN(mini);
  RUN(five_last_context);
  RUN(five_target_base);
  RUN(five_any_batch);
  RUN(five_skips);
  RUN(five_gates);
  RUN(shuffles_as_python);
  FINISH();
}

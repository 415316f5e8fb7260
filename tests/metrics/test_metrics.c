/* lnsp_metrics_* and lnsp_order_* against PyTorch, NumPy and numbers of splitmix64 that
 * others published (tests/tools/metric_numbers.py), and on small cases that can be computed
 * by hand. */
#include "check.h"
#include "lnsp.h"
#include "metric_numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void make_vectors(float *x, int64_t rows, int64_t seed) {
  int64_t i;
  for (i = 0; i < rows * METRIC_WIDTH; i++)
    x[i] = (float)((double)((i * i * 31 + i * 7919 + seed * 104729) % 2003) / 1001 - 1);
}

static float candidates[METRIC_POOL * METRIC_WIDTH], queries[METRIC_QUERIES * METRIC_WIDTH];
static int64_t truth[METRIC_QUERIES], left_out[METRIC_QUERIES * METRIC_WITHOUT];
static lnsp_rank ranks[METRIC_QUERIES];

static lnsp_tensor rows_of(const float *x, int64_t rows, int64_t width) {
  return lnsp_tensor_f32("x", (float *)(uintptr_t)x, 2, rows, width, 0);
}

static lnsp_tensor ids_of(const int64_t *ids, int64_t rows, int64_t each) {
  lnsp_tensor t = rows_of(NULL, rows, each);
  t.dtype = LNSP_I64;
  t.data = (void *)(uintptr_t)ids;
  return t;
}

static void make_queries(void) {
  int q, j;

  make_vectors(candidates, METRIC_POOL, 1);
  make_vectors(queries, METRIC_QUERIES, 2);
  lnsp_metrics_normalize(candidates, METRIC_POOL, METRIC_WIDTH, 0);
  lnsp_metrics_normalize(queries, METRIC_QUERIES, METRIC_WIDTH, 0);
  for (q = 0; q < METRIC_QUERIES; q++) {
    truth[q] = (7 * q + 3) % METRIC_POOL;
    for (j = 0; j < METRIC_WIDTH; j++)
      queries[q * METRIC_WIDTH + j] += .7f * candidates[truth[q] * METRIC_WIDTH + j];
    for (j = 0; j < METRIC_WITHOUT; j++) {
      left_out[q * METRIC_WITHOUT + j] = (q * 5 + 11 * j) % (METRIC_POOL + 4) - 4;
      if (left_out[q * METRIC_WITHOUT + j] < 0) left_out[q * METRIC_WITHOUT + j] = LNSP_NO_ID;
    }
  }
  lnsp_metrics_normalize(queries, METRIC_QUERIES, METRIC_WIDTH, 0);
}

static int32_t rank_all(const lnsp_tensor *without) {
  const lnsp_tensor q = rows_of(queries, METRIC_QUERIES, METRIC_WIDTH);
  const lnsp_tensor c = rows_of(candidates, METRIC_POOL, METRIC_WIDTH);
  return lnsp_metrics_rank(&q, &c, truth, without, NULL, ranks, NULL);
}

static void ranks_as_pytorch(void) {
  lnsp_rank_info r = {.struct_size = sizeof r};
  int q;

  make_queries();
  CHECK_INT(rank_all(NULL), LNSP_OK);
  for (q = 0; q < METRIC_QUERIES; q++) {
    CHECK_INT(ranks[q].rank, (int)metric_rank_all[q]);
    CHECK_INT(ranks[q].best_id, (int)metric_best_all[q]);
  }
  CHECK_INT(lnsp_metrics_summarize(ranks, METRIC_QUERIES, &r, NULL), LNSP_OK);
  CHECK_INT(r.count, METRIC_QUERIES);
  CHECK_NEAR(r.recall_1, METRIC_ALL_R1, 1e-11);
  CHECK_NEAR(r.recall_5, METRIC_ALL_R5, 1e-11);
  CHECK_NEAR(r.recall_10, METRIC_ALL_R10, 1e-11);
  CHECK_NEAR(r.mrr, METRIC_ALL_MRR, 1e-11);
  CHECK_NEAR(r.mrr_10, METRIC_ALL_MRR10, 1e-11);
  CHECK_NEAR(r.median, METRIC_ALL_MEDIAN, 0);
  CHECK_NEAR(lnsp_metrics_recall(ranks, METRIC_QUERIES, 5), METRIC_ALL_R5, 1e-11);
}

static void ranks_without_context(void) {
  lnsp_rank_info r = {.struct_size = sizeof r};
  int q;

  make_queries();
  const lnsp_tensor without = ids_of(left_out, METRIC_QUERIES, METRIC_WITHOUT);
  CHECK_INT(rank_all(&without), LNSP_OK);
  for (q = 0; q < METRIC_QUERIES; q++) {
    CHECK_INT(ranks[q].rank, (int)metric_rank_left[q]);
    CHECK_INT(ranks[q].best_id, (int)metric_best_left[q]);
  }
  CHECK_INT(lnsp_metrics_summarize(ranks, METRIC_QUERIES, &r, NULL), LNSP_OK);
  CHECK_NEAR(r.recall_1, METRIC_LEFT_R1, 1e-11);
  CHECK_NEAR(r.recall_5, METRIC_LEFT_R5, 1e-11);
  CHECK_NEAR(r.recall_10, METRIC_LEFT_R10, 1e-11);
  CHECK_NEAR(r.mrr, METRIC_LEFT_MRR, 1e-11);
  CHECK_NEAR(r.mrr_10, METRIC_LEFT_MRR10, 1e-11);
  CHECK_NEAR(r.median, METRIC_LEFT_MEDIAN, 0);
}

static lnsp_rank rank_one(const float *query, const float *among, int64_t count, int64_t width,
                          int64_t right, const int64_t *without, int64_t without_count) {
  const lnsp_tensor q = rows_of(query, 1, width), c = rows_of(among, count, width);
  const lnsp_tensor out = ids_of(without, 1, without_count);
  lnsp_rank rank;
  memset(&rank, 0, sizeof rank);
  CHECK_INT(lnsp_metrics_rank(&q, &c, &right, without ? &out : NULL, NULL, &rank, NULL),
            LNSP_OK);
  return rank;
}

/* Equal scores do not push the truth back; a truth that is left out is ranked all the
 * same; a single candidate is found. */
static void ranks_of_ties(void) {
  static const float same[4][2] = {{1, 0}, {1, 0}, {0, 1}, {1, 0}};
  static const float query[2] = {1, 0};
  static const int64_t without[4] = {3, 0, 1, LNSP_NO_ID};
  lnsp_rank out = rank_one(query, &same[0][0], 4, 2, 3, NULL, 0);

  CHECK_INT(out.rank, 1);
  CHECK_INT(out.best_id, 0);
  CHECK_INT(out.alike, 1);
  out = rank_one(query, &same[0][0], 4, 2, 3, without, 4);
  CHECK_INT(out.rank, 1);
  CHECK_INT(out.best_id, 3);
  out = rank_one(query, same[2], 1, 2, 0, NULL, 0);
  CHECK_INT(out.rank, 1);
  CHECK_NEAR(out.best_score, 0, 0);
}

/* The truth is sixth, but the fourth best is as good as it. */
static void alike_finds_twins(void) {
  static const float among[6][2] = {{.8f, .6f},   {.96f, .28f}, {1, 0},
                                    {.28f, .96f}, {0, 1},       {.1f, .99498743f}};
  static const float query[2] = {1, 0};
  lnsp_rank_info r = {.struct_size = sizeof r};
  lnsp_rank out[2];

  out[0] = rank_one(query, &among[0][0], 6, 2, 5, NULL, 0);
  CHECK_INT(out[0].rank, 5);
  CHECK_INT(out[0].alike, 4);
  out[1] = rank_one(query, &among[0][0], 6, 2, 4, NULL, 0);
  CHECK_INT(out[1].rank, 6);
  CHECK_INT(out[1].alike, 4);
  CHECK_INT(lnsp_metrics_summarize(out, 2, &r, NULL), LNSP_OK);
  CHECK_NEAR(r.alike_1, 0, 0);
  CHECK_NEAR(r.alike_5, 1, 0);
  CHECK_NEAR(r.recall_5, .5, 0);
}

static void rank_refusals(void) {
  lnsp_tensor q, c, without;
  lnsp_error error;
  int64_t bad = METRIC_POOL;

  make_queries();
  q = rows_of(queries, 1, METRIC_WIDTH);
  c = rows_of(candidates, METRIC_POOL, METRIC_WIDTH);
  CHECK_INT(lnsp_metrics_rank(&q, &c, &bad, NULL, NULL, ranks, &error), LNSP_E_ARGUMENT);
  without = ids_of(&bad, 1, 1);
  CHECK_INT(lnsp_metrics_rank(&q, &c, truth, &without, NULL, ranks, &error), LNSP_E_ARGUMENT);
  bad = -2;
  CHECK_INT(lnsp_metrics_rank(&q, &c, truth, &without, NULL, ranks, &error), LNSP_E_ARGUMENT);
  without.dtype = LNSP_I32;
  CHECK_INT(lnsp_metrics_rank(&q, &c, truth, &without, NULL, ranks, &error), LNSP_E_DTYPE);
  c.strides[0] = METRIC_WIDTH + 1;
  c.strides[1] = 1;
  CHECK_INT(lnsp_metrics_rank(&q, &c, truth, NULL, NULL, ranks, &error), LNSP_E_SHAPE);
  c.strides[0] = METRIC_WIDTH;
  CHECK_INT(lnsp_metrics_rank(&q, &c, truth, NULL, NULL, ranks, &error), LNSP_OK);
  c.dims[1]--;
  CHECK_INT(lnsp_metrics_rank(&q, &c, truth, NULL, NULL, ranks, &error), LNSP_E_SHAPE);
  c.dims[1]++;
  queries[3] = NAN;
  CHECK_INT(lnsp_metrics_rank(&q, &c, truth, NULL, NULL, ranks, &error), LNSP_E_NOT_FINITE);
  CHECK_INT(lnsp_metrics_rank(&q, &c, NULL, NULL, NULL, ranks, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_metrics_summarize(ranks, 0,
                                   &(lnsp_rank_info){.struct_size = sizeof(lnsp_rank_info)},
                                   &error),
            LNSP_E_ARGUMENT);
}

static void cosines(void) {
  static const float a[3] = {3, 0, 4}, b[3] = {0, 2, 0}, zero[3] = {0, 0, 0};
  double sum = 0;
  int q;

  make_queries();
  for (q = 0; q < METRIC_QUERIES; q++)
    sum += lnsp_metrics_cosine(queries + q * METRIC_WIDTH, candidates + truth[q] * METRIC_WIDTH,
                               METRIC_WIDTH, 0);
  CHECK_NEAR(sum / METRIC_QUERIES, METRIC_COSINE, 1e-7);
  CHECK_NEAR(lnsp_metrics_cosine(a, a, 3, 0), 1, 1e-15);
  CHECK_NEAR(lnsp_metrics_cosine(a, a, 3, 5), 25.0 / 100, 1e-15);
  CHECK_NEAR(lnsp_metrics_cosine(a, b, 3, 0), 0, 0);
  CHECK_NEAR(lnsp_metrics_cosine(a, zero, 3, 0), 0, 0);
  CHECK_NEAR(lnsp_metrics_dot(a, a, 3), 25, 0);
  CHECK_NEAR(lnsp_metrics_dot(a, NULL, 3), 0, 0);
}

static void triplets(void) {
  static const float anchor[3][2] = {{1, 0}, {1, 0}, {1, 0}};
  static const float positive[3][2] = {{2, 1}, {0, 1}, {1, 1}};
  static const float negative[3][2] = {{0, 1}, {2, 1}, {1, 1}}; /* right, wrong, a tie */
  const lnsp_tensor a = rows_of(&anchor[0][0], 3, 2), p = rows_of(&positive[0][0], 3, 2);
  lnsp_tensor n = rows_of(&negative[0][0], 3, 2);
  double share = -1;
  CHECK_INT(lnsp_metrics_triplets(&a, &p, &n, &share, NULL), LNSP_OK);
  CHECK_NEAR(share, 1.0 / 3, 1e-15);
  n.dims[0] = 2;
  CHECK_INT(lnsp_metrics_triplets(&a, &p, &n, &share, NULL), LNSP_E_SHAPE);
}

/* In two parts as in one. */
static void scores(void) {
  lnsp_score_info s = {.struct_size = sizeof s};
  float near[METRIC_QUERIES * METRIC_WIDTH];
  int q, done;

  make_queries();
  for (q = 0; q < METRIC_QUERIES; q++)
    memcpy(near + q * METRIC_WIDTH, candidates + truth[q] * METRIC_WIDTH,
           METRIC_WIDTH * sizeof(float));
  for (done = 0; done < METRIC_QUERIES; done += 20) {
    const int n = METRIC_QUERIES - done < 20 ? METRIC_QUERIES - done : 20;
    const lnsp_tensor p = rows_of(queries + done * METRIC_WIDTH, n, METRIC_WIDTH);
    const lnsp_tensor t = rows_of(near + done * METRIC_WIDTH, n, METRIC_WIDTH);
    CHECK_INT(lnsp_metrics_score(&p, &t, &s, NULL), LNSP_OK);
  }
  CHECK_INT(s.count, METRIC_QUERIES);
  CHECK_NEAR(s.cosine, METRIC_COSINE, 1e-7);
  CHECK_NEAR(s.mse, METRIC_MSE, 1e-7);
  near[5] = NAN;
  const lnsp_tensor t = rows_of(near, 1, METRIC_WIDTH);
  const lnsp_score_info was = s;
  CHECK_INT(lnsp_metrics_score(&t, &t, &s, NULL), LNSP_E_NOT_FINITE);
  CHECK(!memcmp(&was, &s, sizeof s));
}

static void collapse(void) {
  static float same[4 * METRIC_WIDTH];
  lnsp_collapse_info c = {.struct_size = sizeof c};
  lnsp_tensor x;
  int i;

  make_queries();
  x = rows_of(queries, METRIC_QUERIES, METRIC_WIDTH);
  CHECK_INT(lnsp_metrics_collapse(&x, NULL, &c, NULL), LNSP_OK);
  CHECK_NEAR(c.median_cosine, METRIC_COLLAPSE_MEDIAN, 1e-6);
  CHECK_NEAR(c.variance, METRIC_COLLAPSE_VARIANCE, 1e-6);
  CHECK_INT(c.collapsed, 0);
  for (i = 0; i < 4; i++)
    memcpy(same + i * METRIC_WIDTH, queries, METRIC_WIDTH * sizeof(float));
  x = rows_of(same, 4, METRIC_WIDTH);
  CHECK_INT(lnsp_metrics_collapse(&x, NULL, &c, NULL), LNSP_OK);
  CHECK_NEAR(c.median_cosine, 1, 1e-6);
  CHECK_NEAR(c.variance, 0, 1e-6);
  CHECK_INT(c.collapsed, 1);
  x.dims[0] = 1;
  CHECK_INT(lnsp_metrics_collapse(&x, NULL, &c, NULL), LNSP_E_LIMIT);
}

static void medians(void) {
  float x[7] = {5, 1, 4, 1, 5, 9, 2}, equal[6] = {3, 3, 3, 3, 3, 3};
  CHECK_NEAR(lnsp_metrics_median(x, 7), 4, 0);
  CHECK_NEAR(lnsp_metrics_median(x, 1), (double)x[0], 0);
  CHECK_NEAR(lnsp_metrics_median(equal, 6), 3, 0);
  CHECK_NEAR(lnsp_metrics_median((float[]){4, 1, 3, 2}, 4), 2.5, 0);
  CHECK_NEAR(lnsp_metrics_median(NULL, 4), 0, 0);
}

static void directions(void) {
  static const float context[2][3][2] = {{{0, 1}, {1, 1}, {1, 0}}, {{0, 1}, {0, 1}, {0, 2}}};
  static const float target[2][2] = {{3, 0}, {0, 1}};
  lnsp_direction_info d = {.struct_size = sizeof d};
  const lnsp_tensor x = lnsp_tensor_f32("x", (float *)(uintptr_t)context, 3, 2, 3, 2);
  const lnsp_tensor t = rows_of(&target[0][0], 2, 2);
  CHECK_INT(lnsp_metrics_direction(&x, &t, &d, NULL), LNSP_OK);
  CHECK_INT(d.rows, 2);
  CHECK_NEAR(d.first_cosine, .5, 1e-15);
  CHECK_NEAR(d.last_cosine, 1, 1e-15);
  CHECK_NEAR(d.delta, .5, 1e-15);
  CHECK_NEAR(d.coherence, (2 * sqrt(.5) + 2) / 4, 1e-15);
}

/* The shuffle and the draw as tests/tools/metric_numbers.py computes them. */
static void orders(void) {
  int32_t order[ORDER_ROWS];
  int64_t count = 0;
  int i;

  CHECK_INT(lnsp_order_shuffle(ORDER_SEED, 3, ORDER_ROWS, order, NULL), LNSP_OK);
  for (i = 0; i < ORDER_ROWS; i++) CHECK_INT(order[i], order_shuffled[i]);
  CHECK_INT(lnsp_order_draw(ORDER_SEED, 5, .4, ORDER_ROWS, order, ORDER_ROWS, &count, NULL),
            LNSP_OK);
  CHECK_INT(count, (int)(sizeof order_drawn / sizeof *order_drawn));
  for (i = 0; i < count; i++) CHECK_INT(order[i], order_drawn[i]);
  CHECK_INT(lnsp_order_draw(ORDER_SEED, 5, .4, ORDER_ROWS, order, 2, &count, NULL), LNSP_OK);
  CHECK_INT(count, 2);
  CHECK_INT(lnsp_order_shuffle(1, 0, 0, order, NULL), LNSP_E_LIMIT);
  CHECK_INT(lnsp_order_draw(1, 0, 0, 4, order, 4, &count, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_order_draw(1, 0, NAN, 4, order, 4, &count, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_order_draw(1, 0, .5, 4, order, 0, &count, NULL), LNSP_E_ARGUMENT);
}

int main(void) {
  RUN(ranks_as_pytorch);
  RUN(ranks_without_context);
  RUN(ranks_of_ties);
  RUN(alike_finds_twins);
  RUN(rank_refusals);
  RUN(cosines);
  RUN(triplets);
  RUN(scores);
  RUN(collapse);
  RUN(medians);
  RUN(directions);
  RUN(orders);
  FINISH();
}

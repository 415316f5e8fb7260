/* lnsp_search_rank: the place that a search of all vectors gives the true one. */
#include "support.h"

#define MANY 4500
#define WIDTH 24
#define QUERIES 9

static float vectors[MANY][WIDTH], queries[QUERIES][WIDTH];
static int64_t truth[QUERIES], ids[MANY], found[QUERIES * MANY];
static float scores[QUERIES * MANY];

static void run_tasks(void *user, int32_t count, void (*task)(void *, int32_t),
                      void *argument) {
  (void)user;
  for (int32_t i = count - 1; i >= 0; i--) task(argument, i);
}

static void ranks_are_places(int32_t dtype, int32_t tasks) {
  const lnsp_parallel parallel = {sizeof parallel, 0, NULL, run_tasks};
  lnsp_options options = {.struct_size = sizeof options,
                          .parallel = tasks > 1 ? &parallel : NULL};
  lnsp_index_options settings = {sizeof settings, dtype, WIDTH, MANY, 0, 0};
  lnsp_search_options limits = {sizeof limits, QUERIES, MANY, tasks};
  lnsp_tensor rows = lnsp_tensor_f32("vectors", &vectors[0][0], 2, MANY, WIDTH, 0);
  lnsp_tensor asked = lnsp_tensor_f32("queries", &queries[0][0], 2, QUERIES, WIDTH, 0);
  lnsp_tensor without = lnsp_tensor_f32("without", NULL, 2, QUERIES, 3, 0);
  int64_t left_out[QUERIES][3];
  lnsp_rank ranks[QUERIES];
  lnsp_index *index = NULL;
  lnsp_search *search = NULL;
  support_fill(&vectors[0][0], MANY * WIDTH, 5);
  support_fill(&queries[0][0], QUERIES * WIDTH, 6);
  for (int64_t i = 0; i < MANY; i++) ids[i] = (i * 7 % MANY) * 3;
  for (int q = 0; q < QUERIES; q++) {
    truth[q] = ids[q * 499 % MANY];
    for (int i = 0; i < WIDTH; i++) queries[q][i] += (float)q * vectors[q * 499 % MANY][i] / 8;
  }
  CHECK_OK(lnsp_index_create(&settings, NULL, &index, &support_error));
  CHECK_OK(lnsp_index_add(index, &rows, ids, &support_error));
  CHECK_OK(lnsp_search_create(index, &limits, &options, &search, &support_error));
  CHECK_OK(lnsp_search_run(search, &asked, NULL, MANY, found, scores, &support_error));
  CHECK_OK(lnsp_search_rank(search, &asked, truth, NULL, ranks, &support_error));
  for (int q = 0; q < QUERIES; q++) {
    const int64_t *list = found + q * MANY;
    int64_t at = 0, first;
    while (list[at] != truth[q]) at++;
    for (first = at; first > 0 && scores[q * MANY + first - 1] == scores[q * MANY + at];)
      first--;
    CHECK_INT(ranks[q].rank, first + 1);
    CHECK_INT(ranks[q].best_id, list[0]);
    CHECK(ranks[q].best_score == scores[q * MANY]);
    left_out[q][0] = list[0];
    left_out[q][1] = list[2];
    left_out[q][2] = LNSP_NO_ID;
  }
  without.dtype = LNSP_I64;
  without.data = left_out;
  CHECK_OK(lnsp_search_rank(search, &asked, truth, &without, ranks, &support_error));
  for (int q = 0; q < QUERIES; q++) {
    const int64_t *list = found + q * MANY;
    int64_t at = 0;
    while (list[at] != truth[q]) at++;
    CHECK_INT(ranks[q].rank, at + 1 - (at > 0) - (at > 2));
    CHECK_INT(ranks[q].best_id, at == 0 ? list[0] : list[1]);
  }
  truth[3] = 1;
  CHECK_REFUSED(lnsp_search_rank(search, &asked, truth, NULL, ranks, &support_error),
                LNSP_E_MISSING);
  lnsp_search_destroy(search);
  lnsp_index_destroy(index);
}

static void every_type(void) {
  for (int32_t tasks = 1; tasks <= 2; tasks++) {
    ranks_are_places(LNSP_F32, tasks);
    ranks_are_places(LNSP_F16, tasks);
    ranks_are_places(LNSP_I8, tasks);
  }
}

int main(void) {
  RUN(every_type);
  FINISH();
}

/* Indexes: right answers, the same for every kernel set and way, as vectors come and go. */
#include "index_cases.h"

/* ---- right answers ---- */

static double cosine(const float *a, const float *b) {
  double ab = 0, aa = 0, bb = 0;
  for (int k = 0; k < WIDTH; k++) {
    ab += (double)a[k] * (double)b[k];
    aa += (double)a[k] * (double)a[k];
    bb += (double)b[k] * (double)b[k];
  }
  return ab / sqrt(aa * bb);
}

/* The rank that a score deserves: no other vector of a clearly higher one is missing. */
static void check_found(const found *f, int32_t dtype) {
  const double slack = dtype == LNSP_F32 ? 2e-7 : dtype == LNSP_F16 ? 2e-4 : 6e-3;
  for (int q = 0; q < QUERIES; q++) {
    int above = 0;
    for (int r = 0; r < BEST; r++) {
      int row = 0;
      while (row < MANY - 1 && ids[row] != f->ids[q][r]) row++;
      CHECK_NEAR(f->scores[q][r], cosine(vectors[row], queries[q]), slack);
      CHECK(r == 0 || f->scores[q][r - 1] >= f->scores[q][r]);
    }
    for (int i = 0; i < MANY; i++)
      if (cosine(vectors[i], queries[q]) > (double)f->scores[q][BEST - 1] + slack) above++;
    CHECK(above < BEST);
  }
}

static void finds_what_brute_force_finds(void) {
  for (int t = 0; t < 3; t++) {
    found f;
    lnsp_index *index = made_of(types[t], MANY, MANY, NULL);
    look(index, BEST, &f);
    check_found(&f, types[t]);
    lnsp_index_destroy(index);
  }
}

/* Whatever set, batch and share of results: the same bits. */
static void bits_do_not_depend_on_the_way(void) {
  for (int t = 0; t < 3; t++) {
    found first, other;
    const char *isa;
    lnsp_index *index = made_of(types[t], MANY, MANY, "scalar");
    look(index, BEST, &first);
    lnsp_index_destroy(index);
    for (int32_t i = 0; (isa = lnsp_list_name(LNSP_LIST_ISAS, i)) != NULL; i++) {
      if (lnsp_isa_check(isa, NULL) != LNSP_OK) continue;
      index = made_of(types[t], MANY, MANY + 40, isa);
      look(index, BEST, &other);
      CHECK_SAY(!memcmp(&first, &other, sizeof first), "%s differs", isa);
      lnsp_search_options one = {sizeof one, 1, BEST, 0};
      lnsp_search *search = NULL;
      CHECK_OK(lnsp_search_create(index, &one, NULL, &search, &support_error));
      for (int q = 0; q < QUERIES; q++)
        for (int32_t n = 1; n <= BEST; n += 11) {
          lnsp_tensor x = rows_of(queries[q], 1);
          CHECK_OK(lnsp_search_run(search, &x, NULL, n, other.ids[0], other.scores[0],
                                   &support_error));
          CHECK(!memcmp(first.ids[q], other.ids[0], (size_t)n * sizeof(int64_t)));
          CHECK(!memcmp(first.scores[q], other.scores[0], (size_t)n * sizeof(float)));
        }
      lnsp_search_destroy(search);
      lnsp_index_destroy(index);
    }
  }
}

/* Many vectors, tasks in any order. */
static int reversed;
static void run_tasks(void *user, int32_t count, void (*task)(void *argument, int32_t index),
                      void *argument) {
  *(int *)user += count;
  for (int32_t i = 0; i < count; i++) task(argument, reversed ? count - 1 - i : i);
}

static void tasks_change_nothing(void) {
  enum { LARGE = 9000, SMALL = 8 };
  float *many = malloc(sizeof(float) * LARGE * SMALL);
  int tasks = 0;
  lnsp_parallel parallel = {sizeof parallel, 0, &tasks, run_tasks};
  lnsp_options options = {.struct_size = sizeof options, .parallel = &parallel};
  support_fill(many, LARGE * SMALL, 5);
  for (int i = 0; i < LARGE; i++) /* ties: each vector a few times */
    memcpy(many + i * SMALL, many + i % 2000 * SMALL, SMALL * sizeof(float));
  for (int t = 0; t < 3; t++) {
    lnsp_index_options s = {.struct_size = sizeof s,
                            .dtype = types[t],
                            .width = SMALL,
                            .capacity = LARGE};
    lnsp_index *index = NULL;
    lnsp_tensor x = lnsp_tensor_f32("x", many, 2, LARGE, SMALL, 0);
    lnsp_tensor q = lnsp_tensor_f32("q", many + 999, 2, 5, SMALL, 0);
    int64_t first[5 * 30], other[5 * 30];
    float scores[5 * 30], others[5 * 30];
    CHECK_OK(lnsp_index_create(&s, NULL, &index, &support_error));
    CHECK_OK(lnsp_index_add(index, &x, NULL, &support_error));
    for (int32_t count = 1; count <= 4; count++)
      for (reversed = 0; reversed < 2; reversed++) {
        lnsp_search_options limits = {sizeof limits, 5, 30, count};
        lnsp_search *search = NULL;
        tasks = 0;
        CHECK_OK(lnsp_search_create(index, &limits, &options, &search, &support_error));
        CHECK_OK(lnsp_search_run(search, &q, NULL, 30, count > 1 ? other : first,
                                 count > 1 ? others : scores, &support_error));
        CHECK_INT(tasks, count > 1 ? count : 0);
        CHECK(count == 1 || !memcmp(first, other, sizeof first));
        CHECK(count == 1 || !memcmp(scores, others, sizeof scores));
        lnsp_search_destroy(search);
      }
    for (int i = 1; i < 30; i++)
      CHECK(scores[i - 1] > scores[i] ||
            (scores[i - 1] >= scores[i] && first[i - 1] < first[i]));
    lnsp_index_destroy(index);
  }
  free(many);
}

static void ties_go_to_the_lower_id(void) {
  lnsp_index_options s = settings_of(LNSP_F32, 40);
  static float same[40][WIDTH];
  int64_t order[40], got[5];
  float scores[5];
  for (int i = 0; i < 40; i++) {
    memcpy(same[i], queries[0], sizeof same[i]);
    order[i] = (int64_t)i * 17 % 40 + 3;
  }
  lnsp_index *index = NULL;
  lnsp_search_options limits = {sizeof limits, 0, 0, 0};
  lnsp_search *search = NULL;
  lnsp_tensor x = rows_of(same[0], 40), q = rows_of(queries[0], 1);
  CHECK_OK(lnsp_index_create(&s, NULL, &index, &support_error));
  CHECK_OK(lnsp_index_add(index, &x, order, &support_error));
  CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
  for (int64_t gone = 3; gone < 30; gone += 4) {
    int64_t expected = 3;
    CHECK_OK(lnsp_search_run(search, &q, NULL, 5, got, scores, &support_error));
    for (int i = 0; i < 5; i++) {
      while (expected < gone && (expected - 3) % 4 == 0) expected++;
      CHECK_INT(got[i], expected++);
      CHECK_NEAR(scores[i], 1, 2e-7);
    }
    CHECK_OK(lnsp_index_remove(index, &gone, 1, &support_error));
  }
  lnsp_search_destroy(search);
  lnsp_index_destroy(index);
}

static void leaves_out_what_each_query_names(void) {
  found all;
  lnsp_index *index = made_of(LNSP_F32, MANY, MANY, NULL);
  look(index, BEST, &all);
  int64_t without[QUERIES][6], got[QUERIES][BEST];
  float scores[QUERIES][BEST];
  for (int q = 0; q < QUERIES; q++)
    for (int i = 0; i < 6; i++)
      without[q][i] = i == 4 ? 123456789 : i == 5 ? all.ids[q][0] : all.ids[q][2 * i];
  lnsp_search_options limits = {sizeof limits, QUERIES, BEST, 0};
  lnsp_search *search = NULL;
  lnsp_tensor q = rows_of(queries[0], QUERIES);
  lnsp_tensor w = {"w", LNSP_I64, 2, {QUERIES, 6}, {0}, without[0]};
  CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
  CHECK_OK(lnsp_search_run(search, &q, &w, 8, got[0], scores[0], &support_error));
  for (int i = 0; i < QUERIES; i++) {
    const int64_t *row = got[0] + i * 8;
    for (int r = 0; r < 4; r++) CHECK_INT(row[r], all.ids[i][2 * r + 1]);
    for (int r = 4; r < 8; r++) CHECK_INT(row[r], all.ids[i][r + 4]);
  }
  /* strides: every other one of the names, so the first four of them */
  lnsp_tensor strided = {"w", LNSP_I64, 2, {QUERIES, 2}, {6, 2}, without[0]};
  CHECK_OK(lnsp_search_run(search, &q, &strided, 2, got[0], scores[0], &support_error));
  CHECK_INT(got[0][0], all.ids[0][1]);
  CHECK_INT(got[0][1], all.ids[0][2]);
  w.dims[0] = QUERIES - 1;
  CHECK_REFUSED(lnsp_search_run(search, &q, &w, 2, got[0], scores[0], &support_error),
                LNSP_E_SHAPE);
  w.dims[0] = QUERIES;
  w.dtype = LNSP_I32;
  CHECK_REFUSED(lnsp_search_run(search, &q, &w, 2, got[0], scores[0], &support_error),
                LNSP_E_DTYPE);
  lnsp_search_destroy(search);
  lnsp_index_destroy(index);
}

/* ---- few vectors ---- */

static void fewer_than_asked_for(void) {
  for (int64_t n = 0; n < 5; n++) {
    found f;
    lnsp_index *index = made_of(LNSP_I8, n, 8, NULL);
    look(index, BEST, &f);
    for (int q = 0; q < QUERIES; q++)
      for (int r = 0; r < BEST; r++) {
        CHECK((f.ids[q][r] == LNSP_NO_ID) == (r >= n));
        CHECK(r < n || f.scores[q][r] <= -FLT_MAX);
      }
    lnsp_index_destroy(index);
  }
}

/* ---- vectors come and go ---- */

/* Whatever was added and removed in whatever order: it finds what an index that never
 * had anything else finds. */
static void changes_leave_no_trace(void) {
  for (int t = 0; t < 3; t++) {
    found expected, f;
    float a[WIDTH], b[WIDTH];
    lnsp_index *whole = made_of(types[t], MANY, MANY, NULL), *index = NULL;
    lnsp_index_options s = settings_of(types[t], MANY);
    lnsp_index_create(&s, NULL, &index, NULL);
    uint32_t seed = 7;
    static int there[MANY];
    memset(there, 0, sizeof there);
    for (int round = 0; round < 60; round++) {
      int64_t some[40];
      int n = 0, first = -1;
      seed = seed * 1664525u + 1013904223u;
      const int from = (int)(seed >> 8) % MANY, want = (int)(seed >> 20) % 40;
      const int add = round < 50 ? round % 3 != 2 : 0;
      for (int i = from; i < MANY && n < want; i++) {
        if (there[i] == add && add && n) break;
        if (there[i] == add) continue;
        if (first < 0) first = i; /* what is added lies side by side */
        some[n++] = ids[i];
        there[i] = add;
      }
      if (add && n) {
        lnsp_tensor x = rows_of(vectors[first], n);
        CHECK_OK(lnsp_index_add(index, &x, some, &support_error));
      }
      if (!add) CHECK_OK(lnsp_index_remove(index, some, n, &support_error));
    }
    int64_t left = 0;
    for (int i = 0; i < MANY; i++) {
      CHECK(there[i] == (lnsp_index_read(index, ids[i], a, WIDTH, NULL) == LNSP_OK));
      left += there[i];
      if (!there[i]) continue;
      CHECK_OK(lnsp_index_read(whole, ids[i], b, WIDTH, &support_error));
      CHECK(!memcmp(a, b, sizeof a));
    }
    CHECK_INT(count_of(index), left);
    CHECK(left > 50 && left < MANY);
    for (int i = 0; i < MANY; i++) { /* the rest, one by one */
      lnsp_tensor x = rows_of(vectors[i], 1);
      if (!there[i]) CHECK_OK(lnsp_index_add(index, &x, &ids[i], &support_error));
    }
    look(whole, BEST, &expected);
    look(index, BEST, &f);
    CHECK(!memcmp(&expected, &f, sizeof f));
    CHECK_OK(lnsp_index_remove(index, ids, MANY, &support_error));
    CHECK_INT(count_of(index), 0);
    lnsp_index_destroy(index);
    lnsp_index_destroy(whole);
  }
}

static void ids_are_given_where_none_are(void) {
  lnsp_index_options s = settings_of(0, 10);
  lnsp_index *index = NULL;
  lnsp_tensor x = rows_of(vectors[0], 3);
  int64_t got[7], high = 40, top = INT64_MAX;
  CHECK_OK(lnsp_index_create(&s, NULL, &index, &support_error));
  CHECK_OK(lnsp_index_add(index, &x, NULL, &support_error));
  x.dims[0] = 1;
  CHECK_OK(lnsp_index_add(index, &x, &high, &support_error));
  x.dims[0] = 3;
  CHECK_OK(lnsp_index_add(index, &x, NULL, &support_error));
  CHECK_OK(lnsp_index_ids(index, 0, 7, got, &support_error));
  const int64_t expected[] = {0, 1, 2, 40, 41, 42, 43};
  CHECK(!memcmp(got, expected, sizeof got));
  CHECK_REFUSED(lnsp_index_ids(index, 1, 7, got, &support_error), LNSP_E_ARGUMENT);
  x.dims[0] = 1;
  CHECK_OK(lnsp_index_add(index, &x, &top, &support_error));
  CHECK_REFUSED(lnsp_index_add(index, &x, NULL, &support_error), LNSP_E_LIMIT);
  lnsp_index_destroy(index);
}

/* Kept as they are: the product of what was given, also of length 0; a column of a matrix
 * by its strides. */
static void keeps_lengths_when_told_to(void) {
  for (int t = 0; t < 3; t++) {
    lnsp_index_options s = settings_of(types[t], 3);
    lnsp_index *index = NULL;
    lnsp_search_options limits = {sizeof limits, 0, 0, 0};
    lnsp_search *search = NULL;
    float x[WIDTH][3], q[WIDTH] = {0}, back[WIDTH], scores[3];
    int64_t got[3];
    for (int k = 0; k < WIDTH; k++)
      x[k][0] = 0, x[k][1] = k == 2 ? 4 : 0, x[k][2] = k == 2 ? -8 : 0;
    q[2] = 30;
    s.no_normalize = 1;
    lnsp_tensor v = {"v", LNSP_F32, 2, {3, WIDTH}, {1, 3}, x[0]};
    lnsp_tensor one = rows_of(q, 1);
    CHECK_OK(lnsp_index_create(&s, NULL, &index, &support_error));
    CHECK_OK(lnsp_index_add(index, &v, NULL, &support_error));
    CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
    CHECK_OK(lnsp_search_run(search, &one, NULL, 3, got, scores, &support_error));
    CHECK(got[0] == 1 && got[1] == 0 && got[2] == 2);
    CHECK_NEAR(scores[0], 4, 1e-6);
    CHECK_NEAR(scores[1], 0, 0);
    CHECK_NEAR(scores[2], -8, 2e-6);
    CHECK_OK(lnsp_index_read(index, 2, back, WIDTH, &support_error));
    CHECK_NEAR(back[2], -8, 1e-6);
    lnsp_search_destroy(search);
    lnsp_index_destroy(index);
  }
}

int main(void) {
  support_use_all();
  fill();
  RUN(finds_what_brute_force_finds);
  RUN(bits_do_not_depend_on_the_way);
  RUN(tasks_change_nothing);
  RUN(ties_go_to_the_lower_id);
  RUN(leaves_out_what_each_query_names);
  RUN(fewer_than_asked_for);
  RUN(changes_leave_no_trace);
  RUN(ids_are_given_where_none_are);
  RUN(keeps_lengths_when_told_to);
  FINISH();
}

/* The index: the nearest vectors against brute force in double, ties, vectors that come
 * and go, files and borrowed memory, the same bits however a search is split, refusals. */
#include "hostile.h"
#include "support.h"

#include <float.h>

enum { WIDTH = 70, MANY = 700, QUERIES = 9, BEST = 12 };
static const int32_t types[] = {LNSP_F32, LNSP_F16, LNSP_I8};
static float vectors[MANY][WIDTH], queries[QUERIES][WIDTH];
static int64_t ids[MANY];

/* Vectors in groups that lie near each other, of all lengths; ids without an order. */
static void fill(void) {
  support_fill(vectors[0], MANY * WIDTH, 1);
  support_fill(queries[0], QUERIES * WIDTH, 2);
  for (int i = 0; i < MANY; i++) {
    const float length = .01f + (float)(i % 13) * 7;
    for (int k = 0; k < WIDTH; k++) {
      if (i >= 20) vectors[i][k] = vectors[i % 20][k] + .3f * vectors[i][k];
    }
    for (int k = 0; i >= 20 && k < WIDTH; k++) vectors[i][k] *= length;
    ids[i] = (int64_t)((uint32_t)i * 2654435761u % 100003u) * 5 + 2;
  }
}

static lnsp_tensor rows_of(float *data, int64_t n) {
  return lnsp_tensor_f32("x", data, 2, n, WIDTH, 0);
}

static lnsp_index_options settings_of(int32_t dtype, int64_t capacity) {
  lnsp_index_options s = {.struct_size = sizeof s,
                          .dtype = dtype,
                          .width = WIDTH,
                          .capacity = capacity};
  return s;
}

static lnsp_index *made_of(int32_t dtype, int64_t n, int64_t capacity, const char *isa) {
  lnsp_index_options settings = settings_of(dtype, capacity);
  lnsp_options options = {.struct_size = sizeof options, .isa = isa};
  lnsp_index *index = NULL;
  lnsp_tensor x = rows_of(vectors[0], n);
  CHECK_OK(lnsp_index_create(&settings, &options, &index, &support_error));
  CHECK_OK(lnsp_index_add(index, &x, ids, &support_error));
  return index;
}

typedef struct found {
  int64_t ids[QUERIES][BEST];
  float scores[QUERIES][BEST];
} found;

static void look(lnsp_index *index, int32_t results, found *out) {
  lnsp_search_options limits = {sizeof limits, QUERIES, BEST, 0};
  lnsp_search *search = NULL;
  lnsp_tensor x = rows_of(queries[0], QUERIES);
  memset(out, 0, sizeof *out);
  CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
  CHECK_OK(
      lnsp_search_run(search, &x, NULL, results, out->ids[0], out->scores[0], &support_error));
  lnsp_search_destroy(search);
}

static int64_t count_of(const lnsp_index *index) {
  lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
  CHECK_OK(lnsp_index_get_info(index, &facts, &support_error));
  return facts.count;
}

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

/* ---- memory ---- */

static void is_as_large_as_measured(void) {
  for (int t = 0; t < 3; t++) {
    support_heap heap;
    lnsp_allocator allocator = support_allocator(&heap);
    lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
    lnsp_index_options s = settings_of(types[t], 333);
    lnsp_search_options limits = {sizeof limits, 5, 7, 0};
    lnsp_index *index = NULL;
    lnsp_search *search = NULL;
    uint64_t bytes = 0;
    lnsp_tensor x = rows_of(vectors[0], 333);
    CHECK_OK(lnsp_index_measure(&s, &bytes, &support_error));
    CHECK_OK(lnsp_index_create(&s, &options, &index, &support_error));
    CHECK_INT(heap.last_bytes, bytes);
    CHECK_OK(lnsp_search_measure(&s, &limits, &bytes, &support_error));
    CHECK_OK(lnsp_search_create(index, &limits, &options, &search, &support_error));
    CHECK_INT(heap.last_bytes, bytes);
    CHECK_OK(lnsp_index_add(index, &x, ids, &support_error));
    CHECK_OK(lnsp_index_remove(index, ids + 7, 100, &support_error));
    CHECK_INT(heap.calls, 2);
    lnsp_index_destroy(index); /* the search has it still */
    int64_t got[5 * 7];
    float scores[5 * 7];
    x = rows_of(queries[0], 5);
    CHECK_OK(lnsp_search_run(search, &x, NULL, 7, got, scores, &support_error));
    CHECK_INT(heap.live, 2);
    lnsp_search_destroy(search);
    CHECK_INT(heap.live, 0);
    for (int i = 1; i < 3; i++) { /* the allocator says no */
      allocator = support_allocator(&heap);
      heap.fail_at = i;
      index = NULL;
      int32_t status = lnsp_index_create(&s, &options, &index, &support_error);
      CHECK_INT(status, i == 1 ? LNSP_E_MEMORY : LNSP_OK);
      if (i == 2) {
        CHECK_REFUSED(lnsp_search_create(index, &limits, &options, &search, &support_error),
                      LNSP_E_MEMORY);
        CHECK(search == NULL);
      }
      lnsp_index_destroy(index);
      CHECK_INT(heap.live, 0);
    }
    /* in the caller's block, wherever it starts */
    CHECK_OK(lnsp_index_measure(&s, &bytes, &support_error));
    unsigned char *room = malloc((size_t)bytes + 200);
    lnsp_options in = {.struct_size = sizeof in,
                       .block = room + 5,
                       .block_bytes = (size_t)bytes + 63};
    memset(room, 0x5a, (size_t)bytes + 200);
    CHECK_OK(lnsp_index_create(&s, &in, &index, &support_error));
    x = rows_of(vectors[0], 333);
    CHECK_OK(lnsp_index_add(index, &x, ids, &support_error));
    lnsp_index_destroy(index);
    for (size_t i = 0; i < 5; i++) CHECK(room[i] == 0x5a);
    for (size_t i = (size_t)bytes + 68; i < (size_t)bytes + 200; i++) CHECK(room[i] == 0x5a);
    in.block_bytes = (size_t)bytes - 1;
    CHECK_REFUSED(lnsp_index_create(&s, &in, &index, &support_error), LNSP_E_MEMORY);
    free(room);
  }
}

/* ---- files ---- */

static support_bytes saved(const lnsp_index *index) {
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  CHECK_OK(lnsp_index_save_sink(index, &sink, &support_error));
  return bytes;
}

static void files_and_borrowed_memory_find_the_same(void) {
  for (int t = 0; t < 3; t++) {
    found expected, f;
    float a[WIDTH], b[WIDTH];
    lnsp_index *index = made_of(types[t], MANY, MANY + 3, NULL), *other = NULL;
    lnsp_index_options roomy = {.struct_size = sizeof roomy, .capacity = MANY + 5};
    lnsp_file *file = NULL;
    lnsp_tensor one = rows_of(vectors[0], 1);
    const int64_t fresh = 1;
    look(index, BEST, &expected);
    support_bytes bytes = saved(index);
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    for (int way = 0; way < 2; way++) {
      if (way == 0)
        CHECK_OK(lnsp_index_open_file(file, &roomy, NULL, &other, &support_error));
      else
        CHECK_OK(lnsp_index_open_borrowed(bytes.data, bytes.size, NULL, NULL, &other,
                                          &support_error));
      look(other, BEST, &f);
      CHECK(!memcmp(&expected, &f, sizeof f));
      CHECK_OK(lnsp_index_read(other, ids[99], a, WIDTH, &support_error));
      CHECK_OK(lnsp_index_read(index, ids[99], b, WIDTH, &support_error));
      CHECK(!memcmp(a, b, sizeof a));
      support_bytes again = saved(other);
      CHECK(again.size == bytes.size && !memcmp(again.data, bytes.data, bytes.size));
      free(again.data);
      if (way == 0) {
        CHECK_OK(lnsp_index_add(other, &one, &fresh, &support_error));
        CHECK_OK(lnsp_index_remove(other, ids, 1, &support_error));
      } else {
        CHECK_REFUSED(lnsp_index_add(other, &one, &fresh, &support_error), LNSP_E_STATE);
        CHECK_REFUSED(lnsp_index_remove(other, ids, 1, &support_error), LNSP_E_STATE);
      }
      lnsp_index_destroy(other);
    }
    lnsp_file_destroy(file);
    lnsp_index_destroy(index);
    free(bytes.data);
  }
}

/* Without ids, or with ids that ascend, a borrowed index takes no more than a handle. */
static void borrowing_takes_next_to_nothing(void) {
  float x[3] = {1, 0, -1};
  int64_t got[3];
  float scores[3];
  const char *json[] =
      {"{\"vectors\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[0,12]}}    ",
       "{\"ids\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[0,24]},"
       "\"vectors\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[24,36]}}     "};
  for (int i = 0; i < 2; i++) {
    uint64_t room[64];
    uint8_t *file = (uint8_t *)room;
    size_t length = strlen(json[i]) / 8 * 8;
    size_t size = hostile_make(file, json[i], length, i ? 36 : 12);
    const int64_t own[3] = {4, 9, 11};
    if (i) memcpy(file + 8 + length, own, sizeof own);
    memcpy(file + size - 12, x, sizeof x);
    support_heap heap;
    lnsp_allocator allocator = support_allocator(&heap);
    lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
    lnsp_index *index = NULL;
    lnsp_search *search = NULL;
    CHECK_OK(lnsp_index_open_borrowed(file, size, NULL, &options, &index, &support_error));
    CHECK(heap.live_bytes <= 1024);
    float q = -3;
    lnsp_tensor query = lnsp_tensor_f32("q", &q, 2, 1, 1, 0);
    CHECK_OK(lnsp_search_create(index, NULL, &options, &search, &support_error));
    CHECK_OK(lnsp_search_run(search, &query, NULL, 3, got, scores, &support_error));
    CHECK(got[0] == (i ? 11 : 2) && got[1] == (i ? 9 : 1) && got[2] == (i ? 4 : 0));
    CHECK(lnsp_index_read(index, i ? 9 : 1, &q, 1, NULL) == LNSP_OK);
    CHECK(lnsp_index_read(index, 3, &q, 1, NULL) == LNSP_E_MISSING);
    lnsp_search_destroy(search);
    lnsp_index_destroy(index);
    CHECK_INT(heap.live, 0);
    /* one byte on, elements do not lie as they should: a copy takes them */
    memmove(file + 1, file, size);
    CHECK_REFUSED(lnsp_index_open_borrowed(file + 1, size, NULL, NULL, &index, &support_error),
                  LNSP_E_FORMAT);
    lnsp_file *open = NULL;
    CHECK_OK(lnsp_file_open_memory(file + 1, size, NULL, &open, &support_error));
    CHECK_OK(lnsp_index_open_file(open, NULL, NULL, &index, &support_error));
    CHECK_INT(count_of(index), 3);
    lnsp_index_destroy(index);
    lnsp_file_destroy(open);
  }
}

static int32_t open_both(const char *json, const void *data, size_t bytes, int32_t trust) {
  static uint64_t room[512];
  uint8_t *file = (uint8_t *)room;
  char padded[1024];
  size_t length = strlen(json);
  memcpy(padded, json, length);
  while (length % 8) padded[length++] = ' ';
  size_t size = hostile_make(file, padded, length, bytes);
  if (bytes) memcpy(file + 8 + length, data, bytes);
  lnsp_index_options s = {.struct_size = sizeof s, .skip_checks = trust};
  lnsp_index *index = (lnsp_index *)(uintptr_t)1;
  lnsp_file *open = NULL;
  int32_t status = lnsp_index_open_borrowed(file, size, &s, NULL, &index, &support_error);
  CHECK((status == LNSP_OK) == (index != NULL));
  lnsp_index_destroy(index);
  if (lnsp_file_open_memory(file, size, NULL, &open, NULL) != LNSP_OK) return status;
  CHECK_INT(lnsp_index_open_file(open, &s, NULL, &index, NULL), status);
  lnsp_index_destroy(index);
  lnsp_file_destroy(open);
  return status;
}

static void hostile_files_are_refused(void) {
  const float fine[4] = {1, 2, 3, 4}, nan[4] = {1, 2, NAN, 4}, huge[4] = {1, 2, 3, 3e38f};
  const uint16_t half_nan[4] = {0, 0, 0x7c01, 0};
  struct {
    int64_t ids[2];
    float vectors[4];
  } twice = {{5, 5}, {1, 2, 3, 4}}, low = {{5, -1}, {1, 2, 3, 4}},
    good = {{9, 2}, {1, 2, 3, 4}};
  struct {
    float scales[2];
    int8_t codes[4];
  } bad_scale = {{1, -1}, {1, -128, 3, 4}}, nan_scale = {{1, NAN}, {1, 2, 3, 4}},
    scaled = {{1, 0}, {1, -128, 3, 4}};
#define V(dtype, shape, from, to) \
  "\"vectors\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"
#define OTHER(name, dtype, shape, to) \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[0," to "]},"
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "16") "}", fine, 16, 0), LNSP_OK);
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "16") "}", nan, 16, 0), LNSP_E_NOT_FINITE);
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "16") "}", nan, 16, 1), LNSP_OK);
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "16") "}", huge, 16, 0), LNSP_E_ARGUMENT);
  CHECK_INT(open_both("{" V("F16", "[2,2]", "0", "8") "}", half_nan, 8, 0), LNSP_E_NOT_FINITE);
  CHECK_INT(open_both("{" V("F32", "[4]", "0", "16") "}", fine, 16, 0), LNSP_E_SHAPE);
  CHECK_INT(open_both("{" V("F32", "[0,2]", "0", "0") "}", fine, 0, 0), LNSP_OK);
  CHECK_INT(open_both("{" V("F32", "[2,0]", "0", "0") "}", fine, 0, 0), LNSP_E_LIMIT);
  CHECK_INT(open_both("{" V("F64", "[2,1]", "0", "16") "}", fine, 16, 0), LNSP_E_DTYPE);
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "12") "}", fine, 12, 0), LNSP_E_FORMAT);
  CHECK_INT(open_both("{\"other\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}",
                      fine, 16, 0),
            LNSP_E_MISSING);
  CHECK_INT(open_both("{" OTHER("ids", "I64", "[2]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &good, 32, 0),
            LNSP_OK);
  CHECK_INT(open_both("{" OTHER("ids", "I64", "[2]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &twice, 32, 1),
            LNSP_E_FORMAT);
  CHECK_INT(open_both("{" OTHER("ids", "I64", "[2]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &low, 32, 1),
            LNSP_E_FORMAT);
  CHECK_INT(open_both("{" OTHER("ids", "U64", "[2]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &good, 32, 0),
            LNSP_E_DTYPE);
  CHECK_INT(open_both("{" OTHER("ids", "I64", "[2,1]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &good, 32, 0),
            LNSP_E_SHAPE);
  CHECK_INT(open_both("{" OTHER("scales", "F32", "[2]", "8") V("I8", "[2,2]", "8", "12") "}",
                      &scaled, 12, 0),
            LNSP_OK);
  CHECK_INT(open_both("{" OTHER("scales", "F32", "[2]", "8") V("I8", "[2,2]", "8", "12") "}",
                      &bad_scale, 12, 0),
            LNSP_E_NOT_FINITE);
  CHECK_INT(open_both("{" OTHER("scales", "F32", "[2]", "8") V("I8", "[2,2]", "8", "12") "}",
                      &nan_scale, 12, 0),
            LNSP_E_NOT_FINITE);
  CHECK_INT(open_both("{" OTHER("scale", "F32", "[2]", "8") V("I8", "[2,2]", "8", "12") "}",
                      &scaled, 12, 0),
            LNSP_E_MISSING);
  CHECK_INT(open_both("{" V("I8", "[4294967296,4294967296]", "0", "12") "}", &scaled, 12, 0),
            LNSP_E_FORMAT);
}

/* Trusted bytes may be anything: what has no score is never found, nothing else happens. */
static void trusted_files_may_lie(void) {
  static uint64_t room[512];
  uint8_t *file = (uint8_t *)room;
  const char *json =
      "{\"vectors\":{\"dtype\":\"F32\",\"shape\":[60,2],\"data_offsets\":[0,480]}}       ";
  size_t length = strlen(json) / 8 * 8, size = hostile_make(file, json, length, 480);
  float v[60][2], q[2] = {1, 0}, scores[60];
  int64_t got[60];
  int seen = 0;
  for (int i = 0; i < 60; i++) {
    v[i][0] = i % 3 == 0 ? NAN : i % 3 == 1 ? -INFINITY : (float)i;
    v[i][1] = 0;
  }
  memcpy(file + 8 + length, v, sizeof v);
  lnsp_index_options s = {.struct_size = sizeof s, .skip_checks = 1};
  lnsp_search_options limits = {sizeof limits, 1, 60, 0};
  lnsp_index *index = NULL;
  lnsp_search *search = NULL;
  lnsp_tensor query = lnsp_tensor_f32("q", q, 2, 1, 2, 0);
  CHECK_OK(lnsp_index_open_borrowed(file, size, &s, NULL, &index, &support_error));
  CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
  CHECK_OK(lnsp_search_run(search, &query, NULL, 60, got, scores, &support_error));
  while (seen < 60 && got[seen] >= 0) seen++;
  CHECK_INT(seen, 20);
  CHECK(got[0] == 59 && got[19] == 2);
  lnsp_search_destroy(search);
  lnsp_index_destroy(index);
}

/* Every cut and every changed byte: an index or a refusal, and no read beyond the end. */
static void damaged_files_end_well(void) {
  lnsp_index *index = made_of(LNSP_I8, 2, 2, NULL), *other = NULL;
  support_bytes bytes = saved(index);
  found f;
  for (size_t i = 0; i <= bytes.size; i++) {
    uint8_t *copy = malloc(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    if (i < bytes.size) copy[i] ^= (uint8_t)(1u << i % 8);
    if (lnsp_index_open_borrowed(copy, bytes.size, NULL, NULL, &other, NULL) == LNSP_OK) {
      lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
      lnsp_index_get_info(other, &facts, NULL);
      if (facts.width == WIDTH) look(other, BEST, &f);
    }
    lnsp_index_destroy(other);
    free(copy);
    uint8_t *cut = malloc(i ? i : 1);
    memcpy(cut, bytes.data, i);
    CHECK((lnsp_index_open_borrowed(cut, i, NULL, NULL, &other, NULL) == LNSP_OK) ==
          (i == bytes.size));
    lnsp_index_destroy(other);
    free(cut);
  }
  lnsp_index_destroy(index);
  free(bytes.data);
}

/* ---- refusals ---- */

static void refusals_change_nothing(void) {
  found before, after;
  lnsp_index *index = made_of(LNSP_F16, 50, 60, NULL);
  lnsp_tensor x = rows_of(vectors[100], 5);
  float bad[5][WIDTH];
  int64_t fresh[11] = {1, 3, 4, 6, 8, 9, 11, 13, 14, 16, 18};
  look(index, BEST, &before);
  for (int kind = 0; kind < 5; kind++) {
    memcpy(bad, vectors[100], sizeof bad);
    if (kind == 0) bad[3][7] = NAN;
    if (kind == 1) bad[4][0] = INFINITY;
    if (kind == 2) memset(bad[4], 0, sizeof bad[4]);
    for (int k = 0; k < WIDTH; k++) {
      if (kind == 3) bad[2][k] = 1e-30f;
      if (kind == 4) bad[2][k] = 1e30f;
    }
    lnsp_tensor b = rows_of(bad[0], 5);
    CHECK_REFUSED(lnsp_index_add(index, &b, fresh, &support_error),
                  kind < 2 ? LNSP_E_NOT_FINITE : LNSP_E_ARGUMENT);
  }
  fresh[4] = fresh[1];
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_ARGUMENT);
  fresh[4] = ids[20];
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_ARGUMENT);
  fresh[4] = -1;
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_ARGUMENT);
  fresh[4] = 8;
  x.dims[0] = 11;
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_LIMIT);
  x.dims[0] = 5;
  x.dims[1] = WIDTH - 1;
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_SHAPE);
  x.dims[1] = WIDTH;
  x.dtype = LNSP_F16;
  CHECK_REFUSED(lnsp_index_add(index, &x, fresh, &support_error), LNSP_E_DTYPE);
  x.dtype = LNSP_F32;
  int64_t gone[4] = {ids[3], ids[7], ids[3], 1};
  CHECK_REFUSED(lnsp_index_remove(index, gone, 3, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_index_remove(index, gone + 1, 3, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_index_remove(index, ids, 51, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_index_remove(index, ids, -1, &support_error), LNSP_E_ARGUMENT);
  look(index, BEST, &after);
  CHECK(!memcmp(&before, &after, sizeof before));
  CHECK_INT(count_of(index), 50);
  CHECK_OK(lnsp_index_add(index, &x, fresh, &support_error));
  CHECK_INT(count_of(index), 55);
  float out[WIDTH];
  CHECK_REFUSED(lnsp_index_read(index, 5555555, out, WIDTH, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_index_read(index, 1, out, WIDTH + 1, &support_error), LNSP_E_SHAPE);
  lnsp_index_destroy(index);
}

static void searches_refuse(void) {
  lnsp_index *index = made_of(LNSP_I8, 50, 60, NULL);
  lnsp_search_options limits = {sizeof limits, 2, 3, 0};
  lnsp_search *search = NULL;
  float q[3][WIDTH], scores[9];
  int64_t got[9] = {77};
  memcpy(q, queries, sizeof q);
  lnsp_tensor x = rows_of(q[0], 2);
  CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 4, got, scores, &support_error),
                LNSP_E_LIMIT);
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 0, got, scores, &support_error),
                LNSP_E_LIMIT);
  x.dims[0] = 3;
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 3, got, scores, &support_error),
                LNSP_E_LIMIT);
  x.dims[0] = 2;
  q[1][5] = NAN;
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 3, got, scores, &support_error),
                LNSP_E_NOT_FINITE);
  memset(q[1], 0, sizeof q[1]);
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 3, got, scores, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_search_run(search, &x, NULL, 3, NULL, scores, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_INT(got[0], 77);
  x.dims[0] = 0;
  CHECK_OK(lnsp_search_run(search, &x, NULL, 3, got, scores, &support_error));
  lnsp_search_destroy(search);
  const lnsp_search_options wrong[] = {{sizeof limits, -1, 1, 0},
                                       {sizeof limits, 1, 70000, 0},
                                       {sizeof limits, 1, 1, 300},
                                       {sizeof limits, 1, 1, 2}};
  for (int i = 0; i < 4; i++) {
    CHECK_REFUSED(lnsp_search_create(index, &wrong[i], NULL, &search, &support_error),
                  i == 3 || i == 2 ? LNSP_E_ARGUMENT : LNSP_E_LIMIT);
    CHECK(search == NULL);
  }
  lnsp_index_destroy(index);
  lnsp_index_options s = settings_of(LNSP_BF16, 4);
  CHECK_REFUSED(lnsp_index_create(&s, NULL, &index, &support_error), LNSP_E_DTYPE);
  s = settings_of(LNSP_F32, -1);
  CHECK_REFUSED(lnsp_index_create(&s, NULL, &index, &support_error), LNSP_E_LIMIT);
  s = settings_of(LNSP_F32, (int64_t)1 << 40);
  CHECK_REFUSED(lnsp_index_create(&s, NULL, &index, &support_error), LNSP_E_LIMIT);
  s = settings_of(LNSP_F32, 4);
  s.width = 65537;
  CHECK_REFUSED(lnsp_index_create(&s, NULL, &index, &support_error), LNSP_E_LIMIT);
  CHECK_REFUSED(lnsp_index_create(NULL, NULL, &index, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_index_open("/nowhere/at.all", NULL, NULL, &index, &support_error),
                LNSP_E_MISSING);
  lnsp_index_destroy(NULL);
  lnsp_search_destroy(NULL);
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
  RUN(is_as_large_as_measured);
  RUN(files_and_borrowed_memory_find_the_same);
  RUN(borrowing_takes_next_to_nothing);
  RUN(hostile_files_are_refused);
  RUN(trusted_files_may_lie);
  RUN(damaged_files_end_well);
  RUN(refusals_change_nothing);
  RUN(searches_refuse);
  FINISH();
}

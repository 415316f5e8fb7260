/* Long calls: each is cancelled at its first reports, at its last, and at some between them,
 * and nothing has changed then; when it is not cancelled, its result has the same bits as
 * without a report. Those of stores are in tests/store/test_store_progress.c. */
#include <unistd.h>

#include "base/progress.h"
#include "progress.h"

#define NET "family_b_doc d=17 s=130 k=18"

/* What a call works on. */
static lnsp_model *base, *next, *base16;
static lnsp_delta *delta, *second, *merged;
static support_bytes model_file, state_file, index_file;
static float vectors[3000][16];
static int32_t status; /* of the call that is tested */

typedef struct job {
  const char *name;
  /* Makes the call with these options; its status, and in digest what it gave. */
  void (*run)(const lnsp_options *options, uint8_t digest[32]);
} job;

#define TEST(call) (status = PROGRESS_OF(call))

static void mix(uint8_t digest[32], const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i < count; i++) digest[i % 32] = (uint8_t)(digest[i % 32] * 31 + at[i]);
}

static void take_model(lnsp_model *model, uint8_t digest[32]) {
  CHECK((status == LNSP_OK) == (model != NULL));
  if (model) CHECK_OK(lnsp_model_hash(model, digest, &support_error));
  lnsp_model_destroy(model);
}

/* A model made in two parts has the caller's progress, not that of the second part. */
static void check_caller(lnsp_model *model, const lnsp_options *options) {
  const progress_watch before = progress_now;
  uint8_t hash[32];
  progress_now = (progress_watch){0, 1, 0, 0, 0, 1};
  if (model && options->progress)
    CHECK_REFUSED(PROGRESS_OF(lnsp_model_hash(model, hash, &support_error)), LNSP_E_CANCELLED);
  progress_now = before;
}

static void take_delta(lnsp_delta *made, uint8_t digest[32]) {
  lnsp_delta_info info = LNSP_DELTA_INFO_INIT;
  CHECK((status == LNSP_OK) == (made != NULL));
  if (made) CHECK_OK(lnsp_delta_get_info(made, &info, &support_error));
  memcpy(digest, info.result_hash, 32);
  lnsp_delta_destroy(made);
}

static lnsp_tensor rows_of(const char *name, int first, int count) {
  return lnsp_tensor_f32(name, &vectors[first][0], 2, count, 16, 0);
}

/* ---- models and trainers ---- */

static void model_create(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  TEST(lnsp_model_create(NET, 3, options, &model, &support_error));
  take_model(model, digest);
}

static void model_open(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  TEST(lnsp_model_open_memory(model_file.data, model_file.size, options, &model,
                              &support_error));
  take_model(model, digest);
}

/* A file that has more than what is read. */
static void model_open_state(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  TEST(lnsp_model_open_memory(state_file.data, state_file.size, options, &model,
                              &support_error));
  take_model(model, digest);
}

static void model_convert(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  TEST(lnsp_model_convert(base, LNSP_I8, options, &model, &support_error));
  take_model(model, digest);
}

static void model_hash(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  uint8_t before[32];
  memcpy(before, digest, 32);
  CHECK_OK(lnsp_model_create(NET, 3, options, &model, &support_error));
  TEST(lnsp_model_hash(model, digest, &support_error));
  CHECK(!status || !memcmp(before, digest, 32));
  lnsp_model_destroy(model);
}

static lnsp_trainer *open_trainer(const lnsp_options *options) {
  lnsp_trainer *t = NULL;
  lnsp_file *file = NULL;
  CHECK_OK(
      lnsp_file_open_memory(state_file.data, state_file.size, options, &file, &support_error));
  TEST(lnsp_trainer_open_file(file, NULL, NULL, NULL, options, &t, &support_error));
  lnsp_file_destroy(file);
  return t;
}

static void trainer_open(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_trainer *t = open_trainer(options);
  CHECK((status == LNSP_OK) == (t != NULL));
  if (t) CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, digest, &support_error));
  lnsp_trainer_destroy(t);
}

/* A trainer that is there before the call that is tested. */
static lnsp_trainer *make_trainer(const lnsp_options *options) {
  const progress_watch before = progress_now;
  lnsp_trainer *t = NULL;
  progress_now.stop_at = 0;
  t = open_trainer(options);
  progress_now = before;
  return t;
}

static void trainer_hash(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_trainer *t = make_trainer(options);
  TEST(lnsp_trainer_hash(t, LNSP_SAVE_STATE, digest, &support_error));
  lnsp_trainer_destroy(t);
}

static void trainer_publish(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_trainer *t = make_trainer(options);
  lnsp_model *model = NULL;
  lnsp_options half = *options;
  half.storage = LNSP_BF16;
  TEST(lnsp_trainer_publish(t, 1, &half, &model, &support_error));
  take_model(model, digest);
  lnsp_trainer_destroy(t);
}

static void step_delta(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_trainer *t = NULL;
  uint8_t before[32];
  CHECK_OK(lnsp_trainer_create(base, "mse", "sgd lr=1", NULL, options, &t, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, before, &support_error));
  TEST(lnsp_trainer_step_delta(t, delta, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, digest, &support_error));
  CHECK(!status == !!memcmp(before, digest, 32));
  lnsp_trainer_destroy(t);
}

static void session_score(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_session *session = NULL;
  lnsp_score_info score = LNSP_SCORE_INFO_INIT;
  lnsp_tensor x = lnsp_tensor_f32("input", &vectors[0][0], 2, 100, 17, 0);
  CHECK_OK(lnsp_session_create(base, NULL, NULL, &session, &support_error));
  TEST(lnsp_session_score(session, &x, 1, &x, options, &score, &support_error));
  CHECK_INT(score.count, status ? 0 : 100);
  mix(digest, &score.cosine, sizeof score.cosine);
  lnsp_session_destroy(session);
}

/* ---- deltas ---- */

static void delta_exact(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_delta *made = NULL;
  TEST(lnsp_delta_create(base, next, "exact", options, &made, &support_error));
  take_delta(made, digest);
}

static void delta_sparse(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_delta *made = NULL;
  TEST(lnsp_delta_create(base, next, "sparse share=.1 only=*.bias", options, &made,
                         &support_error));
  take_delta(made, digest);
}

static void delta_live(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_trainer *t = make_trainer(options);
  lnsp_delta *made = NULL;
  TEST(lnsp_delta_create_live(base, t, "int8", 1, options, &made, &support_error));
  take_delta(made, digest);
  lnsp_trainer_destroy(t);
}

static void delta_apply(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  TEST(lnsp_delta_apply(delta, base, options, &model, &support_error));
  take_model(model, digest);
}

/* Two stages, and then another type. */
static void delta_apply_half(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  lnsp_options half = *options;
  half.storage = LNSP_F16;
  TEST(lnsp_delta_apply(merged, base16, &half, &model, &support_error));
  check_caller(model, options);
  take_model(model, digest);
}

static void delta_norm(const lnsp_options *options, uint8_t digest[32]) {
  double norm = -1, most = -1;
  TEST(lnsp_delta_norm(delta, base, &norm, &most, options, &support_error));
  CHECK(status ? norm == -1 && most == -1 : norm > 0 && most > 0);
  mix(digest, &norm, sizeof norm);
}

static void delta_check(const lnsp_options *options, uint8_t digest[32]) {
  (void)digest;
  TEST(lnsp_delta_check(delta, base, NULL, options, &support_error));
}

static void delta_accept(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_delta_check_options rules = {.struct_size = sizeof rules, .max_norm = 1e9};
  lnsp_model *model = NULL;
  TEST(lnsp_delta_accept(delta, base, &rules, options, &model, &support_error));
  check_caller(model, options);
  take_model(model, digest);
}

static void aggregate(const lnsp_options *options, uint8_t digest[32]) {
  const lnsp_delta *deltas[3] = {delta, second, delta};
  int32_t refused[3] = {-7, -7, -7};
  lnsp_delta *made = NULL;
  TEST(lnsp_delta_aggregate(base, deltas, NULL, 3, "median", options, refused, &made,
                            &support_error));
  CHECK_INT(refused[1], status ? -7 : LNSP_OK);
  take_delta(made, digest);
}

/* ---- indexes and metrics ---- */

static void index_open(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_index *index = NULL;
  lnsp_file *file = NULL;
  float x[16];
  CHECK_OK(
      lnsp_file_open_memory(index_file.data, index_file.size, options, &file, &support_error));
  TEST(lnsp_index_open_file(file, NULL, options, &index, &support_error));
  CHECK((status == LNSP_OK) == (index != NULL));
  if (index) CHECK_OK(lnsp_index_read(index, 2999, x, 16, &support_error));
  if (index) mix(digest, x, sizeof x);
  lnsp_index_destroy(index);
  lnsp_file_destroy(file);
}

static lnsp_index *make_index(const lnsp_options *options, int count) {
  lnsp_index_options settings = {sizeof settings, LNSP_F32, 16, 3002, 0, 0};
  lnsp_tensor rows = rows_of("vectors", 0, count);
  lnsp_index *index = NULL;
  CHECK_OK(lnsp_index_create(&settings, options, &index, &support_error));
  CHECK_OK(lnsp_index_add(index, &rows, NULL, &support_error));
  return index;
}

static void index_add(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_tensor rows = rows_of("vectors", 0, 3000);
  lnsp_index_info info = LNSP_INDEX_INFO_INIT;
  lnsp_index *index = make_index(options, 2);
  TEST(lnsp_index_add(index, &rows, NULL, &support_error));
  CHECK_OK(lnsp_index_get_info(index, &info, &support_error));
  CHECK_INT(info.count, status ? 2 : 3002);
  mix(digest, &info.count, sizeof info.count);
  if (status) CHECK_OK(lnsp_index_add(index, &rows, NULL, &support_error)); /* it still can */
  lnsp_index_destroy(index);
}

static lnsp_search *make_search(const lnsp_options *options, lnsp_index **index) {
  lnsp_search_options sizes = {.struct_size = sizeof sizes, .max_queries = 50};
  lnsp_search *search = NULL;
  *index = make_index(NULL, 3000);
  CHECK_OK(lnsp_search_create(*index, &sizes, options, &search, &support_error));
  return search;
}

static void search_run(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_tensor queries = rows_of("queries", 40, 50);
  lnsp_index *index;
  lnsp_search *search = make_search(options, &index);
  int64_t ids[50][10];
  float scores[50][10];
  memset(ids, 1, sizeof ids);
  memset(scores, 0, sizeof scores);
  TEST(lnsp_search_run(search, &queries, NULL, 10, ids[0], scores[0], &support_error));
  CHECK_INT(ids[0][0], status ? 0x0101010101010101 : 40);
  mix(digest, ids, sizeof ids);
  mix(digest, scores, sizeof scores);
  lnsp_search_destroy(search);
  lnsp_index_destroy(index);
}

static void search_rank(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_tensor queries = rows_of("queries", 40, 50);
  lnsp_index *index;
  lnsp_search *search = make_search(options, &index);
  int64_t truth[50];
  lnsp_rank ranks[50];
  memset(ranks, 0, sizeof ranks);
  for (int i = 0; i < 50; i++) truth[i] = 7 * i;
  TEST(lnsp_search_rank(search, &queries, truth, NULL, ranks, &support_error));
  mix(digest, ranks, sizeof ranks);
  lnsp_search_destroy(search);
  lnsp_index_destroy(index);
}

static void metrics_rank(const lnsp_options *options, uint8_t digest[32]) {
  static int64_t truth[300];
  static lnsp_rank ranks[300];
  lnsp_tensor queries = rows_of("queries", 0, 300), among = rows_of("candidates", 100, 2000);
  for (int i = 0; i < 300; i++) truth[i] = i * 3;
  memset(ranks, 0, sizeof ranks);
  TEST(lnsp_metrics_rank(&queries, &among, truth, NULL, options, ranks, &support_error));
  mix(digest, ranks, sizeof ranks);
}

static void metrics_collapse(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_collapse_info info = LNSP_COLLAPSE_INFO_INIT;
  lnsp_tensor few = rows_of("vectors", 0, 200);
  TEST(lnsp_metrics_collapse(&few, options, &info, &support_error));
  CHECK(status || info.variance > 0);
  mix(digest, &info.variance, sizeof info.variance);
}

/* ---- files: what was there stays, and nothing is left beside it ---- */

static void check_file(uint8_t digest[32], const char *path) {
  char temporary[256], piece[16384];
  support_bytes whole = {NULL, 0};
  snprintf(temporary, sizeof temporary, "%s", path);
  snprintf(strrchr(temporary, '/') + 1, 64, ".lnsp-%llu-0.tmp", (unsigned long long)getpid());
  CHECK(access(temporary, F_OK) != 0);
  FILE *file = fopen(path, "rb");
  REQUIRE(file);
  for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
    CHECK(!support_write(&whole, piece, n));
  fclose(file);
  CHECK((status == LNSP_OK) == !(whole.size == 3 && !memcmp(whole.data, "old", 3)));
  if (!status) mix(digest, whole.data, whole.size);
  free(whole.data);
  remove(path);
}

static const char *old_file(void) {
  const char *path = support_path("progress.safetensors");
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite("old", 1, 3, file) == 3);
  if (file) fclose(file);
  return path;
}

static void model_save(const lnsp_options *options, uint8_t digest[32]) {
  const char *path = old_file();
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_create(NET, 3, options, &model, &support_error));
  TEST(lnsp_model_save(model, path, LNSP_F16, &support_error));
  check_file(digest, path);
  lnsp_model_destroy(model);
}

static void trainer_save(const lnsp_options *options, uint8_t digest[32]) {
  const char *path = old_file();
  lnsp_trainer *t = make_trainer(options);
  TEST(lnsp_trainer_save(t, path, LNSP_SAVE_STATE, &support_error));
  check_file(digest, path);
  lnsp_trainer_destroy(t);
}

static void index_save(const lnsp_options *options, uint8_t digest[32]) {
  const char *path = old_file();
  lnsp_index *index = make_index(options, 3000);
  TEST(lnsp_index_save(index, path, &support_error));
  check_file(digest, path);
  lnsp_index_destroy(index);
}

static const job jobs[] = {
    {"model_create", model_create},
    {"model_open", model_open},
    {"model_open_state", model_open_state},
    {"model_convert", model_convert},
    {"model_hash", model_hash},
    {"trainer_open", trainer_open},
    {"trainer_hash", trainer_hash},
    {"trainer_publish", trainer_publish},
    {"step_delta", step_delta},
    {"session_score", session_score},
    {"delta_exact", delta_exact},
    {"delta_sparse", delta_sparse},
    {"delta_live", delta_live},
    {"delta_apply", delta_apply},
    {"delta_apply_half", delta_apply_half},
    {"delta_norm", delta_norm},
    {"delta_check", delta_check},
    {"delta_accept", delta_accept},
    {"aggregate", aggregate},
    {"index_open", index_open},
    {"index_add", index_add},
    {"search_run", search_run},
    {"search_rank", search_rank},
    {"metrics_rank", metrics_rank},
    {"metrics_collapse", metrics_collapse},
    {"model_save", model_save},
    {"trainer_save", trainer_save},
    {"index_save", index_save},
};

static void prepare(void) {
  lnsp_sink sink = support_sink(&model_file);
  lnsp_trainer *t = NULL;
  support_fill(&vectors[0][0], 3000 * 16, 7);
  CHECK_OK(lnsp_model_create(NET, 1, NULL, &base, &support_error));
  CHECK_OK(lnsp_model_create(NET, 2, NULL, &next, &support_error));
  CHECK_OK(lnsp_delta_create(base, next, "int8", NULL, &delta, &support_error));
  CHECK_OK(lnsp_delta_create(base, next, "int4", NULL, &second, &support_error));
  CHECK_OK(lnsp_model_save_sink(base, &sink, 0, &support_error));
  sink = support_sink(&state_file);
  CHECK_OK(lnsp_trainer_create(next, "mse", "adamw lr=.01 ema=.9 residual=1", NULL, NULL, &t,
                               &support_error));
  CHECK_OK(lnsp_trainer_save_sink(t, &sink, LNSP_SAVE_STATE, &support_error));
  lnsp_trainer_destroy(t);
  lnsp_model *halves[3];
  lnsp_delta *stages[2];
  lnsp_options half = {.struct_size = sizeof half, .storage = LNSP_F16};
  for (int i = 0; i < 3; i++)
    CHECK_OK(lnsp_model_create(NET, 4 + (uint64_t)i, &half, &halves[i], &support_error));
  for (int i = 0; i < 2; i++)
    CHECK_OK(
        lnsp_delta_create(halves[i], halves[i + 1], "exact", NULL, &stages[i], &support_error));
  CHECK_OK(
      lnsp_delta_merge((const lnsp_delta *const *)stages, 2, NULL, &merged, &support_error));
  base16 = halves[0];
  lnsp_model_destroy(halves[1]);
  lnsp_model_destroy(halves[2]);
  lnsp_delta_destroy(stages[0]);
  lnsp_delta_destroy(stages[1]);
  lnsp_index *index = make_index(NULL, 3000);
  sink = support_sink(&index_file);
  CHECK_OK(lnsp_index_save_sink(index, &sink, &support_error));
  lnsp_index_destroy(index);
}

static void cancelled_and_whole(void) {
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
    const char *name = jobs[i].name;
    uint8_t plain[32] = {0}, seen[32] = {0}, none[32] = {0};
    lnsp_options options = progress_options(-1);
    jobs[i].run(&options, plain);
    CHECK_SAY(status == LNSP_OK, "%s: %s", name, support_error.message);
    options = progress_options(0);
    jobs[i].run(&options, seen);
    const int reports = progress_now.calls;
    CHECK_SAY(!memcmp(plain, seen, 32), "%s: the report changed the result", name);
    CHECK_SAY(reports > 1 && reports < 700, "%s: %d reports", name, reports);
    CHECK_SAY(progress_now.sound, "%s: ended at %llu of %llu", name,
              (unsigned long long)progress_now.last, (unsigned long long)progress_now.total);
    for (int at = 1; at; at = progress_next(at, reports)) {
      options = progress_options(at);
      jobs[i].run(&options, none);
      CHECK_SAY(status == LNSP_E_CANCELLED, "%s: report %d of %d gave %s", name, at, reports,
                lnsp_status_name(status));
      CHECK_SAY(progress_now.sound && progress_heap.live == 0, "%s: report %d, %d blocks live",
                name, at, progress_heap.live);
    }
    options = progress_options(-1);
    memset(seen, 0, sizeof seen);
    jobs[i].run(&options, seen);
    CHECK_SAY(!memcmp(plain, seen, 32), "%s: cancelling changed something", name);
  }
}

static void refusals(void) {
  lnsp_progress none = {sizeof none, 0, NULL, NULL};
  lnsp_options options = {.struct_size = sizeof options, .progress = &none};
  lnsp_model *model = NULL;
  CHECK_REFUSED(lnsp_model_create("ln_min d=4 s=3", 1, &options, &model, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_STR(lnsp_status_name(LNSP_E_CANCELLED), "LNSP_E_CANCELLED");
}

static int32_t last_report(void *user, uint64_t done, uint64_t total) {
  uint64_t *last = user;
  last[0] = done;
  last[1] = total;
  return 0;
}

/* A part whose length was given as 0 counts all the same; the whole has a length. */
static void parts_of_no_length(void) {
  uint64_t last[2] = {9, 9};
  lnsp_progress caller = {sizeof caller, 0, last, last_report};
  lnsp_options options = {.struct_size = sizeof options, .progress = &caller};
  lnspi_progress_parts parts;
  lnspi_progress part;
  lnspi_progress_split(&parts, &options, 2);
  lnspi_progress_begin(&part, &options, 0);
  CHECK_OK(lnspi_progress_add(&part, 1, &support_error));
  CHECK(last[0] == 0 && last[1] == 2000);
  parts.index = 1;
  lnspi_progress_begin(&part, &options, 5);
  CHECK_OK(lnspi_progress_end(&part, &support_error));
  CHECK(last[0] == 2000 && last[1] == 2000);
}

int main(void) {
  prepare();
  RUN(parts_of_no_length);
  RUN(cancelled_and_whole);
  RUN(refusals);
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base16);
  lnsp_delta_destroy(delta);
  lnsp_delta_destroy(second);
  lnsp_delta_destroy(merged);
  free(model_file.data);
  free(state_file.data);
  free(index_file.data);
  FINISH();
}

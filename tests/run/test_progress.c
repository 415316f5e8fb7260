/* Long calls: each is cancelled at its first reports, at its last, and at some between them,
 * and nothing has changed then; when it is not cancelled, its result has the same bits as
 * without a report. */
#include "../store/store_device.h"

typedef struct watch {
  int stop_at, calls; /* stop_at: the report that cancels, 0 never */
  uint64_t last, total;
  int sound; /* done grew, and stayed within total */
} watch;

static int32_t report(void *user, uint64_t done, uint64_t total) {
  watch *w = user;
  w->sound &= done >= w->last && done <= total && (!w->calls || total == w->total);
  w->last = done;
  w->total = total;
  return ++w->calls == w->stop_at;
}

/* The report to cancel after number at: the first three, some of the others, the last. 0: no
 * more. */
static int next_stop(int at, int reports) {
  if (at >= reports) return 0;
  const int next = at < 3 ? at + 1 : at + 1 + reports / 8;
  return next < reports ? next : reports;
}

static support_heap heap;
static lnsp_allocator allocator;
static watch now;
static lnsp_progress progress = {sizeof progress, 0, &now, report};

static lnsp_options options_of(int stop_at) {
  lnsp_options options = {.struct_size = sizeof options,
                          .allocator = &allocator,
                          .progress = stop_at < 0 ? NULL : &progress};
  memset(&now, 0, sizeof now);
  now.stop_at = stop_at;
  now.sound = 1;
  return options;
}

/* What a call works on. */
static lnsp_model *base, *next;
static lnsp_delta *delta, *second;
static unsigned char *file_bytes, *index_bytes;
static size_t file_size, index_size;
static float vectors[3000][16];

typedef struct job {
  const char *name;
  int32_t (*run)(const lnsp_options *options, uint8_t digest[32]);
} job;

static void mix(uint8_t digest[32], const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i < count; i++) digest[i % 32] = (uint8_t)(digest[i % 32] * 31 + at[i]);
}

static int32_t take_model(int32_t status, lnsp_model *model, uint8_t digest[32]) {
  CHECK((status == LNSP_OK) == (model != NULL));
  if (model) CHECK_OK(lnsp_model_hash(model, digest, &support_error));
  lnsp_model_destroy(model);
  return status;
}

static int32_t take_delta(int32_t status, lnsp_delta *made, uint8_t digest[32]) {
  lnsp_delta_info info = {.struct_size = sizeof info};
  CHECK((status == LNSP_OK) == (made != NULL));
  if (made) CHECK_OK(lnsp_delta_get_info(made, &info, &support_error));
  memcpy(digest, info.result_hash, 32);
  lnsp_delta_destroy(made);
  return status;
}

static int32_t model_open(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  int32_t s = lnsp_model_open_memory(file_bytes, file_size, options, &model, &support_error);
  return take_model(s, model, digest);
}

static int32_t trainer_open(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_trainer *t = NULL;
  lnsp_file *file = NULL;
  CHECK_OK(lnsp_file_open_memory(file_bytes, file_size, options, &file, &support_error));
  int32_t s = lnsp_trainer_open_file(file, "mse", "sgd", NULL, options, &t, &support_error);
  if (t) CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, digest, &support_error));
  lnsp_trainer_destroy(t);
  lnsp_file_destroy(file);
  return s;
}

static int32_t delta_exact(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_delta *made = NULL;
  int32_t s = lnsp_delta_create(base, next, "exact", options, &made, &support_error);
  return take_delta(s, made, digest);
}

static int32_t delta_sparse(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_delta *made = NULL;
  int32_t s = lnsp_delta_create(base, next, "sparse share=.1", options, &made, &support_error);
  return take_delta(s, made, digest);
}

static int32_t delta_apply(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_model *model = NULL;
  int32_t s = lnsp_delta_apply(delta, base, options, &model, &support_error);
  return take_model(s, model, digest);
}

static int32_t aggregate(const lnsp_options *options, uint8_t digest[32]) {
  const lnsp_delta *deltas[3] = {delta, second, delta};
  int32_t refused[3] = {-7, -7, -7};
  lnsp_delta *made = NULL;
  int32_t s = lnsp_delta_aggregate(base, deltas, NULL, 3, "median", options, refused, &made,
                                   &support_error);
  CHECK_INT(refused[1], s ? -7 : LNSP_OK);
  return take_delta(s, made, digest);
}

static int32_t index_open(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_index *index = NULL;
  lnsp_file *file = NULL;
  float x[16];
  CHECK_OK(lnsp_file_open_memory(index_bytes, index_size, options, &file, &support_error));
  int32_t s = lnsp_index_open_file(file, NULL, options, &index, &support_error);
  CHECK((s == LNSP_OK) == (index != NULL));
  memset(digest, 0, 32);
  if (index) CHECK_OK(lnsp_index_read(index, 2999, x, 16, &support_error));
  if (index) mix(digest, x, sizeof x);
  lnsp_index_destroy(index);
  lnsp_file_destroy(file);
  return s;
}

static int32_t index_add(const lnsp_options *options, uint8_t digest[32]) {
  lnsp_index_options settings = {sizeof settings, LNSP_F32, 16, 3002, 0, 0};
  lnsp_tensor few = lnsp_tensor_f32("vectors", &vectors[0][0], 2, 2, 16, 0);
  lnsp_tensor rows = lnsp_tensor_f32("vectors", &vectors[0][0], 2, 3000, 16, 0);
  lnsp_index_info info = {.struct_size = sizeof info};
  lnsp_index *index = NULL;
  const watch before = now;
  now.stop_at = 0;
  CHECK_OK(lnsp_index_create(&settings, options, &index, &support_error));
  CHECK_OK(lnsp_index_add(index, &few, NULL, &support_error));
  now = before;
  int32_t s = lnsp_index_add(index, &rows, NULL, &support_error);
  CHECK_OK(lnsp_index_get_info(index, &info, &support_error));
  CHECK_INT(info.count, s ? 2 : 3002);
  memset(digest, 0, 32);
  mix(digest, &info.count, sizeof info.count);
  now.stop_at = 0;
  if (s) CHECK_OK(lnsp_index_add(index, &rows, NULL, &support_error)); /* it still can */
  lnsp_index_destroy(index);
  now.sound |= before.sound;
  return s;
}

static int32_t rank(const lnsp_options *options, uint8_t digest[32]) {
  static int64_t truth[300];
  static lnsp_rank ranks[300];
  lnsp_tensor queries = lnsp_tensor_f32("queries", &vectors[0][0], 2, 300, 16, 0);
  lnsp_tensor among = lnsp_tensor_f32("candidates", &vectors[100][0], 2, 2000, 16, 0);
  for (int i = 0; i < 300; i++) truth[i] = i * 3;
  memset(ranks, 0, sizeof ranks);
  int32_t s = lnsp_metrics_rank(&queries, &among, truth, NULL, options, ranks, &support_error);
  memset(digest, 0, 32);
  mix(digest, ranks, sizeof ranks);
  return s;
}

static const job jobs[] = {
    {"model_open", model_open},
    {"trainer_open", trainer_open},
    {"delta_exact", delta_exact},
    {"delta_sparse", delta_sparse},
    {"delta_apply", delta_apply},
    {"aggregate", aggregate},
    {"index_open", index_open},
    {"index_add", index_add},
    {"rank", rank},
};

static void prepare(void) {
  const char *net = "family_b_doc d=17 s=130 k=18";
  support_bytes bytes = {NULL, 0};
  lnsp_sink sink = {sizeof sink, &bytes, support_write};
  lnsp_index_options settings = {sizeof settings, LNSP_F32, 16, 3000, 0, 0};
  lnsp_tensor rows = lnsp_tensor_f32("vectors", &vectors[0][0], 2, 3000, 16, 0);
  lnsp_index *index = NULL;
  allocator = support_allocator(&heap);
  CHECK_OK(lnsp_model_create(net, 1, NULL, &base, &support_error));
  CHECK_OK(lnsp_model_create(net, 2, NULL, &next, &support_error));
  CHECK_OK(lnsp_delta_create(base, next, "int8", NULL, &delta, &support_error));
  CHECK_OK(lnsp_delta_create(base, next, "int4", NULL, &second, &support_error));
  CHECK_OK(lnsp_model_save_sink(base, &sink, 0, &support_error));
  file_bytes = bytes.data;
  file_size = bytes.size;
  memset(&bytes, 0, sizeof bytes);
  support_fill(&vectors[0][0], 3000 * 16, 7);
  CHECK_OK(lnsp_index_create(&settings, NULL, &index, &support_error));
  CHECK_OK(lnsp_index_add(index, &rows, NULL, &support_error));
  CHECK_OK(lnsp_index_save_sink(index, &sink, &support_error));
  index_bytes = bytes.data;
  index_size = bytes.size;
  lnsp_index_destroy(index);
}

static void cancelled_and_whole(void) {
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
    uint8_t plain[32], seen[32], none[32];
    lnsp_options options = options_of(-1);
    CHECK_OK(jobs[i].run(&options, plain));
    options = options_of(0);
    CHECK_OK(jobs[i].run(&options, seen));
    const int reports = now.calls;
    CHECK_SAY(!memcmp(plain, seen, 32), "%s: the report changed the result", jobs[i].name);
    CHECK_SAY(reports > 1 && reports < 700, "%s: %d reports", jobs[i].name, reports);
    for (int at = 1; at; at = next_stop(at, reports)) {
      options = options_of(at);
      const int32_t status = jobs[i].run(&options, none);
      CHECK_SAY(status == LNSP_E_CANCELLED, "%s: report %d of %d gave %s", jobs[i].name, at,
                reports, lnsp_status_name(status));
      CHECK_SAY(now.sound && heap.live == 0, "%s: report %d, %d blocks live", jobs[i].name, at,
                heap.live);
    }
    options = options_of(-1);
    CHECK_OK(jobs[i].run(&options, seen));
    CHECK_SAY(!memcmp(plain, seen, 32), "%s: cancelling changed something", jobs[i].name);
  }
}

/* ---- stores: every byte of the device, and what is in it, before and after ---- */

static store_device flash;
static lnsp_device device;
static uint8_t newest[32]; /* the hash of what is in the store */

static void check_newest(lnsp_store *store) {
  uint8_t hash[32];
  lnsp_model *model = NULL;
  now.stop_at = 0;
  CHECK_OK(lnsp_store_checkout(store, 0, NULL, &model, &support_error));
  CHECK_OK(lnsp_model_hash(model, hash, &support_error));
  CHECK(!memcmp(hash, newest, 32));
  lnsp_model_destroy(model);
}

static int32_t store_open(void) {
  lnsp_options options = options_of(now.stop_at);
  lnsp_store *store = NULL;
  const int32_t status =
      lnsp_store_open_device(&device, NULL, &options, &store, &support_error);
  CHECK((status == LNSP_OK) == (store != NULL));
  lnsp_store_destroy(store);
  return status;
}

/* Opens the store, and runs a call that is to be cancelled. */
static int32_t store_call(int compact) {
  const int stop_at = now.stop_at;
  lnsp_options options = options_of(0);
  lnsp_store *store = NULL;
  uint64_t records = 0;
  REQUIRE_OK(lnsp_store_open_device(&device, NULL, &options, &store, &support_error));
  now = (watch){stop_at, 0, 0, 0, 1};
  const int32_t status = compact ? lnsp_store_compact(store, &support_error)
                                 : lnsp_store_verify(store, &records, &support_error);
  const watch seen = now;
  check_newest(store);
  CHECK_OK(lnsp_store_verify(store, &records, &support_error)); /* it still can */
  if (compact) CHECK_OK(lnsp_store_commit_model(store, next, NULL, NULL, &support_error));
  lnsp_store_destroy(store);
  now = seen;
  return status;
}

static int32_t store_verify(void) { return store_call(0); }
static int32_t store_compact(void) { return store_call(1); }

static void cancel_store(const char *name, int32_t (*run)(void), int writes) {
  uint8_t *before = malloc((size_t)flash.size);
  memcpy(before, flash.bytes, (size_t)flash.size);
  now.stop_at = 0;
  CHECK_OK(run());
  const int reports = now.calls;
  CHECK_SAY(reports > 2, "%s reported %d times", name, reports);
  for (int at = 1; at; at = next_stop(at, reports)) {
    memcpy(flash.bytes, before, (size_t)flash.size);
    now.stop_at = at;
    const int32_t status = run();
    CHECK_SAY(status == LNSP_E_CANCELLED && now.sound, "%s: report %d of %d gave %s", name, at,
              reports, lnsp_status_name(status));
    CHECK_INT(heap.live, 0);
    if (!writes) CHECK(!memcmp(before, flash.bytes, (size_t)flash.size));
  }
  now.stop_at = 0;
  CHECK_OK(run());
  free(before);
}

static void stores(void) {
  lnsp_store_options settings = {.struct_size = sizeof settings, .snapshot_every = 1};
  lnsp_store *store = NULL;
  device = store_device_open(&flash, 1 << 20, 4096, 16);
  CHECK_OK(
      lnsp_store_create_device(&device, NULL, base, &settings, NULL, &store, &support_error));
  for (int i = 0; i < 4; i++)
    CHECK_OK(lnsp_store_commit_model(store, i % 2 ? next : base, NULL, NULL, &support_error));
  lnsp_store_destroy(store);
  CHECK_OK(lnsp_model_hash(next, newest, &support_error));
  cancel_store("store_open", store_open, 0);
  cancel_store("store_verify", store_verify, 0);
  cancel_store("store_compact", store_compact, 1);
  CHECK_OK(lnsp_store_open_device(&device, NULL, NULL, &store, &support_error));
  check_newest(store);
  lnsp_store_destroy(store);
  store_device_close(&flash);
}

static void refusals(void) {
  lnsp_progress none = {sizeof none, 0, NULL, NULL};
  lnsp_options options = {.struct_size = sizeof options, .progress = &none};
  lnsp_model *model = NULL;
  CHECK_REFUSED(lnsp_model_create("ln_min d=4 s=3", 1, &options, &model, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_STR(lnsp_status_name(LNSP_E_CANCELLED), "LNSP_E_CANCELLED");
}

int main(void) {
  prepare();
  RUN(cancelled_and_whole);
  RUN(stores);
  RUN(refusals);
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
  lnsp_delta_destroy(delta);
  lnsp_delta_destroy(second);
  free(file_bytes);
  free(index_bytes);
  FINISH();
}

/* Long calls of stores: cancelled at some of their reports, they leave every version as it was,
 * and a handle that can still write. */
#include "progress.h"
#include "store_device.h"

#define NET "family_b_doc d=17 s=130 k=18"

static lnsp_model *base, *next;
static lnsp_delta *delta;
static store_device flash;
static lnsp_device device;
static uint8_t newest[32]; /* the hash of what is in the store */

static void check_newest(lnsp_store *store) {
  uint8_t hash[32];
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_store_checkout(store, 0, NULL, &model, &support_error));
  CHECK_OK(lnsp_model_hash(model, hash, &support_error));
  CHECK(!memcmp(hash, newest, 32));
  lnsp_model_destroy(model);
}

static uint64_t versions(const lnsp_store *store) {
  lnsp_store_info info = LNSP_STORE_INFO_INIT;
  CHECK_OK(lnsp_store_get_info(store, &info, &support_error));
  return info.versions;
}

static lnsp_store *open_store(int stop_at) {
  lnsp_options options = progress_options(stop_at);
  lnsp_store *store = NULL;
  CHECK_OK(lnsp_store_open_device(&device, NULL, &options, &store, &support_error));
  return store;
}

/* ---- calls that change nothing ---- */

static int32_t store_open(int stop_at) {
  lnsp_options options = progress_options(stop_at);
  lnsp_store *store = NULL;
  const int32_t status =
      PROGRESS_OF(lnsp_store_open_device(&device, NULL, &options, &store, &support_error));
  CHECK((status == LNSP_OK) == (store != NULL));
  lnsp_store_destroy(store);
  return status;
}

static int32_t store_verify(int stop_at) {
  lnsp_store *store = open_store(stop_at);
  uint64_t records = 99;
  const int32_t status = PROGRESS_OF(lnsp_store_verify(store, &records, &support_error));
  CHECK((records == 99) == (status != LNSP_OK));
  check_newest(store);
  lnsp_store_destroy(store);
  return status;
}

static int32_t checkout_as(int stop_at, int32_t type) {
  lnsp_store *store = open_store(stop_at);
  lnsp_options options = progress_options(stop_at);
  lnsp_model *model = NULL;
  options.storage = type;
  const int32_t status =
      PROGRESS_OF(lnsp_store_checkout(store, 3, &options, &model, &support_error));
  CHECK((status == LNSP_OK) == (model != NULL));
  lnsp_model_destroy(model);
  check_newest(store);
  lnsp_store_destroy(store);
  return status;
}

static int32_t store_checkout(int stop_at) { return checkout_as(stop_at, 0); }
static int32_t store_checkout_half(int stop_at) { return checkout_as(stop_at, LNSP_F16); }

/* ---- calls that write: what they are cancelled in goes on afterwards ---- */

static void check_goes_on(lnsp_store *store, uint64_t count) {
  const progress_watch before = progress_now;
  uint64_t records = 0;
  check_newest(store);
  CHECK_INT(versions(store), count);
  CHECK_OK(lnsp_store_verify(store, &records, &support_error));
  CHECK_OK(lnsp_store_commit_model(store, next, NULL, NULL, &support_error));
  lnsp_store_destroy(store);
  store = open_store(0);
  check_newest(store);
  CHECK_INT(versions(store), count + 1);
  CHECK_OK(lnsp_store_verify(store, &records, &support_error));
  lnsp_store_destroy(store);
  progress_now = before;
}

static int32_t store_compact(int stop_at) {
  lnsp_store *store = open_store(stop_at);
  const uint64_t count = versions(store);
  const int32_t status = PROGRESS_OF(lnsp_store_compact(store, &support_error));
  check_goes_on(store, count);
  return status;
}

static int32_t store_commit(int stop_at) {
  lnsp_store *store = open_store(stop_at);
  const uint64_t count = versions(store);
  uint64_t number = 0;
  const int32_t status =
      PROGRESS_OF(lnsp_store_commit_model(store, next, NULL, &number, &support_error));
  CHECK((number == 0) == (status != LNSP_OK));
  check_goes_on(store, count + !status);
  return status;
}

static int32_t store_apply(int stop_at) {
  lnsp_store *store = open_store(stop_at);
  lnsp_options options = progress_options(stop_at);
  const uint64_t count = versions(store);
  uint8_t before[32];
  memcpy(before, newest, 32);
  const int32_t status = PROGRESS_OF(
      lnsp_store_apply(store, delta, NULL, NULL, NULL, &options, NULL, &support_error));
  if (!status) CHECK_OK(lnsp_store_rollback(store, count, NULL, NULL, &support_error));
  check_goes_on(store, count + (status ? 0 : 2));
  return status;
}

static void cancel(const char *name, int32_t (*run)(int stop_at), int writes) {
  uint8_t *before = malloc((size_t)flash.size);
  memcpy(before, flash.bytes, (size_t)flash.size);
  CHECK_OK(run(0));
  const int reports = progress_now.calls;
  CHECK_SAY(reports > 2, "%s reported %d times", name, reports);
  CHECK_SAY(progress_now.sound, "%s: ended at %llu of %llu", name,
            (unsigned long long)progress_now.last, (unsigned long long)progress_now.total);
  for (int at = 1; at; at = progress_next(at, reports)) {
    memcpy(flash.bytes, before, (size_t)flash.size);
    const int32_t status = run(at);
    CHECK_SAY(status == LNSP_E_CANCELLED, "%s: report %d of %d gave %s", name, at, reports,
              lnsp_status_name(status));
    CHECK_INT(progress_heap.live, 0);
    if (!writes) CHECK(!memcmp(before, flash.bytes, (size_t)flash.size));
  }
  memcpy(flash.bytes, before, (size_t)flash.size);
  CHECK_OK(run(-1));
  memcpy(flash.bytes, before, (size_t)flash.size);
  free(before);
}

static void of_models(void) {
  for (int32_t every = 1; every < 16; every += 14) { /* snapshots alone; deltas */
    lnsp_store_options settings = {.struct_size = sizeof settings, .snapshot_every = every};
    lnsp_store *store = NULL;
    device = store_device_open(&flash, 1 << 20, 4096, 16);
    CHECK_OK(
        lnsp_store_create_device(&device, NULL, base, &settings, NULL, &store, &support_error));
    for (int i = 0; i < 4; i++)
      CHECK_OK(lnsp_store_commit_model(store, i % 2 ? next : base, NULL, NULL, &support_error));
    lnsp_store_destroy(store);
    cancel("open", store_open, 0);
    cancel("verify", store_verify, 0);
    cancel("checkout", store_checkout, 0);
    cancel("checkout_half", store_checkout_half, 0);
    cancel("compact", store_compact, 1);
    cancel("commit", store_commit, 1);
    cancel("apply", store_apply, 1);
    CHECK_INT(flash.wrong, 0);
    store_device_close(&flash);
  }
}

/* ---- a trainer ---- */

static int32_t trainer_load(int stop_at) {
  lnsp_store *store = open_store(stop_at);
  lnsp_options options = progress_options(stop_at);
  lnsp_trainer *t = NULL;
  uint8_t before[32], after[32];
  CHECK_OK(lnsp_trainer_create(next, "mse", "adamw lr=.01", NULL, NULL, &t, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, before, &support_error));
  const int32_t status = PROGRESS_OF(lnsp_store_load(store, 1, t, &options, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, after, &support_error));
  CHECK(!status == !!memcmp(before, after, 32));
  lnsp_trainer_destroy(t);
  lnsp_store_destroy(store);
  return status;
}

/* The trainer keeps its weights where the commit of what it took over is cancelled. */
static int32_t trainer_apply(int stop_at) {
  lnsp_store *store = open_store(stop_at);
  lnsp_options options = progress_options(stop_at);
  lnsp_trainer *t = NULL;
  uint8_t before[32], after[32];
  CHECK_OK(lnsp_trainer_create(base, "mse", "adamw lr=.01", NULL, NULL, &t, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, before, &support_error));
  const int32_t status = PROGRESS_OF(
      lnsp_store_apply(store, delta, t, NULL, NULL, &options, NULL, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, after, &support_error));
  CHECK(!status == !!memcmp(before, after, 32));
  lnsp_trainer_destroy(t);
  lnsp_store_destroy(store);
  return status;
}

static void of_trainers(void) {
  lnsp_store *store = NULL;
  lnsp_trainer *t = NULL;
  device = store_device_open(&flash, 1 << 20, 4096, 16);
  CHECK_OK(lnsp_trainer_create(base, "mse", "adamw lr=.01", NULL, NULL, &t, &support_error));
  CHECK_OK(lnsp_store_create_device(&device, t, NULL, NULL, NULL, &store, &support_error));
  CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(t);
  cancel("load", trainer_load, 0);
  cancel("apply to a trainer", trainer_apply, 1);
  CHECK_INT(flash.wrong, 0);
  store_device_close(&flash);
}

/* A model that is given no progress has none, though its store had. */
static void models_outlive_stores(void) {
  lnsp_options options = progress_options(0);
  lnsp_store *store = NULL;
  lnsp_model *models[2] = {NULL, NULL};
  uint8_t hash[32];
  device = store_device_open(&flash, 1 << 19, 4096, 16);
  CHECK_OK(
      lnsp_store_create_device(&device, NULL, base, NULL, &options, &store, &support_error));
  CHECK_OK(lnsp_store_commit_model(store, next, NULL, NULL, &support_error));
  CHECK_OK(PROGRESS_OF(lnsp_store_checkout(store, 0, NULL, &models[0], &support_error)));
  CHECK(progress_now.calls > 0);
  CHECK_OK(lnsp_store_checkout(store, 0, &options, &models[1], &support_error));
  lnsp_store_destroy(store);
  for (int i = 0; i < 2; i++) {
    options = progress_options(1);
    CHECK_INT(PROGRESS_OF(lnsp_model_hash(models[i], hash, &support_error)),
              i ? LNSP_E_CANCELLED : LNSP_OK);
    lnsp_model_destroy(models[i]);
  }
  store_device_close(&flash);
}

/* Each cancelled commit leaves bytes behind; when they fill the bank, it is compacted. */
static void cancelled_again_and_again(void) {
  lnsp_store *store = NULL;
  lnsp_options options = progress_options(0);
  uint64_t records = 0;
  device = store_device_open(&flash, 1 << 19, 4096, 16);
  CHECK_OK(
      lnsp_store_create_device(&device, NULL, base, NULL, &options, &store, &support_error));
  CHECK_OK(lnsp_store_commit_model(store, next, NULL, NULL, &support_error));
  for (int i = 0; i < 40; i++) {
    progress_now = (progress_watch){0, 1 + i % 3, 0, 0, 0, 1};
    CHECK_INT(PROGRESS_OF(lnsp_store_commit_model(store, base, NULL, NULL, &support_error)),
              LNSP_E_CANCELLED);
    check_newest(store);
    CHECK_INT(versions(store), 1);
  }
  CHECK_OK(lnsp_store_verify(store, &records, &support_error));
  lnsp_store_destroy(store);
  store = open_store(0);
  check_newest(store);
  CHECK_INT(versions(store), 1);
  CHECK_OK(lnsp_store_commit_model(store, next, NULL, NULL, &support_error));
  lnsp_store_destroy(store);
  CHECK_INT(flash.wrong, 0);
  store_device_close(&flash);
}

int main(void) {
  CHECK_OK(lnsp_model_create(NET, 1, NULL, &base, &support_error));
  CHECK_OK(lnsp_model_create(NET, 2, NULL, &next, &support_error));
  CHECK_OK(lnsp_model_hash(next, newest, &support_error));
  RUN(cancelled_again_and_again);
  RUN(models_outlive_stores);
  CHECK_OK(lnsp_delta_create(next, base, "int8", NULL, &delta, &support_error));
  CHECK_OK(lnsp_delta_stamp(delta, "one", 1, NULL, 0, &support_error));
  RUN(of_models);
  lnsp_delta_destroy(delta);
  CHECK_OK(lnsp_delta_create(base, next, "int8", NULL, &delta, &support_error));
  CHECK_OK(lnsp_delta_stamp(delta, "one", 1, NULL, 0, &support_error));
  RUN(of_trainers);
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
  lnsp_delta_destroy(delta);
  FINISH();
}

/* Stores of trainers and models: to the bit, within a size, and against all that fails. */
#include "store_device.h"

/* small, so that a bit of it at a time can be tried: 320 bytes of weights */
#define NET "lnsp 1\nx = input 4\nh = linear x 3 w=a\noutput output=h"
#define OPTIMIZER "adamw lr=1e-2 ema=.9 clip=1 residual=1"

static store_device flash;
static lnsp_device device;

static lnsp_model *small_model(uint64_t seed) {
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_create(NET, seed, NULL, &model, &support_error));
  return model;
}

static lnsp_trainer *trainer_of(const char *optimizer) {
  lnsp_trainer *t = NULL;
  lnsp_model *model = small_model(1);
  CHECK_OK(lnsp_trainer_create(model, "mse", optimizer, NULL, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

static void step(lnsp_trainer *t, uint32_t seed) {
  float x[4], y[3];
  support_fill(x, 4, seed);
  support_fill(y, 3, seed + 1);
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 4, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 3, 0)};
  CHECK_OK(lnsp_trainer_step(t, in, 2, NULL, &support_error));
}

static void hash_of(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, hash, &support_error));
}

static lnsp_store *open_store(void) {
  lnsp_store *store = NULL;
  CHECK_OK(lnsp_store_open_device(&device, NULL, NULL, &store, &support_error));
  return store;
}

static lnsp_store *create_store(const lnsp_trainer *t, uint64_t size, uint32_t erase,
                                uint32_t unit, int32_t every) {
  lnsp_store_options settings = {sizeof settings, every, 3, 0, 0, 0, 0};
  lnsp_store *store = NULL;
  device = store_device_open(&flash, size, erase, unit);
  CHECK_OK(lnsp_store_create_device(&device, t, NULL, &settings, NULL, &store, &support_error));
  return store;
}

static lnsp_store_version_info version_at(lnsp_store *store, uint64_t index) {
  lnsp_store_version_info v = LNSP_STORE_VERSION_INFO_INIT;
  CHECK_OK(lnsp_store_version_at(store, index, &v, &support_error));
  return v;
}

/* Every version comes back; training goes on from it as it did. */
static void to_the_bit_with(const char *optimizer) {
  uint8_t kept[12][32], hash[32];
  lnsp_trainer *t = trainer_of(optimizer), *other = trainer_of(optimizer);
  lnsp_store *store = create_store(t, 65536, 1024, 8, 4);
  for (int i = 0; i < 10; i++) {
    lnsp_commit_options note = {sizeof note, (float)i, 100 + (uint64_t)i,
                                i == 3 ? "good" : NULL};
    uint64_t number = 0;
    hash_of(t, kept[i]);
    CHECK_OK(lnsp_store_commit(store, t, &note, &number, &support_error));
    CHECK_INT(number, i + 1);
    step(t, (uint32_t)i);
    if (i == 5) CHECK_OK(lnsp_trainer_set_learning_rate(t, 5e-3f, &support_error));
    if (i == 7) CHECK_OK(lnsp_trainer_freeze(t, "*weight*", 1, &support_error));
  }
  hash_of(t, kept[10]);
  lnsp_store_destroy(store);
  store = open_store();
  for (int i = 9; i >= 0; i--) {
    lnsp_store_version_info v = version_at(store, (uint64_t)(9 - i));
    CHECK_INT(v.number, i + 1);
    CHECK_INT(v.step, i);
    CHECK_INT(v.time, 100 + i);
    CHECK(v.loss == (float)i);
    CHECK_STR(v.tag, i == 3 ? "good" : "");
    CHECK_INT(v.kind, i % 4 ? LNSP_VERSION_DELTA : LNSP_VERSION_SNAPSHOT);
    CHECK_INT(v.current, i == 9);
    CHECK_OK(lnsp_store_load(store, v.number, other, NULL, &support_error));
    hash_of(other, hash);
    CHECK(!memcmp(hash, kept[i], 32));
    lnsp_model *model = NULL;
    CHECK_OK(lnsp_store_checkout(store, v.number, NULL, &model, &support_error));
    CHECK_OK(lnsp_model_hash(model, hash, &support_error));
    CHECK(!memcmp(hash, v.hash, 32));
    lnsp_model_destroy(model);
    if (i == 5) { /* as if the undone steps had never been */
      CHECK_OK(lnsp_store_load(store, 6, other, NULL, &support_error));
      for (int k = 5; k < 10; k++) {
        step(other, (uint32_t)k);
        if (k == 5) CHECK_OK(lnsp_trainer_set_learning_rate(other, 5e-3f, &support_error));
        if (k == 7) CHECK_OK(lnsp_trainer_freeze(other, "*weight*", 1, &support_error));
        hash_of(other, hash);
        CHECK(!memcmp(hash, kept[k + 1], 32));
      }
    }
  }
  uint64_t records = 0;
  CHECK_OK(lnsp_store_verify(store, &records, &support_error));
  CHECK_INT(records, 11);
  CHECK_INT(flash.wrong, 0);
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(other);
  store_device_close(&flash);
}

static void to_the_bit(void) {
  to_the_bit_with(OPTIMIZER);
  to_the_bit_with("adamw lr=1e-2 moments=8bit weights=bf16");
  to_the_bit_with("sgd lr=.05 momentum=.9");
}

/* A learning rate, and what a plateau remembers, belong to the text that they were set over. */
static void rates_of_another_text(void) {
  const char *const texts[2][2] = {{"sgd lr=.5", "sgd lr=.25"},
                                   {"sgd lr=.5 schedule=plateau patience=0",
                                    "sgd lr=.25 schedule=plateau patience=0"}};
  for (int i = 0; i < 2; i++) {
    lnsp_trainer *t = trainer_of(texts[i][0]), *other = trainer_of(texts[i][1]);
    lnsp_store *store = create_store(t, 65536, 1024, 8, 4);
    CHECK_OK(lnsp_trainer_set_learning_rate(t, .75f, &support_error));
    CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
    CHECK_OK(lnsp_store_load(store, 0, other, NULL, &support_error));
    CHECK_NEAR(lnsp_trainer_learning_rate(other), .25, 0);
    lnsp_trainer_destroy(other);
    other = trainer_of(texts[i][0]);
    CHECK_OK(lnsp_store_load(store, 0, other, NULL, &support_error));
    CHECK_NEAR(lnsp_trainer_learning_rate(other), .75, 0);
    lnsp_trainer_destroy(other);
    other = trainer_of(texts[1 - i][0]); /* a state with a plateau is longer */
    CHECK_REFUSED(lnsp_store_load(store, 0, other, NULL, &support_error), LNSP_E_MISMATCH);
    CHECK(strstr(support_error.message, "plateau") != NULL);
    lnsp_trainer_destroy(other);
    lnsp_trainer_destroy(t);
    lnsp_store_destroy(store);
    store_device_close(&flash);
  }
}

static void rolls_back(void) {
  uint8_t first[32], hash[32];
  uint64_t number = 0;
  lnsp_trainer *t = trainer_of(OPTIMIZER);
  lnsp_store *store = create_store(t, 65536, 1024, 8, 4);
  CHECK_REFUSED(lnsp_store_load(store, 0, t, NULL, &support_error), LNSP_E_MISSING);
  hash_of(t, first);
  for (uint32_t i = 0; i < 6; i++) {
    CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
    step(t, i);
  }
  lnsp_commit_options note = {sizeof note, 0, 77, NULL};
  CHECK_OK(lnsp_store_rollback(store, 1, &note, &number, &support_error));
  CHECK_INT(number, 7);
  CHECK_REFUSED(lnsp_store_rollback(store, 99, NULL, NULL, &support_error), LNSP_E_MISSING);
  lnsp_store_destroy(store);
  store = open_store();
  lnsp_store_version_info v = version_at(store, 0);
  CHECK_INT(v.kind, LNSP_VERSION_ROLLBACK);
  CHECK_INT(v.parent, 1);
  CHECK_INT(v.time, 77);
  CHECK_INT(version_at(store, 6).current, 1);
  CHECK_OK(lnsp_store_load(store, 0, t, NULL, &support_error));
  hash_of(t, hash);
  CHECK(!memcmp(hash, first, 32));
  CHECK_OK(lnsp_store_rollback(store, 7, NULL, NULL, &support_error)); /* to a rollback */
  CHECK_INT(version_at(store, 0).parent, 1);
  step(t, 50);
  CHECK_OK(lnsp_store_commit(store, t, NULL, &number, &support_error));
  CHECK_INT(number, 9);
  CHECK_INT(version_at(store, 0).parent, 8);
  CHECK_REFUSED(lnsp_store_version_at(store, 9, &v, &support_error), LNSP_E_ARGUMENT);
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(t);
  store_device_close(&flash);
}

static void of_models(void) {
  lnsp_store *store = NULL;
  lnsp_model *a = small_model(1), *b = small_model(2), *half = NULL, *got = NULL;
  uint8_t hash[32], is[32];
  lnsp_trainer *t = trainer_of("adamw");
  device = store_device_open(&flash, 32768, 512, 4);
  CHECK_OK(lnsp_model_convert(a, LNSP_F16, NULL, &half, &support_error));
  CHECK_OK(lnsp_store_create_device(&device, NULL, a, NULL, NULL, &store, &support_error));
  CHECK_OK(lnsp_store_commit_model(store, a, NULL, NULL, &support_error));
  CHECK_OK(lnsp_store_commit_model(store, b, NULL, NULL, &support_error));
  CHECK_REFUSED(lnsp_store_commit_model(store, half, NULL, NULL, &support_error),
                LNSP_E_MISMATCH);
  CHECK_REFUSED(lnsp_store_commit(store, t, NULL, NULL, &support_error), LNSP_E_MISMATCH);
  CHECK_REFUSED(lnsp_store_load(store, 1, t, NULL, &support_error), LNSP_E_MISMATCH);
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.storage = LNSP_F16;
  CHECK_OK(lnsp_store_checkout(store, 1, &options, &got, &support_error));
  CHECK_OK(lnsp_model_hash(got, is, &support_error));
  CHECK_OK(lnsp_model_hash(half, hash, &support_error));
  CHECK(!memcmp(is, hash, 32));
  lnsp_model_destroy(got);
  CHECK_OK(lnsp_store_checkout(store, 0, NULL, &got, &support_error));
  CHECK_OK(lnsp_model_hash(got, is, &support_error));
  CHECK_OK(lnsp_model_hash(b, hash, &support_error));
  CHECK(!memcmp(is, hash, 32));
  CHECK_STR(lnsp_store_text(store, 0), lnsp_graph_architecture(lnsp_model_graph(a)));
  CHECK_STR(lnsp_store_text(store, 2), "");
  CHECK(!lnsp_store_text(store, 3));
  lnsp_model_destroy(got);
  lnsp_store_destroy(store);
  lnsp_model_destroy(a);
  lnsp_model_destroy(b);
  lnsp_model_destroy(half);
  lnsp_trainer_destroy(t);
  store_device_close(&flash);
}

/* Ten thousand one-step versions stay within the device, and units wear alike. */
static void bounded(void) {
  lnsp_trainer *t = trainer_of("adamw");
  lnsp_store *store = create_store(t, 49152, 1024, 16, 8);
  lnsp_store_info facts = LNSP_STORE_INFO_INIT;
  const int commits = getenv("EMULATOR") && *getenv("EMULATOR") ? 300 : 10000;
  for (int i = 0; i < commits; i++) {
    lnsp_commit_options note = {sizeof note, 0, 0, i == 2 ? "early" : NULL};
    step(t, (uint32_t)i);
    CHECK_OK(lnsp_store_commit(store, t, &note, NULL, &support_error));
    if (i % 997 == 500)
      CHECK_OK(
          lnsp_store_rollback(store, version_at(store, 3).number, NULL, NULL, &support_error));
  }
  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  CHECK_OK(lnsp_store_get_info(store, &facts, &support_error));
  CHECK(facts.used_bytes <= facts.bank_bytes && facts.versions >= 4);
  CHECK_STR(version_at(store, facts.versions - 2).tag, ""); /* its group has it */
  int tagged = 0;
  for (uint64_t i = 0; i < facts.versions; i++)
    tagged += !strcmp(version_at(store, i).tag, "early");
  CHECK_INT(tagged, 1);
  uint32_t least = UINT32_MAX, most = 0;
  for (uint32_t u = 0; u < flash.size / flash.erase; u++) {
    if (flash.erases[u] < least) least = flash.erases[u];
    if (flash.erases[u] > most) most = flash.erases[u];
  }
  CHECK_SAY(most <= 2 * least, "erases from %u to %u", least, most);
  printf("# %d commits, %llu compactions, erases from %u to %u\n", commits,
         (unsigned long long)facts.compactions, least, most);
  CHECK_INT(flash.wrong, 0);
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(t);
  store_device_close(&flash);
}

/* Each call of the device fails in turn, once and for ever, half done and not: then the
 * version before or the one under way is there, never another. */
static void device_fails(void) {
  uint8_t before[32], after[32], hash[32];
  lnsp_trainer *t = trainer_of("adamw"), *other = trainer_of("adamw");
  int compacted = 0;
  for (int mode = 0; mode < 24; mode++) {
    const int fill = 6 + mode / 4;
    for (int at = 1, done = 0; !done; at++) {
      lnsp_store *store = create_store(t, 16384, 1024, 8, 2);
      lnsp_store *again = NULL;
      uint64_t number = 0;
      for (int i = 0; i < fill; i++) { /* with some, the next one compacts */
        CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
        step(t, (uint32_t)i);
      }
      const uint32_t erases = flash.erases[0] + flash.erases[8];
      CHECK_OK(lnsp_store_load(store, 0, other, NULL, &support_error));
      hash_of(other, before);
      hash_of(t, after);
      flash.calls = 0;
      flash.fail_at = at;
      flash.fail_all = mode & 1;
      flash.half = mode >> 1 & 1;
      const int32_t status = lnsp_store_commit(store, t, NULL, &number, &support_error);
      done = status == LNSP_OK;
      compacted += done && flash.erases[0] + flash.erases[8] > erases;
      flash.fail_at = 0;
      if (!done) {
        CHECK_INT(status, LNSP_E_IO);
        CHECK(support_error.message[0]);
        /* the handle still reads what was acknowledged */
        CHECK_OK(lnsp_store_load(store, (uint64_t)fill, other, NULL, &support_error));
        hash_of(other, hash);
        CHECK(!memcmp(hash, before, 32));
      }
      lnsp_store_destroy(store);
      CHECK_OK(lnsp_store_open_device(&device, NULL, NULL, &again, &support_error));
      CHECK_OK(lnsp_store_load(again, 0, other, NULL, &support_error));
      hash_of(other, hash);
      CHECK(!memcmp(hash, after, 32) || (!done && !memcmp(hash, before, 32)));
      CHECK_OK(lnsp_store_commit(again, t, NULL, NULL, &support_error));
      CHECK_INT(flash.wrong, 0);
      lnsp_store_destroy(again);
      store_device_close(&flash);
      if (check_failures) return;
    }
  }
  CHECK(compacted > 0 && compacted < 24);
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(other);
}

/* Opening and loading while the device fails. */
static void reading_fails(void) {
  uint8_t before[32], hash[32];
  lnsp_trainer *t = trainer_of("adamw"), *other = trainer_of("adamw");
  lnsp_store *store = create_store(t, 16384, 1024, 8, 4);
  for (uint32_t i = 0; i < 4; i++) {
    CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
    step(t, i);
  }
  lnsp_store_destroy(store);
  hash_of(other, before);
  for (int all = 0; all < 2; all++)
    for (int at = 1, done = 0; !done; at++) {
      flash.calls = 0;
      flash.fail_at = at;
      flash.fail_all = all;
      store = NULL;
      int32_t status = lnsp_store_open_device(&device, NULL, NULL, &store, &support_error);
      CHECK(status == LNSP_OK || (status == LNSP_E_IO && !store));
      if (status == LNSP_OK) status = lnsp_store_load(store, 4, other, NULL, &support_error);
      done = status == LNSP_OK;
      CHECK(done || status == LNSP_E_IO);
      if (!done) {
        hash_of(other, hash);
        CHECK(!memcmp(hash, before, 32));
      }
      lnsp_store_destroy(store);
      if (check_failures) return;
      if (done && !all) { /* back to where it was, for the second round */
        lnsp_trainer_destroy(other);
        other = trainer_of("adamw");
      }
    }
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(other);
  store_device_close(&flash);
}

/* Whatever the bytes are: refused, or one of the versions that were committed. */
static void look(const lnsp_trainer *t, uint8_t kept[][32], int count, int salvage) {
  lnsp_store_options settings = {sizeof settings, 0, 0, 0, salvage, 0, 0};
  lnsp_store *store = NULL;
  lnsp_store_info facts = LNSP_STORE_INFO_INIT;
  uint8_t hash[32];
  (void)t;
  memset(&support_error, 0, sizeof support_error);
  int32_t status = lnsp_store_open_device(&device, &settings, NULL, &store, &support_error);
  if (status) {
    CHECK(!store && support_error.code == status && support_error.message[0]);
    return;
  }
  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  CHECK_OK(lnsp_store_get_info(store, &facts, &support_error));
  for (uint64_t i = 0; i < facts.versions; i++) {
    lnsp_store_version_info v = LNSP_STORE_VERSION_INFO_INIT;
    lnsp_model *model = NULL;
    memset(&v, 0, sizeof v);
    v.struct_size = sizeof v;
    if (lnsp_store_version_at(store, i, &v, &support_error)) break;
    if (lnsp_store_checkout(store, v.number, NULL, &model, &support_error)) continue;
    CHECK_OK(lnsp_model_hash(model, hash, &support_error));
    CHECK_SAY(v.number >= 1 && v.number <= (uint64_t)count &&
                  !memcmp(hash, kept[v.number - 1], 32),
              "version %d is another", (int)v.number);
    lnsp_model_destroy(model);
  }
  lnsp_store_destroy(store);
}

static void every_bit(void) {
  uint8_t kept[4][32];
  lnsp_trainer *t = trainer_of("sgd lr=.1");
  lnsp_store *store = create_store(t, 8192, 512, 4, 3);
  for (uint32_t i = 0; i < 4; i++) {
    CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, kept[i], &support_error));
    if (i == 3)
      CHECK_OK(lnsp_store_rollback(store, 2, NULL, NULL, &support_error));
    else
      CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
    step(t, i);
  }
  memcpy(kept[3], kept[1], 32);
  CHECK_OK(lnsp_store_add_sender(store, "anna", 5, &support_error));
  lnsp_store_destroy(store);
  uint8_t *copy = malloc(8192);
  memcpy(copy, flash.bytes, 8192);
  const int stride = getenv("EMULATOR") && *getenv("EMULATOR") ? 37 : 1;
  for (int bit = 0; bit < 8 * 8192; bit += stride) {
    if (bit / 8 > 4096 + 512) break; /* the other bank is erased */
    flash.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    look(t, kept, 4, bit % 3 == 0);
    memcpy(flash.bytes, copy, 8192); /* recovery writes nothing here, but may */
  }
  for (int size = 8191; size >= 0; size -= stride) { /* what is behind is lost */
    memset(flash.bytes + size, size % 2 ? 0xFF : 0, (size_t)(8192 - size));
    look(t, kept, 4, size % 3 == 0);
    memcpy(flash.bytes, copy, (size_t)8192);
    if (size > 4608) size -= 61;
  }
  free(copy);
  lnsp_trainer_destroy(t);
  store_device_close(&flash);
}

/* Damage in the middle is told; with salvage the rest is there. */
static void damage(void) {
  lnsp_store_options settings = {sizeof settings, 0, 0, 0, 1, 0, 0};
  lnsp_trainer *t = trainer_of("sgd lr=.1");
  lnsp_store *store = create_store(t, 32768, 512, 4, 2);
  for (uint32_t i = 0; i < 6; i++) {
    CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
    step(t, i);
  }
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < 4; i++) bytes += version_at(store, i).bytes;
  lnsp_store_destroy(store);
  uint64_t end = 16384; /* of the log: what is erased begins there */
  while (flash.bytes[end - 1] == 0xFF) end--;
  flash.bytes[(end + 15) / 16 * 16 - bytes + 45] ^= 1; /* in the head of version 3 */
  CHECK_REFUSED(lnsp_store_open_device(&device, NULL, NULL, &store, &support_error),
                LNSP_E_MISMATCH);
  CHECK_OK(lnsp_store_open_device(&device, &settings, NULL, &store, &support_error));
  lnsp_store_info facts = LNSP_STORE_INFO_INIT;
  CHECK_OK(lnsp_store_get_info(store, &facts, &support_error));
  CHECK_INT(facts.damaged, 1);
  CHECK_INT(facts.versions, 5);
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_store_checkout(store, 6, NULL, &model, &support_error));
  lnsp_model_destroy(model);
  CHECK(lnsp_store_checkout(store, 4, NULL, &model, &support_error) != LNSP_OK);
  CHECK_REFUSED(lnsp_store_commit(store, t, NULL, NULL, &support_error), LNSP_E_STATE);
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(t);
  store_device_close(&flash);
}

static void senders(void) {
  lnsp_trainer *t = trainer_of("sgd lr=.1");
  lnsp_store *store = create_store(t, 16384, 512, 4, 2);
  CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  CHECK_OK(lnsp_store_add_sender(store, "anna", 5, &support_error));
  CHECK_REFUSED(lnsp_store_add_sender(store, "anna", 5, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_store_add_sender(store, "anna", 0, &support_error), LNSP_E_ARGUMENT);
  CHECK_OK(lnsp_store_add_sender(store, "ben", 1, &support_error));
  CHECK_OK(lnsp_store_add_sender(store, "carla", 1, &support_error));
  CHECK_REFUSED(lnsp_store_add_sender(store, "dora", 1, &support_error), LNSP_E_LIMIT);
  for (uint32_t i = 0; i < 60; i++) { /* compacts */
    step(t, i);
    CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  }
  CHECK_OK(lnsp_store_rollback(store, version_at(store, 1).number, NULL, NULL, &support_error));
  lnsp_store_destroy(store);
  store = open_store();
  CHECK_REFUSED(lnsp_store_check_sender(store, "anna", 5, &support_error), LNSP_E_STATE);
  CHECK_OK(lnsp_store_check_sender(store, "anna", 6, &support_error));
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(t);
  store_device_close(&flash);
}

/* Deltas from elsewhere: checked, adopted and remembered in one record. */
static int32_t refuses(void *user, lnsp_model *candidate) {
  (void)candidate;
  return *(int *)user;
}

static lnsp_delta *delta_to(const lnsp_trainer *t, uint64_t nonce) {
  lnsp_model *base = NULL, *next = NULL;
  lnsp_trainer *other = NULL;
  lnsp_delta *delta = NULL;
  CHECK_OK(lnsp_trainer_publish(t, 0, NULL, &base, &support_error));
  CHECK_OK(lnsp_trainer_create(base, "mse", "sgd lr=.1", NULL, NULL, &other, &support_error));
  step(other, 99);
  CHECK_OK(lnsp_trainer_publish(other, 0, NULL, &next, &support_error));
  CHECK_OK(lnsp_delta_create(base, next, NULL, NULL, &delta, &support_error));
  if (nonce) CHECK_OK(lnsp_delta_stamp(delta, "anna", nonce, NULL, 0, &support_error));
  lnsp_trainer_destroy(other);
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
  return delta;
}

static void weights_of(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, hash, &support_error));
}

static void applies(void) {
  uint8_t before[32], hash[32];
  uint64_t number = 0;
  int verdict = 1;
  lnsp_delta_check_options rules = LNSP_DELTA_CHECK_OPTIONS_INIT;
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  lnsp_trainer *t = trainer_of("adamw");
  lnsp_store *store = create_store(t, 32768, 512, 4, 4);
  rules.user = &verdict;
  rules.judge = refuses;
  CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  lnsp_delta *nameless = delta_to(t, 0), *delta = delta_to(t, 5);
  CHECK_REFUSED(lnsp_store_apply(store, nameless, t, NULL, NULL, NULL, NULL, &support_error),
                LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_store_apply(store, delta, NULL, NULL, NULL, NULL, NULL, &support_error),
                LNSP_E_ARGUMENT);
  hash_of(t, before);
  CHECK_REFUSED(lnsp_store_apply(store, delta, t, &rules, NULL, NULL, NULL, &support_error),
                LNSP_E_REFUSED);
  for (int at = 1; at < 40; at++) { /* the device fails: the trainer is as it was */
    lnsp_store *again = NULL;
    flash.calls = 0;
    flash.fail_at = at;
    if (lnsp_store_apply(store, delta, t, NULL, NULL, NULL, NULL, &support_error) == LNSP_OK)
      break;
    flash.fail_at = 0;
    hash_of(t, hash);
    CHECK(!memcmp(hash, before, 32));
    lnsp_store_destroy(store);
    CHECK_OK(lnsp_store_open_device(&device, NULL, NULL, &again, &support_error));
    store = again;
    if (lnsp_store_check_sender(store, "anna", 5, NULL)) { /* the sync alone had failed */
      CHECK_OK(lnsp_store_load(store, 0, t, NULL, &support_error));
      break;
    }
  }
  flash.fail_at = 0;
  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  CHECK_OK(lnsp_delta_get_info(delta, &facts, &support_error));
  weights_of(t, hash);
  CHECK(!memcmp(hash, facts.result_hash, 32));
  CHECK(!memcmp(version_at(store, 0).hash, facts.result_hash, 32));
  /* a rollback brings the base back, and the delta is known all the same */
  CHECK_OK(lnsp_store_rollback(store, 1, NULL, NULL, &support_error));
  CHECK_OK(lnsp_store_load(store, 0, t, NULL, &support_error));
  lnsp_store_destroy(store);
  store = open_store();
  CHECK_REFUSED(lnsp_store_apply(store, delta, t, NULL, NULL, NULL, NULL, &support_error),
                LNSP_E_STATE);
  lnsp_delta_destroy(delta);
  delta = delta_to(t, 6);
  verdict = 0;
  CHECK_OK(lnsp_store_apply(store, delta, t, &rules, NULL, NULL, &number, &support_error));
  CHECK_INT(number, version_at(store, 0).number);
  lnsp_delta_destroy(delta);
  lnsp_delta_destroy(nameless);
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(t);
  store_device_close(&flash);
}

/* What is measured is what is taken, and nothing is left when there is none. */
static void memory(void) {
  support_heap heap;
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_trainer *t = trainer_of("adamw");
  lnsp_store *store = NULL;
  uint64_t bytes = 0, opened = 0;
  options.allocator = &allocator;
  device = store_device_open(&flash, 32768, 1024, 8);
  CHECK_OK(lnsp_store_measure(&device, t, NULL, NULL, &bytes, &support_error));
  CHECK_OK(lnsp_store_create_device(&device, t, NULL, NULL, &options, &store, &support_error));
  CHECK_INT(heap.live_bytes, bytes);
  CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  CHECK_INT(heap.calls, 1);
  CHECK_OK(lnsp_store_load(store, 1, t, NULL, &support_error));
  CHECK_INT(heap.calls, 2);
  heap.fail_at = 3;
  CHECK_REFUSED(lnsp_store_load(store, 1, t, NULL, &support_error), LNSP_E_MEMORY);
  lnsp_store_destroy(store);
  CHECK_OK(lnsp_store_measure(&device, NULL, NULL, NULL, &opened, &support_error));
  CHECK_INT(opened, bytes);
  heap.fail_at = 4;
  CHECK_REFUSED(lnsp_store_open_device(&device, NULL, &options, &store, &support_error),
                LNSP_E_MEMORY);
  CHECK_INT(heap.live, 0);
  printf("# a store's handle takes %llu bytes\n", (unsigned long long)bytes);
  device.size_bytes = 4096; /* too small for two versions, and for four units */
  CHECK_REFUSED(lnsp_store_create_device(&device, t, NULL, NULL, NULL, &store, &support_error),
                LNSP_E_LIMIT);
  device.erase_bytes = 1000;
  CHECK_REFUSED(lnsp_store_create_device(&device, t, NULL, NULL, NULL, &store, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_store_create_device(NULL, t, NULL, NULL, NULL, &store, &support_error),
                LNSP_E_ARGUMENT);
  lnsp_trainer_destroy(t);
  store_device_close(&flash);
}

int main(void) {
  RUN(to_the_bit);
  RUN(rates_of_another_text);
  RUN(rolls_back);
  RUN(of_models);
  RUN(bounded);
  RUN(device_fails);
  RUN(reading_fails);
  RUN(every_bit);
  RUN(damage);
  RUN(senders);
  RUN(applies);
  RUN(memory);
  FINISH();
}

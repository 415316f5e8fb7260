/* libFuzzer entry: bytes as a device with a store on it, or as changes of a good one, with
 * or without checksums that fit. What opens is read, loaded, gone on with and opened again.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_journal.c lib/lnsp_all.c -lm -o fuzz_journal
 */
#include <stdlib.h>
#include <string.h>

#include "base/blake2s.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "run/model.h"
#include "store/store.h"
#include "train/trainer.h"
#include "lnsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_BYTES 16384
#define FUZZ_ERASE 512
#define FUZZ_MOST ((size_t)8 << 20)

static uint8_t fuzz_bytes[FUZZ_BYTES], fuzz_good[FUZZ_BYTES];
static int fuzz_made;

static int32_t fuzz_read(void *user, uint64_t offset, void *to, size_t bytes) {
  (void)user;
  if (offset > FUZZ_BYTES || bytes > FUZZ_BYTES - offset) abort(); /* never asked beyond */
  memcpy(to, fuzz_bytes + offset, bytes);
  return 0;
}
static int32_t fuzz_prog(void *user, uint64_t offset, const void *from, size_t bytes) {
  (void)user;
  if (offset > FUZZ_BYTES || bytes > FUZZ_BYTES - offset || offset % 8 || bytes % 8) abort();
  memcpy(fuzz_bytes + offset, from, bytes);
  return 0;
}
static int32_t fuzz_erase(void *user, uint64_t offset) {
  (void)user;
  if (offset > FUZZ_BYTES - FUZZ_ERASE || offset % FUZZ_ERASE) abort();
  memset(fuzz_bytes + offset, 0xFF, FUZZ_ERASE);
  return 0;
}
static int32_t fuzz_sync(void *user) {
  (void)user;
  return 0;
}
static void *fuzz_allocate(void *user, size_t bytes) {
  (void)user;
  return bytes > FUZZ_MOST ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
}
static void fuzz_release(void *user, void *block, size_t bytes) {
  (void)user;
  (void)bytes;
  free(block);
}

static lnsp_device fuzz_device(void) {
  lnsp_device device = LNSP_DEVICE_INIT;
  device.erase_bytes = FUZZ_ERASE;
  device.program_bytes = 8;
  device.size_bytes = FUZZ_BYTES;
  device.read = fuzz_read;
  device.program = fuzz_prog;
  device.erase = fuzz_erase;
  device.sync = fuzz_sync;
  return device;
}

static lnsp_trainer *fuzz_trainer(void) {
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  if (lnsp_model_create("lnsp 1\nx = input 4\nh = linear x 3 w=a\noutput output=h", 1, NULL,
                        &model, NULL) ||
      lnsp_trainer_create(model, "mse", "adamw lr=.01", NULL, NULL, &trainer, NULL))
    abort();
  lnsp_model_destroy(model);
  return trainer;
}

static int32_t fuzz_step(lnsp_trainer *trainer) {
  float x[4] = {1, 2, 3, 4}, y[3] = {1, 0, 1};
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 4, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 3, 0)};
  return lnsp_trainer_step(trainer, in, 2, NULL, NULL);
}

/* A store with a compaction behind it, a rollback and a sender. */
static void fuzz_make(void) {
  lnsp_device device = fuzz_device();
  lnsp_store_options settings = {sizeof settings, 3, 4, 0, 0, 0, 0};
  lnsp_trainer *trainer = fuzz_trainer();
  lnsp_store *store = NULL;
  if (lnsp_store_create_device(&device, trainer, NULL, &settings, NULL, &store, NULL)) abort();
  for (int i = 0; i < 12; i++)
    if (lnsp_store_commit(store, trainer, NULL, NULL, NULL) || fuzz_step(trainer)) abort();
  if (lnsp_store_rollback(store, 11, NULL, NULL, NULL) ||
      lnsp_store_add_sender(store, "anna", 7, NULL) ||
      lnsp_store_commit(store, trainer, NULL, NULL, NULL))
    abort();
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(trainer);
  memcpy(fuzz_good, fuzz_bytes, sizeof fuzz_good);
  fuzz_made = 1;
}

/* Checksums and chains that fit what is there. */
static void fuzz_seal(uint8_t *bank) {
  uint8_t chain[32];
  lnspi_blake2s hash;
  const uint32_t size = FUZZ_BYTES / 2;
  memcpy(chain, bank + 56, 32);
  for (uint32_t at = FUZZ_ERASE; at + 256 <= size; at += 16) {
    uint8_t *head = bank + at;
    if (memcmp(head, "lnjR", 4)) continue;
    const uint64_t bytes = lnspi_load64(head + 24);
    if (bytes > size - at - 256) continue;
    lnspi_store32(head + 12, lnspi_crc32c(0, head + 256, (size_t)bytes));
    lnspi_blake2s_init(&hash);
    lnspi_blake2s_update(&hash, chain, 32);
    lnspi_blake2s_update(&hash, head, 216);
    lnspi_blake2s_final(&hash, chain);
    memcpy(head + 216, chain, 32);
    lnspi_store32(head + 252, lnspi_crc32c(0, head, 252));
    if (lnspi_load64(head + 16) == lnspi_load64(bank + 40)) memcpy(bank + 88, chain, 32);
    at += (uint32_t)((bytes + 15) / 16 * 16) + 240;
  }
  lnspi_store32(bank + 252, lnspi_crc32c(0, bank, 252));
}

static void fuzz_look(lnsp_store *store, lnsp_trainer *trainer) {
  lnsp_store_version_info v;
  lnsp_store_info facts = LNSP_STORE_INFO_INIT;
  if (lnsp_store_get_info(store, &facts, NULL)) abort();
  for (uint64_t i = 0; i < facts.versions; i++) {
    lnsp_model *model = NULL;
    v = (lnsp_store_version_info)LNSP_STORE_VERSION_INFO_INIT;
    if (lnsp_store_version_at(store, i, &v, NULL)) break;
    if (!lnsp_store_checkout(store, v.number, NULL, &model, NULL)) lnsp_model_destroy(model);
    /* what was taken over is a state that can be stepped from, or refuses to */
    if (!lnsp_store_load(store, v.number, trainer, NULL, NULL)) (void)fuzz_step(trainer);
  }
  (void)lnsp_store_verify(store, NULL, NULL);
}

static void fuzz_open(int salvage, lnsp_trainer *trainer) {
  const lnsp_allocator allocator = {sizeof allocator, NULL, fuzz_allocate, fuzz_release};
  lnsp_store_options settings = {sizeof settings, 0, 0, 0, salvage, 0, 0};
  lnsp_device device = fuzz_device();
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_error error;
  lnsp_store *store = NULL;
  options.allocator = &allocator;
  if (lnsp_store_open_device(&device, &settings, &options, &store, &error)) {
    if (store || !error.code || !error.message[0]) abort();
    return;
  }
  fuzz_look(store, trainer);
  if (!salvage) {
    uint64_t number = 0;
    (void)lnsp_store_rollback(store, 12, NULL, NULL, NULL);
    (void)lnsp_store_add_sender(store, "ben", 3, NULL);
    (void)lnsp_store_compact(store, NULL);
    if (!lnsp_store_commit(store, trainer, NULL, &number, NULL) &&
        lnsp_store_load(store, number, trainer, NULL, NULL))
      abort(); /* what was acknowledged is there */
  }
  lnsp_store_destroy(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!fuzz_made) fuzz_make();
  if (size < 1) return 0;
  const uint8_t how = data[0];
  memcpy(fuzz_bytes, fuzz_good, sizeof fuzz_bytes);
  if (how & 1) { /* changes: where, what */
    for (size_t i = 1; i + 3 <= size; i += 3)
      fuzz_bytes[lnspi_load16(data + i) % FUZZ_BYTES] ^= data[i + 2];
  } else {
    memset(fuzz_bytes, 0xFF, sizeof fuzz_bytes);
    memcpy(fuzz_bytes, data + 1, size - 1 < FUZZ_BYTES ? size - 1 : FUZZ_BYTES);
  }
  if (how & 2) fuzz_seal(fuzz_bytes);
  if (how & 2) fuzz_seal(fuzz_bytes + FUZZ_BYTES / 2);
  lnsp_trainer *trainer = fuzz_trainer();
  fuzz_open((how & 4) != 0, trainer);
  lnsp_trainer_destroy(trainer);
  return 0;
}

/* Versions on a flash chip: learn, commit, lose power, go back.
 *
 *   cc -o store store.c $(pkg-config --cflags --libs lnsp)
 *   ./store
 *
 * A device is four callbacks over erase units, as a driver for NOR flash has them; here they
 * are an array. With a file instead, lnsp_store_create does all of this. */
#include <lnsp.h>
#include <stdio.h>
#include <string.h>

#define ERASE 4096u
#define PROGRAM 16u
#define CHIP (64 * ERASE)

static uint8_t chip[CHIP];

static int32_t chip_read(void *user, uint64_t offset, void *to, size_t bytes) {
  (void)user;
  memcpy(to, chip + offset, bytes);
  return 0;
}

/* Programming only clears bits; what was programmed before is an error of ours. */
static int32_t chip_prog(void *user, uint64_t offset, const void *from, size_t bytes) {
  const uint8_t *at = from;
  (void)user;
  for (size_t i = 0; i < bytes; i++) {
    if (chip[offset + i] != 0xFF) return 1;
    chip[offset + i] = at[i];
  }
  return 0;
}

static int32_t chip_erase(void *user, uint64_t offset) {
  (void)user;
  memset(chip + offset, 0xFF, ERASE);
  return 0;
}

static int32_t chip_sync(void *user) {
  (void)user; /* a driver would wait here until the chip is no more busy */
  return 0;
}

#define NET                                                 \
  "lnsp 1\nx = input 16\nh = linear x 24 w=a\nh = relu h\n" \
  "o = linear h 16 w=b\noutput output=o\n"

static int32_t learn(lnsp_trainer *trainer, int steps, float *loss, lnsp_error *error) {
  float vector[16];
  lnsp_tensor inputs[2];
  int32_t status = LNSP_OK;
  inputs[0] = lnsp_tensor_f32("input", vector, 2, 1, 16, 0);
  inputs[1] = lnsp_tensor_f32("target", vector, 2, 1, 16, 0);
  for (int step = 0; !status && step < steps; step++) {
    for (int i = 0; i < 16; i++) vector[i] = (float)((i * 37 + step * 11) % 101 - 50) / 50;
    status = lnsp_trainer_step(trainer, inputs, 2, loss, error);
  }
  return status;
}

static int32_t commit(lnsp_store *store, lnsp_trainer *trainer, lnsp_error *error) {
  lnsp_commit_options note = LNSP_COMMIT_OPTIONS_INIT;
  float loss = 0;
  int32_t status = learn(trainer, 50, &loss, error);
  note.loss = loss;
  return status ? status : lnsp_store_commit(store, trainer, &note, NULL, error);
}

static int32_t show(lnsp_store *store, lnsp_error *error) {
  lnsp_store_version_info v = LNSP_STORE_VERSION_INFO_INIT;
  for (uint64_t i = 0; !lnsp_store_version_at(store, i, &v, error); i++)
    printf("  %c version %llu  step %3llu  loss %.4f  %llu bytes\n", v.current ? '*' : ' ',
           (unsigned long long)v.number, (unsigned long long)v.step, (double)v.loss,
           (unsigned long long)v.bytes);
  return LNSP_OK;
}

int main(void) {
  lnsp_device device = LNSP_DEVICE_INIT;
  lnsp_error error;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_store *store = NULL;
  int failed = 1;

  memset(chip, 0xFF, sizeof chip);
  device.erase_bytes = ERASE;
  device.program_bytes = PROGRAM;
  device.size_bytes = CHIP;
  device.read = chip_read;
  device.program = chip_prog;
  device.erase = chip_erase;
  device.sync = chip_sync;
  if (lnsp_model_create(NET, 1, NULL, &model, &error) ||
      lnsp_trainer_create(model, "mse", "adam lr=1e-3", NULL, NULL, &trainer, &error) ||
      lnsp_store_create_device(&device, trainer, NULL, NULL, NULL, &store, &error))
    goto explain;
  for (int i = 0; i < 3; i++)
    if (commit(store, trainer, &error)) goto explain;

  /* The battery is gone: nothing is left but the chip. */
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(trainer);
  store = NULL;
  trainer = NULL;
  if (lnsp_store_open_device(&device, NULL, NULL, &store, &error) ||
      lnsp_trainer_create(model, "mse", "adam lr=1e-3", NULL, NULL, &trainer, &error) ||
      lnsp_store_load(store, 0, trainer, NULL, &error))
    goto explain;
  printf("after the power came back: step %llu\n",
         (unsigned long long)lnsp_trainer_step_count(trainer));
  show(store, &error);

  /* What was learned last was no good. */
  if (lnsp_store_rollback(store, 2, NULL, NULL, &error) ||
      lnsp_store_load(store, 0, trainer, NULL, &error) || commit(store, trainer, &error))
    goto explain;
  printf("back to version 2, and on from there:\n");
  show(store, &error);
  failed = 0;
  goto done;

explain:
  fprintf(stderr, "store: %s\n", error.message);
done:
  lnsp_store_destroy(store);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  return failed;
}

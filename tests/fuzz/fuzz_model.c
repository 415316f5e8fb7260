/* libFuzzer entry: bytes as a model or state file, which is opened, run, trained a
 * step, saved and resumed.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_model.c lib/lnsp_all.c -lm -o fuzz_model
 */
#include "fuzz_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t empty = 0;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_file *file = NULL;
  lnsp_error error;
  if (!size) data = &empty;
  if (lnsp_model_open_memory(data, size, &fuzz_options, &model, &error) != LNSP_OK) {
    if (model || !error.code || !error.message[0]) abort();
    return 0;
  }
  if (lnsp_graph_flops(lnsp_model_graph(model), FUZZ_CONCEPTS) > FUZZ_WORK) {
    lnsp_model_destroy(model);
    return 0;
  }
  fuzz_run(model);
  if (lnsp_trainer_create(model, "mse", "adamw lr=.1 ema=.9 clip=1", &fuzz_limits,
                          &fuzz_options, &trainer, NULL) == LNSP_OK)
    fuzz_step(trainer);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  if (lnsp_file_open_memory(data, size, &fuzz_options, &file, NULL) != LNSP_OK) abort();
  if (lnsp_trainer_open_file(file, NULL, NULL, &fuzz_limits, &fuzz_options, &trainer, &error) ==
      LNSP_OK)
    fuzz_step(trainer);
  else if (trainer || !error.message[0])
    abort();
  lnsp_trainer_destroy(trainer);
  lnsp_file_destroy(file);
  return 0;
}

/* libFuzzer entry: bytes as a loss text, or as words of the grammar. What is refused says
 * why, what is taken makes a trainer that steps, and no weight ceases to be finite.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_loss.c lib/lnsp_all.c -lm -o fuzz_loss
 */
#include "fuzz_net.h"

#include "run/model.h"
#include "train/loss.h"
#include "train/trainer.h"

#define TEXT_BYTES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const loss_keys[] = {" on=code",     " on=output",       " on=teacher",
                                        " from=1",      " until=2",         " every=2",
                                        " auto=.1",     " low=.1",          " high=.5",
                                        " gate=.03",    " weak=.1",         " ramp=.1",
                                        " full=.5",     " stop=1",          " against=output",
                                        " tau=.1",      " rows=2",          " against=code",
                                        " samples=3",   " sigma=.5",        " margin=.1",
                                        " k=2",         " duplicates=mask", " context=mask",
                                        " negatives=2", " kind=hinge",      " of=raw",
                                        " target=.2",   " lambda=.3",       " future=2",
                                        " seed=3",      " delta=.2"};

/* One word for each byte: a new term, or a key of the last one. */
static void loss_words(const uint8_t *data, size_t size, char text[TEXT_BYTES]) {
  const size_t keys = sizeof loss_keys / sizeof *loss_keys;
  size_t used = 0;
  int32_t losses = 0;
  text[0] = 0;
  while (lnspi_loss_at(losses)) losses++;
  for (size_t i = 0; i < size && used < TEXT_BYTES - 64; i++) {
    const char *name = data[i] % (losses + 1) < losses
                           ? lnspi_loss_at(data[i] % (losses + 1))->name
                           : "replay";
    const char *parts[2] = {data[i] & 1 ? " + " : " + .5*", name};
    if (used && data[i] >= 96) {
      parts[0] = loss_keys[data[i] % keys];
      parts[1] = "";
    } else if (!used) {
      parts[0] = "";
    }
    for (int p = 0; p < 2; p++) {
      const size_t length = strlen(parts[p]);
      memcpy(text + used, parts[p], length + 1);
      used += length;
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char text[TEXT_BYTES];
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_error error;
  if (size < 2) return 0;
  if (data[0] & 1) {
    const size_t length = size - 1 < TEXT_BYTES - 1 ? size - 1 : TEXT_BYTES - 1;
    memcpy(text, data + 1, length);
    text[length] = 0;
  } else {
    loss_words(data + 1, size - 1, text);
  }
  if (lnsp_model_create("student d=10 s=6 k=4 heads=2", 1, &fuzz_options, &model, NULL))
    abort();
  if (lnsp_trainer_create(model, text, "adamw lr=.1", &fuzz_limits, &fuzz_options, &trainer,
                          &error) == LNSP_OK)
    fuzz_step(trainer);
  else if (!error.message[0] || !error.code)
    abort();
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  return 0;
}

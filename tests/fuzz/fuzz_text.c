/* libFuzzer entry: bytes as an architecture text, or as edits of one of the examples of
 * layers and named architectures. What is refused has line and column; what is built
 * writes itself out, is read back, run and trained.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_text.c lib/lnsp_all.c -lm -o fuzz_text
 */
#include "../graph/examples.h"
#include "fuzz_net.h"

#include "graph/graph.h"
#include "run/model.h"
#include "train/trainer.h"

#define TEXT_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Example number index of all there are, or NULL. */
static const char *text_example(int32_t index) {
  for (size_t i = 0; i < sizeof layer_examples / sizeof *layer_examples; i++)
    for (int32_t e = 0; layer_examples[i].text[e]; e++)
      if (index-- == 0) return layer_examples[i].text[e];
  for (size_t i = 0; i < sizeof arch_examples / sizeof *arch_examples; i++)
    for (int32_t e = 0; arch_examples[i].text[e]; e++)
      if (index-- == 0) return arch_examples[i].text[e];
  return NULL;
}

/* One edit in three bytes: overwrite, insert or cut at a place. */
static size_t text_edit(char *text, size_t length, const uint8_t edit[3]) {
  const size_t at = length ? (edit[0] & 127) * length / 128 : 0;
  const char with = (char)(edit[1] & 127 ? edit[1] & 127 : ' ');
  if (edit[0] < 128) {
    if (length) text[at] = with;
  } else if (edit[2] & 1 && length + 1 < TEXT_BYTES) {
    memmove(text + at + 1, text + at, length++ - at);
    text[at] = with;
  } else if (length > at) {
    size_t cut = 1 + edit[2] / 16;
    if (cut > length - at) cut = length - at;
    memmove(text + at, text + at + cut, length - at - cut);
    length -= cut;
  }
  return length;
}

/* Bytes 0 and 1: an example's number, else the text itself follows. */
static void text_make(const uint8_t *data, size_t size, char text[TEXT_BYTES]) {
  const char *example = size > 1 ? text_example(data[0] | (data[1] & 1) << 8) : NULL;
  size_t length = 0;
  if (example) {
    length = strlen(example);
    memcpy(text, example, length);
    for (size_t i = 2; i + 3 <= size && i < 64; i += 3)
      length = text_edit(text, length, data + i);
  } else if (size > 2) {
    length = size - 2 < TEXT_BYTES - 1 ? size - 2 : TEXT_BYTES - 1;
    memcpy(text, data + 2, length);
  }
  text[length] = 0;
}

/* The written-out text gives the same text again. */
static void text_reads_back(const lnsp_graph *graph) {
  static char first[4 * TEXT_BYTES], second[4 * TEXT_BYTES];
  lnsp_graph *again = NULL;
  lnsp_error error;
  if (lnsp_graph_text(graph, first, sizeof first, NULL, NULL) != LNSP_OK) return;
  if (lnsp_graph_create(first, NULL, &again, &error) != LNSP_OK) abort();
  if (lnsp_graph_text(again, second, sizeof second, NULL, NULL) != LNSP_OK) abort();
  if (strcmp(first, second) ||
      lnsp_graph_parameter_count(graph) != lnsp_graph_parameter_count(again))
    abort();
  lnsp_graph_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char text[TEXT_BYTES];
  lnsp_graph *graph = NULL;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_error error;
  text_make(data, size, text);
  if (lnsp_graph_create(text, NULL, &graph, &error) != LNSP_OK) {
    if (graph || !error.message[0]) abort();
    if (error.code != LNSP_E_LIMIT && error.line < 1) abort();
    return 0;
  }
  text_reads_back(graph);
  if (lnsp_graph_flops(graph, FUZZ_CONCEPTS) <= FUZZ_WORK &&
      lnsp_model_create(text, 1, &fuzz_options, &model, NULL) == LNSP_OK) {
    fuzz_run(model);
    if (lnsp_trainer_create(model, "mse", "adamw lr=.1 clip=1", &fuzz_limits, &fuzz_options,
                            &trainer, NULL) == LNSP_OK)
      fuzz_step(trainer);
  }
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  lnsp_graph_destroy(graph);
  return 0;
}

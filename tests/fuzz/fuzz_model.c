/* libFuzzer entry: bytes as a model or state file, which is opened, run, trained a
 * step, saved and resumed.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_model.c lib/lnsp_all.c -lm -o fuzz_model
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lnsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MOST ((size_t)4 << 20) /* of a block: larger models are refused */
#define FUZZ_WORK 20000000          /* operations, so that no input takes long */
#define FUZZ_ROWS 2
#define FUZZ_CONCEPTS 2

static void *fuzz_allocate(void *user, size_t bytes) {
  (void)user;
  return bytes > FUZZ_MOST ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void fuzz_release(void *user, void *block, size_t bytes) {
  (void)user;
  (void)bytes;
  free(block);
}

static int32_t fuzz_write(void *user, const void *from, size_t bytes) {
  (void)user;
  (void)from;
  return bytes > FUZZ_MOST;
}

static float *fuzz_floats(int64_t count, uint32_t seed) {
  float *x = malloc((size_t)count * sizeof *x);
  if (!x) abort();
  for (int64_t i = 0; i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
  }
  return x;
}

static void fuzz_finite(const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(x[i])) abort();
}

static int64_t fuzz_output_width(const lnsp_graph *graph) {
  lnsp_tensor output;
  if (lnsp_graph_output_at(graph, 0, &output, NULL) != LNSP_OK) abort();
  return output.dims[0];
}

static void fuzz_run(lnsp_model *model, const lnsp_limits *limits, const lnsp_options *options) {
  const lnsp_graph *graph = lnsp_model_graph(model);
  int64_t in = lnsp_graph_input_width(graph), out = fuzz_output_width(graph);
  lnsp_session *session = NULL;
  float *x = fuzz_floats(FUZZ_ROWS * FUZZ_CONCEPTS * in, 1);
  float *y = fuzz_floats(FUZZ_ROWS * FUZZ_CONCEPTS * out, 2);
  if (lnsp_session_create(model, limits, options, &session, NULL) == LNSP_OK) {
    lnsp_tensor input = lnsp_tensor_f32("input", x, 3, FUZZ_ROWS, FUZZ_CONCEPTS, in);
    lnsp_tensor output = lnsp_tensor_f32("output", y, 3, FUZZ_ROWS, FUZZ_CONCEPTS, out);
    if (lnsp_session_run(session, &input, 1, &output, 1, NULL) == LNSP_OK)
      fuzz_finite(y, FUZZ_ROWS * FUZZ_CONCEPTS * out);
    lnsp_session_destroy(session);
  }
  free(x);
  free(y);
}

/* All inputs that the loss asks for, then a step, and all weights looked at. */
static void fuzz_step(lnsp_trainer *trainer) {
  const lnsp_graph *graph = lnsp_trainer_graph(trainer);
  int64_t in = lnsp_graph_input_width(graph), out = fuzz_output_width(graph);
  lnsp_sink sink = {sizeof sink, NULL, fuzz_write};
  lnsp_tensor inputs[8];
  int32_t count = 0;
  const char *name;
  for (; count < 8 && (name = lnsp_trainer_input_name(trainer, count)) != NULL; count++) {
    int data = !strcmp(name, "target") || !strcmp(name, "teacher");
    int64_t width = data ? out : in;
    inputs[count] = lnsp_tensor_f32(
        name, fuzz_floats(FUZZ_ROWS * FUZZ_CONCEPTS * width, (uint32_t)count), 3, FUZZ_ROWS,
        FUZZ_CONCEPTS, width);
  }
  for (int s = 0; s < 2; s++) (void)lnsp_trainer_step(trainer, inputs, count, NULL, NULL);
  for (int32_t i = 0; i < count; i++) free(inputs[i].data);
  for (int32_t i = 0; i < lnsp_graph_tensor_count(graph); i++) {
    lnsp_tensor info;
    int64_t n = 1;
    if (lnsp_graph_tensor_at(graph, i, &info, NULL) != LNSP_OK) abort();
    for (int32_t d = 0; d < info.rank; d++) n *= info.dims[d];
    float *w = malloc((size_t)n * sizeof *w);
    if (!w || lnsp_trainer_tensor_read(trainer, info.name, 0, w, n, NULL) != LNSP_OK) abort();
    fuzz_finite(w, n);
    if (lnsp_trainer_tensor_read(trainer, info.name, 1, w, n, NULL) == LNSP_OK)
      fuzz_finite(w, n);
    free(w);
  }
  (void)lnsp_trainer_save_sink(trainer, &sink, LNSP_SAVE_STATE, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const lnsp_allocator allocator = {sizeof allocator, NULL, fuzz_allocate, fuzz_release};
  const lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
  const lnsp_limits limits = {sizeof limits, FUZZ_ROWS, FUZZ_CONCEPTS, 1, 0, 0, 0};
  uint8_t empty = 0;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_file *file = NULL;
  lnsp_problem problem;
  if (!size) data = &empty;
  if (lnsp_model_open_memory(data, size, &options, &model, &problem) != LNSP_OK) {
    if (model || !problem.code || !problem.message[0]) abort();
    return 0;
  }
  if (lnsp_graph_flops(lnsp_model_graph(model), FUZZ_CONCEPTS) > FUZZ_WORK) {
    lnsp_model_destroy(model);
    return 0;
  }
  fuzz_run(model, &limits, &options);
  if (lnsp_trainer_create(model, "mse", "adamw lr=.1 ema=.9 clip=1", &limits, &options, &trainer,
                          NULL) == LNSP_OK)
    fuzz_step(trainer);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  if (lnsp_file_open_memory(data, size, &options, &file, NULL) != LNSP_OK) abort();
  if (lnsp_trainer_open(file, NULL, NULL, &limits, &options, &trainer, &problem) == LNSP_OK)
    fuzz_step(trainer);
  else if (trainer || !problem.message[0])
    abort();
  lnsp_trainer_destroy(trainer);
  lnsp_file_destroy(file);
  return 0;
}

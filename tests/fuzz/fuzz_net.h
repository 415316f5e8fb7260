/* Shared by fuzzers: takes a network from any source, runs it, trains it a step, and checks
 * that nothing that is not finite comes out. */
#ifndef FUZZ_NET_H
#define FUZZ_NET_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lnsp.h"

#define FUZZ_MOST ((size_t)4 << 20) /* of a block: larger models are refused */
#define FUZZ_WORK 20000000          /* operations, so that no input takes long */
#define FUZZ_ROWS 2
#define FUZZ_CONCEPTS 12

static void *fuzz_allocate(void *user, size_t bytes) {
  (void)user;
  return bytes > FUZZ_MOST ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void fuzz_release(void *user, void *block, size_t bytes) {
  (void)user;
  (void)bytes;
  free(block);
}

static const lnsp_allocator fuzz_allocator = {sizeof fuzz_allocator, NULL, fuzz_allocate,
                                              fuzz_release};
static const lnsp_options fuzz_options = {.struct_size = sizeof fuzz_options,
                                          .allocator = &fuzz_allocator};
static const lnsp_size_options fuzz_limits =
    {sizeof fuzz_limits, FUZZ_ROWS, FUZZ_CONCEPTS, 1, 0, 0, 0};

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

static int64_t fuzz_count(const lnsp_tensor *tensor) {
  int64_t n = 1;
  for (int32_t d = 0; d < tensor->rank; d++) n *= tensor->dims[d];
  return n;
}

static void fuzz_finite(const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(x[i])) abort();
}

/* The fewest concepts from 2 on that the network takes; 0: more than there is room for. */
static int64_t fuzz_concepts(const lnsp_graph *graph) {
  int64_t low, high, step, n;
  if (lnsp_graph_concept_range(graph, &low, &high, &step, NULL) != LNSP_OK) abort();
  n = low > 2 ? low : 2;
  n = (n + step - 1) / step * step;
  if (high && n > high) n = high / step * step;
  return n > FUZZ_CONCEPTS ? 0 : n;
}

/* Vectors or ids, in memory that is to be freed. */
static lnsp_tensor fuzz_input(const lnsp_graph *graph, const char *name, int64_t concepts) {
  lnsp_tensor t;
  int64_t ids = 0, width = lnsp_graph_input_width(graph);
  (void)lnsp_graph_input_name(graph, &ids);
  if (!ids)
    return lnsp_tensor_f32(name, fuzz_floats(FUZZ_ROWS * concepts * width, 1), 3, FUZZ_ROWS,
                           concepts, width);
  t = lnsp_tensor_f32(name, fuzz_floats(FUZZ_ROWS * concepts, 1), 2, FUZZ_ROWS, concepts, 0);
  t.dtype = LNSP_I32;
  for (int64_t i = 0; i < FUZZ_ROWS * concepts; i++)
    ((int32_t *)t.data)[i] = (int32_t)(i % ids);
  return t;
}

static inline void fuzz_run(lnsp_model *model) {
  const lnsp_graph *graph = lnsp_model_graph(model);
  const int64_t concepts = fuzz_concepts(graph);
  lnsp_session *session = NULL;
  if (!concepts) return;
  lnsp_tensor input = fuzz_input(graph, lnsp_graph_input_name(graph, NULL), concepts), output;
  if (lnsp_graph_output_shape(graph, 0, &input, &output, NULL) != LNSP_OK) abort();
  output.data = fuzz_floats(fuzz_count(&output), 2);
  if (lnsp_session_create(model, &fuzz_limits, &fuzz_options, &session, NULL) == LNSP_OK) {
    if (lnsp_session_run(session, &input, 1, &output, 1, NULL) == LNSP_OK)
      fuzz_finite(output.data, fuzz_count(&output));
    lnsp_session_destroy(session);
  }
  free(input.data);
  free(output.data);
}

static void fuzz_weights(lnsp_trainer *trainer) {
  const lnsp_graph *graph = lnsp_trainer_graph(trainer);
  for (int32_t i = 0; i < lnsp_graph_tensor_count(graph); i++) {
    lnsp_tensor info;
    if (lnsp_graph_tensor_at(graph, i, &info, NULL) != LNSP_OK) abort();
    const int64_t n = fuzz_count(&info);
    float *w = malloc((size_t)n * sizeof *w);
    if (!w || lnsp_trainer_tensor_read(trainer, info.name, 0, w, n, NULL) != LNSP_OK) abort();
    fuzz_finite(w, n);
    if (lnsp_trainer_tensor_read(trainer, info.name, 1, w, n, NULL) == LNSP_OK)
      fuzz_finite(w, n);
    free(w);
  }
}

/* All inputs that the loss asks for, then two steps, and all weights looked at. */
static void fuzz_step(lnsp_trainer *trainer) {
  const lnsp_graph *graph = lnsp_trainer_graph(trainer);
  const int64_t concepts = fuzz_concepts(graph);
  lnsp_sink sink = {sizeof sink, NULL, fuzz_write};
  lnsp_tensor inputs[8], input;
  int32_t count = 0;
  const char *name;
  if (!concepts) return;
  input = fuzz_input(graph, "input", concepts);
  for (; count < 8 && (name = lnsp_trainer_input_name(trainer, count)) != NULL; count++) {
    if (!strcmp(name, "target") || !strcmp(name, "teacher")) {
      if (lnsp_graph_output_shape(graph, 0, &input, &inputs[count], NULL) != LNSP_OK) abort();
      inputs[count].data = fuzz_floats(fuzz_count(&inputs[count]), (uint32_t)count);
      inputs[count].name = name;
    } else {
      inputs[count] = fuzz_input(graph, name, concepts);
    }
  }
  for (int s = 0; s < 2; s++) (void)lnsp_trainer_step(trainer, inputs, count, NULL, NULL);
  for (int32_t i = 0; i < count; i++) free(inputs[i].data);
  free(input.data);
  fuzz_weights(trainer);
  (void)lnsp_trainer_save_sink(trainer, &sink, LNSP_SAVE_STATE, NULL);
}

#endif

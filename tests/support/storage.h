/* Shared by tests of models stored in fewer bytes. */
#ifndef TESTS_STORAGE_H
#define TESTS_STORAGE_H

#include "support.h"

static const int32_t storage_types[] = {LNSP_F32, LNSP_BF16, LNSP_F16, LNSP_I8};
enum { STORAGE_TYPES = 4 };

/* Widths beside and across the panels, attention, shared matrices, none at all. */
static const char *const storage_nets[] =
    {"student d=20 s=12 k=8 heads=2", "student d=70 s=33 k=24 heads=3 act=silu",
     "family_b_doc d=17 s=130 k=18 act=relu normalise=0",
     ("lnsp 1; x=input 5; h=linear x 65 w=a; h=tanh h; h=linear h 65 w=b bias=0; "
      "h=linear h 65 w=b bias=0; y=linear h 3 w=c; output output=y code=h"),
     "lnsp 1; x=input 6; y=layernorm x w=n; output output=y"};
enum { STORAGE_NETS = 5 };

static inline lnsp_model *storage_new(const char *text, uint64_t seed) {
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_create(text, seed, NULL, &model, &support_error));
  return model;
}

static inline lnsp_model *storage_convert(const lnsp_model *from, int32_t type) {
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_convert(from, type, NULL, &model, &support_error));
  return model;
}

static inline int storage_same_hash(const lnsp_model *a, const lnsp_model *b) {
  uint8_t x[LNSP_HASH_BYTES], y[LNSP_HASH_BYTES];
  CHECK_OK(lnsp_model_hash(a, x, &support_error));
  CHECK_OK(lnsp_model_hash(b, y, &support_error));
  return !memcmp(x, y, sizeof x);
}

static inline int storage_is(const lnsp_model *model, int32_t type) {
  return lnsp_graph_storage(lnsp_model_graph(model)) == type;
}

static inline support_bytes storage_save(const lnsp_model *model, int32_t dtype) {
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  CHECK_OK(lnsp_model_save_sink(model, &sink, dtype, &support_error));
  return bytes;
}

/* The model's first output for rows inputs of concepts each, at most at_a_time rows a
 * call; to be freed. */
static inline float *storage_run(lnsp_model *model, const char *isa, const float *input,
                                 int32_t rows, int32_t concepts, int32_t at_a_time) {
  lnsp_options options = {.struct_size = sizeof options, .isa = isa};
  lnsp_size_options limits = {.struct_size = sizeof limits,
                              .max_rows = at_a_time,
                              .max_concepts = concepts};
  const lnsp_graph *graph = lnsp_model_graph(model);
  int64_t in = lnsp_graph_input_width(graph);
  lnsp_session *session = NULL;
  lnsp_tensor of;
  CHECK_OK(lnsp_session_create(model, &limits, &options, &session, &support_error));
  CHECK_OK(lnsp_graph_output_at(graph, 0, &of, &support_error));
  int64_t out = of.dims[0];
  float *result = calloc((size_t)(rows * concepts * out), sizeof *result);
  for (int32_t r = 0; r < rows; r += at_a_time) {
    int32_t n = rows - r < at_a_time ? rows - r : at_a_time;
    lnsp_tensor x = lnsp_tensor_f32("input", (float *)(uintptr_t)(input + r * concepts * in), 3,
                                    n, concepts, in);
    lnsp_tensor y = lnsp_tensor_f32("output", result + r * concepts * out, 3, n, concepts, out);
    CHECK_OK(lnsp_session_run(session, &x, 1, &y, 1, &support_error));
  }
  lnsp_session_destroy(session);
  return result;
}

static inline size_t storage_output_bytes(const lnsp_model *model, int32_t vectors) {
  lnsp_tensor of;
  CHECK_OK(lnsp_graph_output_at(lnsp_model_graph(model), 0, &of, &support_error));
  return (size_t)(vectors * of.dims[0]) * sizeof(float);
}

#endif

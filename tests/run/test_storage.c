/* Models whose matrices are stored in bfloat16, float16 or int8: what they compute, how
 * much memory they take, and what else may be done with them. */
#include <fenv.h>

#include "storage.h"

enum { ROWS = 37, VALUES = 40000 };
static float input[VALUES];

/* The float32 twin of a model has its values, its hash and, but for int8, its bits. */
static void runs_as_its_float_twin(void) {
  for (int n = 0; n < STORAGE_NETS; n++)
    for (int t = 0; t < STORAGE_TYPES; t++)
      for (int32_t concepts = 1; concepts <= 3; concepts += 2) {
        lnsp_model *a = storage_new(storage_nets[n], 3);
        lnsp_model *b = storage_convert(a, storage_types[t]),
                   *twin = storage_convert(b, LNSP_F32);
        size_t bytes = storage_output_bytes(a, ROWS * concepts);
        CHECK(storage_is(twin, LNSP_F32));
        CHECK(storage_is(b, n == STORAGE_NETS - 1 ? LNSP_F32 : storage_types[t]));
        CHECK(storage_same_hash(b, twin));
        CHECK(storage_same_hash(a, b) == (t == 0 || n == STORAGE_NETS - 1));
        float *first = storage_run(b, "scalar", input, ROWS, concepts, ROWS);
        for (int i = 0; lnsp_list_name(LNSP_LIST_ISAS, i); i++) {
          const char *isa = lnsp_list_name(LNSP_LIST_ISAS, i);
          if (!strcmp(isa, "cblas") || lnsp_isa_check(isa, NULL)) continue;
          for (int32_t batch = 1; batch <= ROWS; batch = batch * 5 + 1) {
            float *again = storage_run(b, isa, input, ROWS, concepts, batch);
            CHECK_SAY(!memcmp(first, again, bytes), "%s type %d %s batch %d", storage_nets[n],
                      storage_types[t], isa, batch);
            free(again);
          }
          if (storage_types[t] == LNSP_I8) continue;
          float *same = storage_run(twin, isa, input, ROWS, concepts, ROWS);
          CHECK(!memcmp(first, same, bytes));
          free(same);
        }
        free(first);
        lnsp_model_destroy(a);
        lnsp_model_destroy(b);
        lnsp_model_destroy(twin);
      }
}

/* One product of int8 by int8, reckoned anew from what the model says of itself. */
static void int8_is_what_it_says(void) {
  enum { IN = 77, OUT = 70 };
  static float w[OUT * IN], stored[OUT * IN], bias[OUT];
  lnsp_model *a = storage_new("lnsp 1; x=input 77; y=linear x 70 w=a; output output=y", 5);
  lnsp_model *b = storage_convert(a, LNSP_I8);
  float *y = storage_run(b, NULL, input, ROWS, 1, ROWS);
  CHECK_OK(lnsp_model_tensor_read(a, "a.weight", w, OUT * IN, &support_error));
  CHECK_OK(lnsp_model_tensor_read(b, "a.weight", stored, OUT * IN, &support_error));
  CHECK_OK(lnsp_model_tensor_read(b, "a.bias", bias, OUT, &support_error));
  for (int o = 0; o < OUT; o++) {
    float most = 0;
    for (int k = 0; k < IN; k++) most = fmaxf(most, fabsf(w[o * IN + k]));
    const float scale = most / 127;
    for (int k = 0; k < IN; k++) {
      CHECK_NEAR(stored[o * IN + k], w[o * IN + k], .5001 * (double)scale);
      CHECK_NEAR(stored[o * IN + k] / scale, rintf(stored[o * IN + k] / scale), 1e-4);
    }
    for (int r = 0; r < ROWS; r++) {
      float largest = 0;
      double sum = 0;
      for (int k = 0; k < IN; k++) largest = fmaxf(largest, fabsf(input[r * IN + k]));
      for (int k = 0; k < IN; k++)
        sum += (double)rintf(input[r * IN + k] * (127 / largest)) *
               (double)rintf(stored[o * IN + k] / scale);
      const double expected = sum * (double)(largest / 127) * (double)scale + (double)bias[o];
      CHECK_NEAR(y[r * OUT + o], expected, 1e-5);
    }
  }
  free(y);
  lnsp_model_destroy(a);
  lnsp_model_destroy(b);
}

/* Every handle takes what was measured, in every type, and fails without a trace. */
static void measured_is_allocated(void) {
  const lnsp_size_options limits[] = {{.struct_size = sizeof *limits},
                                      {sizeof *limits, 100, 3, 0, 0, 0, 0},
                                      {sizeof *limits, 2, 5, 0, 0, 1, 0}};
  for (int n = 0; n < STORAGE_NETS; n++)
    for (int t = 0; t < STORAGE_TYPES; t++) {
      support_heap heap;
      lnsp_allocator allocator = support_allocator(&heap);
      lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
      lnsp_options as = {.struct_size = sizeof as, .storage = storage_types[t]};
      lnsp_memory_info memory = {.struct_size = sizeof memory}, told = memory;
      lnsp_model *a = storage_new(storage_nets[n], 1), *b = NULL;
      lnsp_graph *graph = NULL, *other = NULL;
      lnsp_session *session = NULL;
      CHECK_OK(lnsp_graph_create(storage_nets[n], &as, &graph, &support_error));
      CHECK_OK(lnsp_graph_convert(lnsp_model_graph(a), storage_types[t], &options, &other,
                                  &support_error));
      CHECK_OK(lnsp_model_measure(graph, &memory, &support_error));
      CHECK_OK(lnsp_model_measure(other, &told, &support_error));
      CHECK(!memcmp(&memory, &told, sizeof told));
      CHECK_INT(lnsp_graph_storage(graph), lnsp_graph_storage(other));
      lnsp_graph_destroy(other);
      CHECK_OK(lnsp_model_convert(a, storage_types[t], &options, &b, &support_error));
      CHECK_INT(heap.last_bytes, memory.total_bytes);
      CHECK_INT(memory.total_bytes, memory.weight_bytes + memory.plan_bytes);
      for (int l = 0; l < 3; l++) {
        CHECK_OK(lnsp_session_measure(graph, &limits[l], &told, &support_error));
        CHECK_OK(lnsp_session_create(b, &limits[l], &options, &session, &support_error));
        CHECK_INT(heap.last_bytes, told.total_bytes);
        lnsp_session_destroy(session);
      }
      unsigned char *slot = malloc((size_t)memory.total_bytes + 64);
      lnsp_options in = {.struct_size = sizeof in,
                         .block = slot,
                         .block_bytes = (size_t)memory.total_bytes + 63};
      lnsp_model *c = NULL;
      CHECK_OK(lnsp_model_convert(a, storage_types[t], &in, &c, &support_error));
      CHECK(storage_same_hash(b, c));
      lnsp_model_destroy(c);
      in.block_bytes = (size_t)memory.total_bytes - 1;
      CHECK_REFUSED(lnsp_model_convert(a, storage_types[t], &in, &c, &support_error),
                    LNSP_E_MEMORY);
      free(slot);
      lnsp_model_destroy(b);
      heap.calls = 0;
      heap.fail_at = 1;
      CHECK_REFUSED(lnsp_model_convert(a, storage_types[t], &options, &b, &support_error),
                    LNSP_E_MEMORY);
      CHECK(b == NULL);
      CHECK_INT(heap.live, 0);
      lnsp_graph_destroy(graph);
      lnsp_model_destroy(a);
    }
}

static void half_the_bytes(void) {
  const double share[STORAGE_TYPES] = {1, .505, .505, .265};
  lnsp_model *a = storage_new("student", 1);
  for (int t = 0; t < STORAGE_TYPES; t++) {
    lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
    lnsp_model *b = storage_convert(a, storage_types[t]);
    CHECK_OK(lnsp_model_measure(lnsp_model_graph(b), &memory, &support_error));
    CHECK_SAY((double)memory.weight_bytes <= share[t] * 2180352, "type %d takes %llu bytes",
              storage_types[t], (unsigned long long)memory.weight_bytes);
    lnsp_model_destroy(b);
  }
  lnsp_model_destroy(a);
}

/* A value that a type would round to infinity is refused, by its tensor's name. */
static void overflow_is_refused(void) {
  const struct {
    float value;
    int32_t type, fits;
  } cases[] = {{65519.996f, LNSP_F16, 1},         {65520.f, LNSP_F16, 0},
               {-70000.f, LNSP_F16, 0},           {70000.f, LNSP_BF16, 1},
               {0x1.fefffep+127f, LNSP_BF16, 1},  {0x1.ffp+127f, LNSP_BF16, 0},
               {-0x1.fffffep+127f, LNSP_BF16, 0}, {0x1.fffffep+127f, LNSP_I8, 0},
               {-0x1.fffffcp+127f, LNSP_I8, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lnsp_model *a = storage_new("lnsp 1; x=input 2; y=linear x 1 w=only; output output=y", 1);
    support_bytes bytes = storage_save(a, LNSP_F32), out;
    lnsp_sink sink = support_sink(&out);
    lnsp_options as = {.struct_size = sizeof as, .storage = cases[i].type};
    lnsp_model *big = NULL, *b = NULL;
    memcpy(bytes.data + bytes.size - 12, &cases[i].value, 4); /* weight [1, 2], bias [1] */
    CHECK_OK(lnsp_model_open_memory(bytes.data, bytes.size, NULL, &big, &support_error));
    if (cases[i].fits) {
      CHECK_OK(lnsp_model_convert(big, cases[i].type, NULL, &b, &support_error));
      CHECK_OK(lnsp_model_save_sink(big, &sink, cases[i].type, &support_error));
    } else {
      CHECK_REFUSED(lnsp_model_convert(big, cases[i].type, NULL, &b, &support_error),
                    LNSP_E_NOT_FINITE);
      CHECK_STR(support_error.name, "only.weight");
      CHECK(b == NULL);
      CHECK_REFUSED(lnsp_model_open_memory(bytes.data, bytes.size, &as, &b, &support_error),
                    LNSP_E_NOT_FINITE);
      CHECK_REFUSED(lnsp_model_save_sink(big, &sink, cases[i].type, &support_error),
                    LNSP_E_NOT_FINITE);
      CHECK_STR(support_error.name, "only.weight");
    }
    lnsp_model_destroy(a);
    lnsp_model_destroy(b);
    lnsp_model_destroy(big);
    free(bytes.data);
    free(out.data);
  }
}

static void storage_is_checked(void) {
  lnsp_model *a = storage_new(storage_nets[0], 1), *b = NULL;
  lnsp_graph *graph = NULL;
  lnsp_options as = {.struct_size = sizeof as, .storage = LNSP_F64};
  CHECK_REFUSED(lnsp_model_convert(a, LNSP_F64, NULL, &b, &support_error), LNSP_E_DTYPE);
  CHECK_REFUSED(lnsp_model_convert(a, 0, NULL, &b, &support_error), LNSP_E_DTYPE);
  CHECK_REFUSED(lnsp_model_convert(NULL, LNSP_F32, NULL, &b, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_graph_convert(lnsp_model_graph(a), LNSP_U8, NULL, &graph, &support_error),
                LNSP_E_DTYPE);
  CHECK_REFUSED(lnsp_model_create("ln_min d=6 s=4", 1, &as, &b, &support_error), LNSP_E_DTYPE);
  as.storage = LNSP_BF16;
  CHECK_OK(lnsp_model_create(storage_nets[0], 1, &as, &b, &support_error));
  lnsp_model *c = storage_convert(a, LNSP_BF16);
  CHECK(storage_is(b, LNSP_BF16) && storage_same_hash(b, c));
  lnsp_model_destroy(a);
  lnsp_model_destroy(b);
  lnsp_model_destroy(c);
}

/* ---- other handles ---- */

static void sessions_rebind(void) {
  lnsp_model *model[STORAGE_TYPES];
  model[0] = storage_new(storage_nets[1], 1);
  for (int t = 1; t < STORAGE_TYPES; t++)
    model[t] = storage_convert(model[0], storage_types[t]);
  size_t bytes = storage_output_bytes(model[0], 2);
  for (int from = 0; from < STORAGE_TYPES; from++)
    for (int to = 0; to < STORAGE_TYPES; to++) {
      lnsp_size_options limits = {.struct_size = sizeof limits, .max_rows = 2};
      lnsp_session *session = NULL;
      float y[2 * 70];
      lnsp_tensor x = lnsp_tensor_f32("input", input, 2, 2, 70, 0);
      lnsp_tensor out = lnsp_tensor_f32("output", y, 2, 2, 70, 0);
      int now = storage_types[to] == LNSP_I8 && storage_types[from] != LNSP_I8 ? from : to;
      CHECK_OK(lnsp_session_create(model[from], &limits, NULL, &session, &support_error));
      if (now == to)
        CHECK_OK(lnsp_session_rebind(session, model[to], &support_error));
      else
        CHECK_REFUSED(lnsp_session_rebind(session, model[to], &support_error), LNSP_E_MISMATCH);
      CHECK_OK(lnsp_session_run(session, &x, 1, &out, 1, &support_error));
      float *expected = storage_run(model[now], NULL, input, 2, 1, 2);
      CHECK(!memcmp(expected, y, bytes));
      free(expected);
      lnsp_session_destroy(session);
    }
  for (int t = 0; t < STORAGE_TYPES; t++) lnsp_model_destroy(model[t]);
}

/* A trainer widens; codes are not a place to start from. */
static void trainers_widen(void) {
  lnsp_model *a = storage_new(storage_nets[0], 1);
  for (int t = 1; t < STORAGE_TYPES; t++) {
    lnsp_model *b = storage_convert(a, storage_types[t]), *twin = storage_convert(b, LNSP_F32);
    lnsp_model *next[2] = {NULL, NULL};
    lnsp_trainer *trainer[2] = {NULL, NULL};
    lnsp_memory_info memory[2] = {{.struct_size = sizeof *memory},
                                  {.struct_size = sizeof *memory}};
    lnsp_options as = {.struct_size = sizeof as, .storage = storage_types[t]};
    lnsp_file *file = NULL;
    support_bytes bytes = storage_save(b, 0);
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    CHECK_REFUSED(lnsp_trainer_create(a, "mse", NULL, NULL, &as, &trainer[0], &support_error),
                  LNSP_E_ARGUMENT);
    CHECK_OK(lnsp_trainer_create(twin, "mse", NULL, NULL, NULL, &trainer[1], &support_error));
    if (storage_types[t] == LNSP_I8) {
      CHECK_REFUSED(lnsp_trainer_create(b, "mse", NULL, NULL, NULL, &trainer[0],
                                        &support_error),
                    LNSP_E_DTYPE);
      CHECK_REFUSED(lnsp_trainer_measure(lnsp_model_graph(b), "mse", "adamw", NULL, &memory[0],
                                         &support_error),
                    LNSP_E_DTYPE);
      CHECK_REFUSED(lnsp_trainer_open_file(file, "mse", NULL, NULL, NULL, &trainer[0],
                                           &support_error),
                    LNSP_E_DTYPE);
      as.storage = LNSP_F32; /* unless asked for */
      CHECK_OK(
          lnsp_trainer_open_file(file, "mse", NULL, NULL, &as, &trainer[0], &support_error));
      lnsp_trainer_destroy(trainer[0]);
      trainer[0] = NULL;
    } else {
      CHECK_OK(lnsp_trainer_measure(lnsp_model_graph(b), "mse", "adamw", NULL, &memory[0],
                                    &support_error));
      for (int from_file = 0; from_file < 2; from_file++) {
        lnsp_trainer_destroy(trainer[0]);
        if (from_file)
          CHECK_OK(lnsp_trainer_open_file(file, "mse", NULL, NULL, NULL, &trainer[0],
                                          &support_error));
        else
          CHECK_OK(
              lnsp_trainer_create(b, "mse", NULL, NULL, NULL, &trainer[0], &support_error));
        CHECK_OK(lnsp_trainer_memory(trainer[0], &memory[1], &support_error));
        CHECK(!memcmp(&memory[0], &memory[1], sizeof *memory));
        CHECK_OK(lnsp_trainer_publish(trainer[0], 0, NULL, &next[0], &support_error));
        CHECK(storage_is(next[0], LNSP_F32) && storage_same_hash(next[0], twin));
        lnsp_model_destroy(next[0]);
      }
    }
    CHECK_OK(lnsp_trainer_publish(trainer[1], 0, &as, &next[1], &support_error));
    CHECK(storage_is(next[1], as.storage) && storage_same_hash(next[1], b));
    lnsp_model_destroy(next[1]);
    lnsp_trainer_destroy(trainer[0]);
    lnsp_trainer_destroy(trainer[1]);
    lnsp_file_destroy(file);
    lnsp_model_destroy(b);
    lnsp_model_destroy(twin);
    free(bytes.data);
  }
  lnsp_model_destroy(a);
}

/* A delta knows values, not types. */
static void deltas_cross_types(void) {
  lnsp_model *a = storage_new(storage_nets[0], 1), *z = storage_new(storage_nets[0], 2);
  for (int from = 0; from < 3; from++)
    for (int to = 0; to < 3; to++) {
      lnsp_model *base = storage_convert(a, storage_types[from]), *applied = NULL;
      lnsp_model *next = storage_convert(z, storage_types[to]);
      lnsp_options as = {.struct_size = sizeof as, .storage = LNSP_BF16};
      lnsp_delta *delta = NULL;
      CHECK_OK(lnsp_delta_create(base, next, NULL, NULL, &delta, &support_error));
      CHECK_OK(lnsp_delta_apply(delta, base, NULL, &applied, &support_error));
      CHECK(storage_is(applied, LNSP_F32) && storage_same_hash(applied, next));
      lnsp_model_destroy(applied);
      if (storage_types[to] == LNSP_BF16) {
        CHECK_OK(lnsp_delta_apply(delta, base, &as, &applied, &support_error));
        CHECK(storage_is(applied, LNSP_BF16) && storage_same_hash(applied, next));
        lnsp_model_destroy(applied);
      } else { /* rounded, it is not what the delta promises */
        CHECK_REFUSED(lnsp_delta_apply(delta, base, &as, &applied, &support_error),
                      LNSP_E_MISMATCH);
      }
      lnsp_delta_destroy(delta);
      /* the same values in two types: nothing changed */
      lnsp_model *twin = storage_convert(next, LNSP_F32);
      lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
      CHECK_OK(lnsp_delta_create(next, twin, NULL, NULL, &delta, &support_error));
      CHECK_OK(lnsp_delta_get_info(delta, &facts, &support_error));
      CHECK_INT(facts.changed_count, 0);
      lnsp_delta_destroy(delta);
      lnsp_model_destroy(twin);
      lnsp_model_destroy(base);
      lnsp_model_destroy(next);
    }
  lnsp_model *codes = storage_convert(a, LNSP_I8);
  lnsp_delta *delta = NULL;
  CHECK_REFUSED(lnsp_delta_create(codes, a, NULL, NULL, &delta, &support_error), LNSP_E_DTYPE);
  CHECK_REFUSED(lnsp_delta_create(a, codes, NULL, NULL, &delta, &support_error), LNSP_E_DTYPE);
  lnsp_model_destroy(codes);
  lnsp_model_destroy(a);
  lnsp_model_destroy(z);
}

/* Whatever the caller's rounding, the stored values and what is read are the same. */
static void rounding_mode_does_not_matter(void) {
  lnsp_model *a = storage_new(storage_nets[1], 1);
  for (int t = 1; t < STORAGE_TYPES; t++) {
    lnsp_model *b = storage_convert(a, storage_types[t]), *c;
    uint8_t x[LNSP_HASH_BYTES], y[LNSP_HASH_BYTES];
    CHECK_OK(lnsp_model_hash(b, x, &support_error));
    fesetround(FE_UPWARD);
    c = storage_convert(a, storage_types[t]);
    CHECK_OK(lnsp_model_hash(c, y, &support_error));
    CHECK_INT(fegetround(), FE_UPWARD);
    fesetround(FE_TONEAREST);
    CHECK(!memcmp(x, y, sizeof x));
    lnsp_model_destroy(b);
    lnsp_model_destroy(c);
  }
  lnsp_model_destroy(a);
}

int main(void) {
  support_use_all();
  support_fill(input, VALUES, 7);
  RUN(runs_as_its_float_twin);
  RUN(int8_is_what_it_says);
  RUN(measured_is_allocated);
  RUN(half_the_bytes);
  RUN(overflow_is_refused);
  RUN(storage_is_checked);
  RUN(sessions_rebind);
  RUN(trainers_widen);
  RUN(deltas_cross_types);
  RUN(rounding_mode_does_not_matter);
  FINISH();
}

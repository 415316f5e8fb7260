/* Trainers: steps, refusals, marks, states, memory. */
#include <fenv.h>

#include "support.h"

#define SMALL "student d=20 s=12 k=8 heads=2"
#define WIDTH 20

static lnsp_model *small_model(uint64_t seed) {
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_create(SMALL, seed, NULL, &model, &support_error));
  return model;
}

static lnsp_trainer *small_trainer(const char *loss, const char *optimizer, int32_t rows,
                                   int32_t concepts, int32_t history) {
  lnsp_size_options limits = {sizeof limits, rows, concepts, history, 0, 0, 0};
  lnsp_trainer *trainer = NULL;
  lnsp_model *model = small_model(3);
  CHECK_OK(
      lnsp_trainer_create(model, loss, optimizer, &limits, NULL, &trainer, &support_error));
  lnsp_model_destroy(model);
  return trainer;
}

/* input and target of rows x concepts vectors from a seed */
typedef struct pair {
  float x[512], y[512];
  lnsp_tensor tensors[2];
} pair;

static void make_pair(pair *p, int64_t rows, int64_t concepts, uint32_t seed) {
  support_fill(p->x, (size_t)(rows * concepts * WIDTH), seed);
  support_fill(p->y, (size_t)(rows * concepts * WIDTH), seed + 99);
  p->tensors[0] = lnsp_tensor_f32("input", p->x, concepts > 1 ? 3 : 2, rows,
                                  concepts > 1 ? concepts : WIDTH, WIDTH);
  p->tensors[1] = p->tensors[0];
  p->tensors[1].name = "target";
  p->tensors[1].data = p->y;
}

static void state_hash(const lnsp_trainer *trainer, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, hash, &support_error));
}

static void learns(void) {
  lnsp_trainer *t = small_trainer("cosine", "adamw lr=1e-2", 4, 1, 0);
  pair p;
  float first = 0, last = 0;
  make_pair(&p, 4, 1, 1);
  for (int i = 0; i < 200; i++) {
    CHECK_OK(lnsp_trainer_step(t, p.tensors, 2, &last, &support_error));
    if (i == 0) first = last;
  }
  CHECK_SAY(last < .2f * first, "loss went from %g to %g only", (double)first, (double)last);
  CHECK_INT(lnsp_trainer_step_count(t), 200);
  lnsp_trainer_destroy(t);
}

/* All that can be refused before a value is read is, so that the gradients of the call before
 * are still there. */
static void refused_tensors_keep_the_gradients(void) {
  lnsp_trainer *t = small_trainer("cosine", "adamw lr=1e-2", 4, 2, 0);
  pair p;
  float mask[8] = {1, 1, 1, 1, 1, 1, 1, 1}, loss;
  lnsp_tensor all[3];
  make_pair(&p, 4, 2, 1);
  all[0] = p.tensors[0];
  all[1] = p.tensors[1];
  all[2] = lnsp_tensor_f32("mask", mask, 2, 4, 2, 0); /* no integers */
  CHECK_OK(lnsp_trainer_compute_gradients(t, all, 2, &loss, &support_error));
  CHECK_REFUSED(lnsp_trainer_compute_gradients(t, all, 3, &loss, &support_error), LNSP_E_DTYPE);
  CHECK_OK(lnsp_trainer_apply(t, &support_error));
  CHECK_INT(lnsp_trainer_step_count(t), 1);
  lnsp_trainer_destroy(t);
}

/* The same steps on every kernel set give the same state. */
static void same_bits_on_every_isa(void) {
  uint8_t first[32], hash[32];
  int sets = 0;
  lnsp_model *model = small_model(3);
  for (int32_t i = 0; lnsp_list_name(LNSP_LIST_ISAS, i); i++) {
    const char *isa = lnsp_list_name(LNSP_LIST_ISAS, i);
    if (!strcmp(isa, "cblas") || lnsp_isa_check(isa, NULL) != LNSP_OK) continue;
    lnsp_size_options limits = {sizeof limits, 5, 3, 0, 0, 0, 0};
    lnsp_options options = {.struct_size = sizeof options, .isa = isa};
    lnsp_trainer *t = NULL;
    CHECK_OK(lnsp_trainer_create(model, "mse + .5*cosine", "adamw lr=1e-2 clip=.5 ema=.9",
                                 &limits, &options, &t, &support_error));
    CHECK_STR(lnsp_trainer_isa(t), isa);
    for (uint32_t s = 0; s < 40; s++) {
      pair p;
      make_pair(&p, 1 + s % 5, 1 + s % 3, s);
      CHECK_OK(lnsp_trainer_step(t, p.tensors, 2, NULL, &support_error));
    }
    state_hash(t, sets ? hash : first);
    CHECK_SAY(!sets || !memcmp(first, hash, 32), "%s differs", isa);
    sets++;
    lnsp_trainer_destroy(t);
  }
  CHECK(sets >= 1);
  lnsp_model_destroy(model);
}

/* dL/dy of the mean square error by hand gives the built-in loss's step. */
static void own_loss_equals_mse(void) {
  lnsp_trainer *a = small_trainer("mse", "sgd lr=.1 momentum=.9", 3, 1, 0);
  lnsp_trainer *b = small_trainer(NULL, "sgd lr=.1 momentum=.9", 3, 1, 0);
  float out[60], gradient[60], ga[144], gb[144];
  pair p;
  make_pair(&p, 3, 1, 5);
  lnsp_tensor output = lnsp_tensor_f32("output", out, 2, 3, WIDTH, 0);
  lnsp_tensor d = lnsp_tensor_f32("output", gradient, 2, 3, WIDTH, 0);
  const char *name = "layers.compress_norm_1.weight",
             *matrix = "layers.nuclear_compress.weight";
  CHECK_OK(lnsp_trainer_compute_gradients(a, p.tensors, 2, NULL, &support_error));
  CHECK_OK(lnsp_trainer_forward(b, p.tensors, 1, &output, 1, &support_error));
  for (int i = 0; i < 60; i++) gradient[i] = 2.f * (out[i] - p.y[i]) / 60.f;
  CHECK_OK(lnsp_trainer_backward(b, &d, 1, &support_error));
  CHECK_OK(lnsp_trainer_gradient(a, name, ga, 12, &support_error));
  CHECK_OK(lnsp_trainer_gradient(b, name, gb, 12, &support_error));
  for (int i = 0; i < 12; i++) CHECK_NEAR(ga[i], gb[i], 1e-6);
  CHECK_OK(lnsp_trainer_gradient(a, matrix, ga, 96, &support_error));
  CHECK_OK(lnsp_trainer_gradient(b, matrix, gb, 96, &support_error));
  for (int i = 0; i < 96; i++) CHECK_NEAR(ga[i], gb[i], 1e-6);
  CHECK_OK(lnsp_trainer_apply(b, &support_error));
  CHECK_REFUSED(lnsp_trainer_apply(b, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_backward(b, &d, 1, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_gradient(b, name, gb, 12, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_step(b, p.tensors, 2, NULL, &support_error), LNSP_E_STATE);
  lnsp_trainer_destroy(a);
  lnsp_trainer_destroy(b);
}

/* A tensor that no loss reaches keeps its bits, even under weight decay; one whose
 * gradient is exactly zero (q and k for one concept) decays. */
static void reach(void) {
  lnsp_trainer *t = small_trainer("cosine", "adamw lr=.1 weight_decay=.5", 2, 1, 0);
  float before[240], after[240], in0[192], in1[192];
  pair p;
  const char *head = "layers.teacher_align.weight";
  const char *in_proj = "layers.multi_head_attention.in_proj_weight";
  make_pair(&p, 2, 1, 1);
  CHECK_OK(lnsp_trainer_tensor_read(t, head, 0, before, 240, &support_error));
  CHECK_OK(lnsp_trainer_tensor_read(t, in_proj, 0, in0, 192, &support_error));
  CHECK_OK(lnsp_trainer_compute_gradients(t, p.tensors, 2, NULL, &support_error));
  CHECK_REFUSED(lnsp_trainer_gradient(t, head, after, 240, &support_error), LNSP_E_STATE);
  CHECK_OK(lnsp_trainer_gradient(t, in_proj, in1, 192, &support_error));
  for (int i = 0; i < 128; i++) CHECK(in1[i] == 0.f);
  CHECK_OK(lnsp_trainer_apply(t, &support_error));
  CHECK_OK(lnsp_trainer_tensor_read(t, head, 0, after, 240, &support_error));
  CHECK(!memcmp(before, after, sizeof before));
  CHECK_OK(lnsp_trainer_tensor_read(t, in_proj, 0, in1, 192, &support_error));
  for (int i = 0; i < 128; i++) CHECK(in1[i] == in0[i] * (float)(1 - .1 * .5));
  lnsp_trainer_destroy(t);
}

static void refuses_and_changes_nothing(void) {
  lnsp_trainer *t = small_trainer("mse", "adamw lr=1e-2", 4, 2, 1);
  uint8_t before[32], after[32];
  pair p;
  float loss = 7;
  make_pair(&p, 2, 1, 1);
  CHECK_OK(lnsp_trainer_step(t, p.tensors, 2, NULL, &support_error));
  state_hash(t, before);
  const uint32_t bad[3] = {0x7fc00000u, 0x7f800000u, 0xff800000u};
  for (int b = 0; b < 3; b++)
    for (int which = 0; which < 2; which++) {
      make_pair(&p, 2, 1, 1);
      memcpy((which ? p.y : p.x) + 25, &bad[b], 4);
      CHECK_REFUSED(lnsp_trainer_step(t, p.tensors, 2, &loss, &support_error),
                    LNSP_E_NOT_FINITE);
    }
  make_pair(&p, 2, 1, 1);
  p.y[3] = 3e38f; /* overflows the loss or its gradient */
  CHECK_REFUSED(lnsp_trainer_step(t, p.tensors, 2, &loss, &support_error), LNSP_E_NOT_FINITE);
  make_pair(&p, 5, 1, 1);
  CHECK_REFUSED(lnsp_trainer_step(t, p.tensors, 2, &loss, &support_error), LNSP_E_LIMIT);
  make_pair(&p, 2, 3, 1);
  CHECK_REFUSED(lnsp_trainer_step(t, p.tensors, 2, &loss, &support_error), LNSP_E_LIMIT);
  make_pair(&p, 2, 1, 1);
  CHECK_REFUSED(lnsp_trainer_step(t, p.tensors, 1, &loss, &support_error), LNSP_E_MISSING);
  p.tensors[1].dims[1] = 19;
  CHECK_REFUSED(lnsp_trainer_step(t, p.tensors, 2, &loss, &support_error), LNSP_E_SHAPE);
  make_pair(&p, 2, 1, 1);
  p.tensors[0].dtype = LNSP_F16;
  CHECK_REFUSED(lnsp_trainer_step(t, p.tensors, 2, &loss, &support_error), LNSP_E_DTYPE);
  CHECK_REFUSED(lnsp_trainer_step(NULL, p.tensors, 2, &loss, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_rollback(t, 0, &support_error), LNSP_E_STATE);
  CHECK(loss == 7);
  state_hash(t, after);
  CHECK(!memcmp(before, after, 32));
  CHECK_INT(lnsp_trainer_step_count(t), 1);
  lnsp_trainer_destroy(t);
}

/* However absurd the rate, weights never become infinite or NaN. */
static void never_diverges_to_nan(void) {
  const char *texts[] = {"sgd lr=1e6",
                         "sgd lr=1e6 momentum=.99 nesterov=1 weight_decay=900",
                         "adamw lr=1e6 eps=1e-30",
                         "adam lr=1e6 eps=1e-30 weight_decay=100",
                         "adamw lr=1e6 weight_decay=1000",
                         "sgd lr=1e5 clip=1e-3"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lnsp_trainer *t = small_trainer("mse", texts[i], 2, 2, 0);
    int refused = 0;
    for (uint32_t s = 0; s < 300; s++) {
      uint8_t before[32], after[32];
      pair p;
      make_pair(&p, 2, 2, s);
      state_hash(t, before);
      int32_t status = lnsp_trainer_step(t, p.tensors, 2, NULL, &support_error);
      if (status == LNSP_OK) continue;
      state_hash(t, after);
      CHECK_INT(status, LNSP_E_NOT_FINITE);
      CHECK(!memcmp(before, after, 32));
      refused++;
    }
    for (int32_t w = 0; w < lnsp_graph_tensor_count(lnsp_trainer_graph(t)); w++) {
      lnsp_tensor info;
      float values[512];
      CHECK_OK(lnsp_graph_tensor_at(lnsp_trainer_graph(t), w, &info, &support_error));
      int64_t n = info.dims[0] * (info.rank > 1 ? info.dims[1] : 1);
      CHECK_OK(lnsp_trainer_tensor_read(t, info.name, 0, values, n, &support_error));
      for (int64_t v = 0; v < n; v++) CHECK(isfinite(values[v]));
    }
    (void)refused;
    lnsp_trainer_destroy(t);
  }
}

static void clips_by_global_norm(void) {
  for (int rows = 1; rows <= 3; rows++) {
    lnsp_trainer *free_run = small_trainer("mse", "sgd lr=1", 3, 1, 0);
    lnsp_trainer *clipped = small_trainer("mse", "sgd lr=1 clip=.001", 3, 1, 0);
    double norm = 0;
    pair p;
    make_pair(&p, rows, 1, 9);
    CHECK_OK(lnsp_trainer_compute_gradients(free_run, p.tensors, 2, NULL, &support_error));
    const lnsp_graph *graph = lnsp_trainer_graph(free_run);
    float g[512], before[512], after[512];
    for (int pass = 0; pass < 2; pass++) {
      for (int32_t w = 0; w < lnsp_graph_tensor_count(graph); w++) {
        lnsp_tensor info;
        lnsp_graph_tensor_at(graph, w, &info, NULL);
        int64_t n = info.dims[0] * (info.rank > 1 ? info.dims[1] : 1);
        if (lnsp_trainer_gradient(free_run, info.name, g, n, NULL) != LNSP_OK) continue;
        if (pass == 0) {
          for (int64_t i = 0; i < n; i++) norm += (double)g[i] * (double)g[i];
          continue;
        }
        lnsp_model *model = small_model(3);
        lnsp_model_tensor_read(model, info.name, before, n, NULL);
        lnsp_model_destroy(model);
        lnsp_trainer_tensor_read(clipped, info.name, 0, after, n, NULL);
        for (int64_t i = 0; i < n; i++)
          CHECK_NEAR(after[i], before[i] - (double)g[i] * .001 / (sqrt(norm) + 1e-6), 3e-7);
      }
      if (pass == 0) CHECK_OK(lnsp_trainer_step(clipped, p.tensors, 2, NULL, &support_error));
    }
    CHECK(norm > 1e-6);
    lnsp_trainer_destroy(free_run);
    lnsp_trainer_destroy(clipped);
  }
}

static void marks_go_back_to_the_bit(void) {
  lnsp_trainer *t = small_trainer("mse", "adamw lr=1e-2 ema=.99", 2, 1, 3);
  uint8_t hash[6][32], now[32];
  pair p;
  for (uint32_t i = 0; i < 5; i++) {
    make_pair(&p, 2, 1, i);
    state_hash(t, hash[i]);
    CHECK_OK(lnsp_trainer_mark(t, &support_error));
    CHECK_OK(lnsp_trainer_step(t, p.tensors, 2, NULL, &support_error));
  }
  state_hash(t, hash[5]);
  CHECK_INT(lnsp_trainer_mark_count(t), 3);
  CHECK_REFUSED(lnsp_trainer_rollback(t, 3, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_rollback(t, -1, &support_error), LNSP_E_STATE);
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
  state_hash(t, now);
  CHECK(!memcmp(now, hash[4], 32));
  make_pair(&p, 2, 1, 4); /* the same step again gives the same state */
  CHECK_OK(lnsp_trainer_step(t, p.tensors, 2, NULL, &support_error));
  state_hash(t, now);
  CHECK(!memcmp(now, hash[5], 32));
  CHECK_OK(lnsp_trainer_rollback(t, 2, &support_error));
  state_hash(t, now);
  CHECK(!memcmp(now, hash[2], 32));
  CHECK_INT(lnsp_trainer_mark_count(t), 1);
  CHECK_INT(lnsp_trainer_step_count(t), 2);
  lnsp_trainer_destroy(t);
}

static void resumes_to_the_same_bits(void) {
  const char *texts[] = {"adamw lr=1e-2 ema=.9 schedule=cosine warmup=3 steps=30",
                         "sgd lr=.1 momentum=.9", "sgd lr=.1"};
  for (int i = 0; i < 3; i++) {
    lnsp_trainer *a = small_trainer("mse", texts[i], 2, 1, 0), *b = NULL;
    lnsp_file *file = NULL;
    uint8_t ha[32], hb[32];
    support_bytes bytes;
    lnsp_sink sink = support_sink(&bytes);
    lnsp_size_options limits = {sizeof limits, 2, 1, 0, 0, 0, 0};
    pair p;
    for (uint32_t s = 0; s < 7; s++) {
      make_pair(&p, 2, 1, s);
      if (s == 4) {
        CHECK_OK(lnsp_trainer_freeze(a, "*.nuclear_norm.*", 1, &support_error));
        CHECK_OK(lnsp_trainer_set_learning_rate(a, .0123f, &support_error));
      }
      CHECK_OK(lnsp_trainer_step(a, p.tensors, 2, NULL, &support_error));
    }
    CHECK_OK(lnsp_trainer_save_sink(a, &sink, LNSP_SAVE_STATE, &support_error));
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    CHECK_OK(lnsp_trainer_open_file(file, NULL, NULL, &limits, NULL, &b, &support_error));
    if (!b) return;
    for (uint32_t s = 7; s < 14; s++) {
      make_pair(&p, 2, 1, s);
      CHECK_OK(lnsp_trainer_step(a, p.tensors, 2, NULL, &support_error));
      CHECK_OK(lnsp_trainer_step(b, p.tensors, 2, NULL, &support_error));
    }
    state_hash(a, ha);
    state_hash(b, hb);
    CHECK_SAY(!memcmp(ha, hb, 32), "%s differs after resuming", texts[i]);
    lnsp_trainer_destroy(b);
    b = NULL;
    if (i == 2)
      CHECK_REFUSED(lnsp_trainer_open_file(file, NULL, "adamw", &limits, NULL, &b,
                                           &support_error),
                    LNSP_E_MISSING);
    CHECK(b == NULL);
    lnsp_file_destroy(file);
    lnsp_trainer_destroy(a);
    free(bytes.data);
  }
}

static void freezes_by_pattern(void) {
  lnsp_trainer *t = small_trainer("mse", "adamw lr=1e-2 weight_decay=.1", 2, 1, 0);
  float before[240], after[240], other[96], other_after[96];
  pair p;
  make_pair(&p, 2, 1, 1);
  lnsp_trainer_tensor_read(t, "layers.compress_1.weight", 0, before, 240, NULL);
  lnsp_trainer_tensor_read(t, "layers.nuclear_compress.weight", 0, other, 96, NULL);
  CHECK_OK(lnsp_trainer_freeze(t, "layers.compress*", 1, &support_error));
  CHECK_REFUSED(lnsp_trainer_freeze(t, "nothing*", 1, &support_error), LNSP_E_MISSING);
  CHECK_OK(lnsp_trainer_step(t, p.tensors, 2, NULL, &support_error));
  lnsp_trainer_tensor_read(t, "layers.compress_1.weight", 0, after, 240, NULL);
  lnsp_trainer_tensor_read(t, "layers.nuclear_compress.weight", 0, other_after, 96, NULL);
  CHECK(!memcmp(before, after, sizeof before));
  CHECK(memcmp(other, other_after, sizeof other) != 0);
  CHECK_OK(lnsp_trainer_freeze(t, "*", 0, &support_error));
  CHECK_OK(lnsp_trainer_step(t, p.tensors, 2, NULL, &support_error));
  lnsp_trainer_tensor_read(t, "layers.compress_1.weight", 0, after, 240, NULL);
  CHECK(memcmp(before, after, sizeof before) != 0);
  lnsp_trainer_destroy(t);
}

/* The measured bytes are what is taken; after create nothing is; and a refused
 * allocation leaves nothing behind. */
static void memory_is_as_measured(void) {
  support_heap heap;
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
  lnsp_size_options limits = {sizeof limits, 3, 2, 2, 0, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  const char *loss = "triplet on=code + .1*alignment", *optimizer = "adamw ema=.9 clip=1";
  CHECK_OK(lnsp_model_create(SMALL, 1, &options, &model, &support_error));
  CHECK_OK(lnsp_model_measure(lnsp_model_graph(model), &memory, &support_error));
  CHECK_INT(heap.last_bytes, memory.total_bytes);
  CHECK_INT(heap.live, 1);
  CHECK_OK(lnsp_trainer_measure(lnsp_model_graph(model), loss, optimizer, &limits, &memory,
                                &support_error));
  CHECK_OK(lnsp_trainer_create(model, loss, optimizer, &limits, &options, &t, &support_error));
  CHECK_INT(heap.last_bytes, memory.total_bytes);
  CHECK_INT(memory.total_bytes,
            memory.weight_bytes + memory.moment_bytes + memory.average_bytes +
                memory.residual_bytes + memory.gradient_bytes + memory.mark_bytes +
                memory.activation_bytes + memory.workspace_bytes + memory.plan_bytes);
  int calls = heap.calls;
  float a[120], b[120], c[120], teacher[120];
  support_fill(a, 120, 1);
  support_fill(b, 120, 2);
  support_fill(c, 120, 3);
  support_fill(teacher, 120, 4);
  lnsp_tensor inputs[4] = {lnsp_tensor_f32("anchor", a, 3, 3, 2, WIDTH),
                           lnsp_tensor_f32("positive", b, 3, 3, 2, WIDTH),
                           lnsp_tensor_f32("negative", c, 3, 3, 2, WIDTH),
                           lnsp_tensor_f32("teacher", teacher, 3, 3, 2, WIDTH)};
  CHECK_STR(lnsp_trainer_input_name(t, 0), "anchor");
  CHECK_STR(lnsp_trainer_input_name(t, 3), "teacher");
  CHECK(lnsp_trainer_input_name(t, 4) == NULL);
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  CHECK_OK(lnsp_trainer_step(t, inputs, 4, NULL, &support_error));
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
  CHECK_INT(heap.calls, calls);
  lnsp_trainer_destroy(t);
  CHECK_INT(heap.live, 1);
  /* in a caller's block of exactly that size, and of one byte less */
  void *block = aligned_alloc(64, (memory.total_bytes + 63) / 64 * 64);
  lnsp_options in_block = {.struct_size = sizeof in_block,
                           .block = block,
                           .block_bytes = memory.total_bytes};
  CHECK_OK(lnsp_trainer_create(model, loss, optimizer, &limits, &in_block, &t, &support_error));
  CHECK_OK(lnsp_trainer_step(t, inputs, 4, NULL, &support_error));
  lnsp_trainer_destroy(t);
  in_block.block_bytes--;
  CHECK_REFUSED(lnsp_trainer_create(model, loss, optimizer, &limits, &in_block, &t,
                                    &support_error),
                LNSP_E_MEMORY);
  CHECK(t == NULL);
  free(block);
  lnsp_model_destroy(model);
  CHECK_INT(heap.live, 0);
  CHECK_INT(heap.live_bytes, 0);
}

/* The bytes of the README, whatever the size of a pointer is here. */
static void bytes_are_the_same_on_every_host(void) {
  lnsp_graph *graph = NULL;
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  lnsp_size_options limits = {sizeof limits, 1, 1, 2, 0, 0, 0};
  CHECK_OK(lnsp_graph_create("student", NULL, &graph, &support_error));
  CHECK_OK(lnsp_model_measure(graph, &memory, &support_error));
  CHECK_INT(memory.total_bytes, 2192704);
  CHECK_OK(lnsp_session_measure(graph, NULL, &memory, &support_error));
  CHECK_INT(memory.total_bytes, 9984);
  CHECK_OK(lnsp_trainer_measure(graph, "mse", "adamw", NULL, &memory, &support_error));
  CHECK_INT(memory.total_bytes, 6621248);
  CHECK_OK(lnsp_trainer_measure(graph, "mse", "adamw", &limits, &memory, &support_error));
  CHECK_INT(memory.total_bytes, 19703808); /* with two marks */
  lnsp_graph_destroy(graph);
}

static int32_t make_everything(const lnsp_options *options) {
  lnsp_model *model = NULL, *next = NULL;
  lnsp_trainer *t = NULL, *resumed = NULL;
  lnsp_session *session = NULL;
  lnsp_file *file = NULL;
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  lnsp_error *p = &support_error;
  int32_t status = lnsp_model_create(SMALL, 1, options, &model, p);
  if (!status) status = lnsp_session_create(model, NULL, options, &session, p);
  if (!status) status = lnsp_trainer_create(model, "mse", "adamw", NULL, options, &t, p);
  if (!status) status = lnsp_trainer_publish(t, 0, options, &next, p);
  if (!status) status = lnsp_session_rebind(session, next, p);
  if (!status) status = lnsp_trainer_save_sink(t, &sink, LNSP_SAVE_STATE, p);
  if (!status) status = lnsp_file_open_memory(bytes.data, bytes.size, options, &file, p);
  if (!status) status = lnsp_trainer_open_file(file, NULL, NULL, NULL, options, &resumed, p);
  CHECK((status == LNSP_OK) == (resumed != NULL));
  lnsp_model_destroy(model);
  lnsp_model_destroy(next);
  lnsp_session_destroy(session);
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(resumed);
  lnsp_file_destroy(file);
  free(bytes.data);
  return status;
}

static void every_allocation_may_fail(void) {
  support_heap heap;
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
  CHECK_INT(make_everything(&options), LNSP_OK);
  int calls = heap.calls;
  CHECK(calls >= 8);
  for (int all = 0; all < 2; all++)
    for (int k = 1; k <= calls; k++) {
      allocator = support_allocator(&heap);
      heap.fail_at = k;
      heap.fail_all = all;
      int32_t status = make_everything(&options);
      CHECK_SAY(status == LNSP_E_MEMORY, "allocation %d: %s", k, lnsp_status_name(status));
      CHECK_INT(heap.live, 0);
      CHECK_INT(heap.live_bytes, 0);
    }
}

static void publishes_and_runs_live(void) {
  lnsp_trainer *t = small_trainer("mse", "adamw lr=1e-2 ema=.5", 2, 1, 0);
  lnsp_session *live = NULL, *average = NULL, *other = NULL;
  lnsp_model *model = NULL;
  float a[20], b[20], c[20];
  uint8_t ht[32], hm[32];
  pair p;
  make_pair(&p, 2, 1, 1);
  lnsp_tensor in = lnsp_tensor_f32("input", p.x, 2, 1, WIDTH, 0);
  lnsp_tensor oa = lnsp_tensor_f32("output", a, 2, 1, WIDTH, 0), ob = oa, oc = oa;
  ob.data = b;
  oc.data = c;
  CHECK_OK(lnsp_session_create_live(t, 0, NULL, NULL, &live, &support_error));
  CHECK_OK(lnsp_session_create_live(t, 1, NULL, NULL, &average, &support_error));
  CHECK_OK(lnsp_session_run(live, &in, 1, &oa, 1, &support_error));
  CHECK_OK(lnsp_session_run(average, &in, 1, &oc, 1, &support_error));
  CHECK(!memcmp(a, c, sizeof a));
  for (int i = 0; i < 5; i++)
    CHECK_OK(lnsp_trainer_step(t, p.tensors, 2, NULL, &support_error));
  CHECK_OK(lnsp_trainer_publish(t, 0, NULL, &model, &support_error));
  CHECK_OK(lnsp_session_create(model, NULL, NULL, &other, &support_error));
  CHECK_OK(lnsp_session_run(live, &in, 1, &oa, 1, &support_error));
  CHECK_OK(lnsp_session_run(other, &in, 1, &ob, 1, &support_error));
  CHECK_OK(lnsp_session_run(average, &in, 1, &oc, 1, &support_error));
  CHECK(!memcmp(a, b, sizeof a));
  CHECK(memcmp(a, c, sizeof a) != 0);
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, ht, &support_error));
  CHECK_OK(lnsp_model_hash(model, hm, &support_error));
  CHECK(!memcmp(ht, hm, 32));
  lnsp_model_destroy(model); /* the session keeps it */
  CHECK_OK(lnsp_session_run(other, &in, 1, &ob, 1, &support_error));
  CHECK(!memcmp(a, b, sizeof a));
  lnsp_session_destroy(live);
  lnsp_session_destroy(average);
  lnsp_session_destroy(other);
  lnsp_trainer_destroy(t);
}

/* Whatever rounding mode the caller has, the bits are the same and it gets its
 * mode back. */
static void callers_rounding_mode_does_not_matter(void) {
  const int modes[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  uint8_t first[32], hash[32];
  for (int i = 0; i < 4; i++) {
    lnsp_size_options limits = {sizeof limits, 2, 3, 0, 0, 0, 0};
    lnsp_model *model = NULL, *again = NULL;
    lnsp_trainer *t = NULL;
    support_bytes bytes;
    lnsp_sink sink = support_sink(&bytes);
    pair p;
    make_pair(&p, 2, 3, 1);
    fesetround(modes[i]);
    lnsp_model_create(SMALL, 3, NULL, &model, NULL);
    lnsp_model_save_sink(model, &sink, LNSP_F16, NULL);
    lnsp_model_open_memory(bytes.data, bytes.size, NULL, &again, NULL);
    lnsp_trainer_create(again, "mse + .1*cosine", "adamw lr=.0123 clip=.7", &limits, NULL, &t,
                        NULL);
    for (int s = 0; s < 5; s++) lnsp_trainer_step(t, p.tensors, 2, NULL, NULL);
    int after = fegetround();
    fesetround(FE_TONEAREST);
    CHECK_INT(after, modes[i]);
    CHECK_INT(lnsp_trainer_step_count(t), 5);
    state_hash(t, i ? hash : first);
    CHECK_SAY(i == 0 || !memcmp(first, hash, 32), "mode %d differs", i);
    lnsp_model_destroy(model);
    lnsp_model_destroy(again);
    lnsp_trainer_destroy(t);
    free(bytes.data);
  }
}

static void texts_are_refused_with_a_place(void) {
  const struct {
    const char *loss, *optimizer;
    int32_t status;
  } bad[] = {{"mse", "adamwx", LNSP_E_UNKNOWN},
             {"mse", "adamw momentum=.9", LNSP_E_UNKNOWN},
             {"mse", "adamw lr=-1", LNSP_E_LIMIT},
             {"mse", "adamw lr=nan", LNSP_E_SYNTAX},
             {"mse", "adamw betas=.9", LNSP_E_SYNTAX},
             {"mse", "sgd nesterov=1", LNSP_E_ARGUMENT},
             {"mse", "sgd momentum=.9 dampening=.1 nesterov=1", LNSP_E_ARGUMENT},
             {"mse", "adamw lr=1e-3 lr=1e-3", LNSP_E_SYNTAX},
             {"mse", "adamw schedule=cosine", LNSP_E_ARGUMENT},
             {"mse", "adamw schedule=falling steps=3", LNSP_E_UNKNOWN},
             {"mse", "", LNSP_E_UNKNOWN},
             {"mse", "adamw; sgd", LNSP_E_SYNTAX},
             {"nosuch", "adamw", LNSP_E_UNKNOWN},
             {"mse on=nosuch", "adamw", LNSP_E_MISSING},
             {"4*replay rows=2", "adamw", LNSP_E_ARGUMENT},
             {"mse + replay on=code", "adamw", LNSP_E_SHAPE}};
  lnsp_model *model = small_model(1);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lnsp_trainer *t = NULL;
    memset(&support_error, 0, sizeof support_error);
    int32_t status = lnsp_trainer_create(model, bad[i].loss, bad[i].optimizer, NULL, NULL, &t,
                                         &support_error);
    CHECK_SAY(status == bad[i].status, "'%s' '%s' gave %s: %s", bad[i].loss, bad[i].optimizer,
              lnsp_status_name(status), support_error.message);
    CHECK(t == NULL && support_error.message[0]);
    lnsp_trainer_destroy(t);
  }
  lnsp_model_destroy(model);
}

int main(void) {
  support_use_all();
  RUN(learns);
  RUN(refused_tensors_keep_the_gradients);
  RUN(same_bits_on_every_isa);
  RUN(own_loss_equals_mse);
  RUN(reach);
  RUN(refuses_and_changes_nothing);
  RUN(never_diverges_to_nan);
  RUN(clips_by_global_norm);
  RUN(marks_go_back_to_the_bit);
  RUN(resumes_to_the_same_bits);
  RUN(freezes_by_pattern);
  RUN(memory_is_as_measured);
  RUN(bytes_are_the_same_on_every_host);
  RUN(every_allocation_may_fail);
  RUN(publishes_and_runs_live);
  RUN(callers_rounding_mode_does_not_matter);
  RUN(texts_are_refused_with_a_place);
  FINISH();
}

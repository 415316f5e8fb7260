/* Gradient accumulation: N calls make the update of their mean gradient. */
#include "support.h"
#include "format/safetensors.h"
#include "graph/graph.h"
#include "run/model.h"
#include "train/trainer.h"

#define NET "student d=20 s=12 k=8 heads=2"
#define WIDTH 20
#define ROWS 12

static lnsp_trainer *make(const char *loss, const char *optimizer, const char *isa,
                          int32_t history) {
  lnsp_size_options limits = {sizeof limits, ROWS, 2, history, 0, 0, 0};
  lnsp_options options = {.struct_size = sizeof options, .isa = isa};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create(NET, 3, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, loss, optimizer, &limits, &options, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

/* Rows first..first+count-1 of the rows of this seed. */
static int32_t call(lnsp_trainer *t, uint32_t seed, int64_t first, int64_t count, int apply) {
  float x[ROWS * 2 * WIDTH], y[ROWS * 2 * WIDTH];
  support_fill(x, ROWS * 2 * WIDTH, seed);
  support_fill(y, ROWS * 2 * WIDTH, seed + 50);
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x + first * 2 * WIDTH, 3, count, 2, WIDTH),
                       lnsp_tensor_f32("target", y + first * 2 * WIDTH, 3, count, 2, WIDTH)};
  return apply ? lnsp_trainer_step(t, in, 2, NULL, &support_error)
               : lnsp_trainer_compute_gradients(t, in, 2, NULL, &support_error);
}

static void micro(lnsp_trainer *t, uint32_t seed, int64_t first, int64_t count) {
  CHECK_OK(call(t, seed, first, count, 1));
}

static void updates(lnsp_trainer *t, int n, uint32_t seed, int64_t each) {
  for (int i = 0; i < n; i++)
    for (int64_t at = 0; at < ROWS; at += each) micro(t, seed + (uint32_t)i, at, each);
}

static void hash_of(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, hash, &support_error));
}

static int same(const lnsp_trainer *a, const lnsp_trainer *b) {
  uint8_t x[32], y[32];
  hash_of(a, x);
  hash_of(b, y);
  return !memcmp(x, y, sizeof x);
}

/* The largest difference of two trainers' weights. */
static double apart(const lnsp_trainer *a, const lnsp_trainer *b, int average) {
  double most = 0;
  for (int32_t i = 0; i < a->graph->weight_count; i++) {
    const lnspi_weight *weight = &a->graph->weights[i];
    float x[2048], y[2048];
    CHECK(weight->count <= 2048);
    CHECK_OK(
        lnsp_trainer_tensor_read(a, weight->name, average, x, weight->count, &support_error));
    CHECK_OK(
        lnsp_trainer_tensor_read(b, weight->name, average, y, weight->count, &support_error));
    for (int64_t j = 0; j < weight->count; j++)
      if (fabs((double)x[j] - (double)y[j]) > most) most = fabs((double)x[j] - (double)y[j]);
  }
  return most;
}

/* Of a mean over rows, equal parts give the gradient of the whole. */
static void is_the_whole_batch(void) {
  static const struct {
    const char *loss, *whole;
    double tolerance; /* Adam makes much of a small gradient's last bits */
  } cases[] = {{"mse", "sgd lr=.1", 1e-6},
               {"cosine", "sgd lr=.1 momentum=.9 clip=.01 weight_decay=.1", 1e-6},
               {"mse + .3*cosine", "sgd lr=.1 clip=100 ema=.9", 1e-6},
               {"cosine", "adamw lr=1e-3 eps=1e-3", 1e-6},
               {"cosine", "adam lr=1e-3 eps=1e-3 clip=.02 schedule=cosine steps=9 warmup=2",
                1e-6}};
  static const int64_t parts[] = {2, 3, 4, 12};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
      char text[160];
      snprintf(text, sizeof text, "%s accumulate=%d", cases[c].whole, (int)parts[p]);
      lnsp_trainer *whole = make(cases[c].loss, cases[c].whole, NULL, 0);
      lnsp_trainer *t = make(cases[c].loss, text, NULL, 0);
      updates(whole, 6, 1, ROWS);
      updates(t, 6, 1, ROWS / parts[p]);
      CHECK_INT(lnsp_trainer_step_count(t), 6);
      double most = apart(whole, t, 0);
      CHECK_SAY(most <= cases[c].tolerance, "%s, %s: %g apart", cases[c].loss, text, most);
      if (t->average) CHECK(apart(whole, t, 1) <= cases[c].tolerance);
      double norm = (double)lnsp_trainer_gradient_norm(whole);
      CHECK_NEAR((double)lnsp_trainer_gradient_norm(t), norm, 1e-5 * norm);
      CHECK((norm > 0) == (strstr(text, "clip") != NULL));
      lnsp_trainer_destroy(whole);
      lnsp_trainer_destroy(t);
    }
}

/* Without it and with accumulate=1, bits are those of before. */
static void one_is_none(void) {
  lnsp_trainer *a = make("mse", "adamw clip=1", NULL, 0);
  lnsp_trainer *b = make("mse", "adamw clip=1 accumulate=1", NULL, 0);
  updates(a, 3, 1, 4);
  updates(b, 3, 1, 4);
  CHECK(same(a, b) && !b->accum.sum);
  lnsp_trainer_destroy(a);
  lnsp_trainer_destroy(b);
}

/* Gradients given by hand: the mean of three, for matrices, small tensors, all parts. */
static void mean_of_what_is_given(void) {
  lnsp_trainer *t = make("mse", "sgd lr=1 accumulate=3", NULL, 0);
  lnsp_trainer *start = make("mse", "sgd lr=1", NULL, 0);
  const lnsp_graph *graph = lnsp_trainer_graph(t);
  for (int n = 0; n < 3; n++) {
    float g[64][2048];
    lnsp_tensor given[64];
    int32_t count = 0;
    for (int32_t i = 0; i < graph->weight_count; i++) {
      const lnspi_weight *weight = &graph->weights[i];
      if (i % 3 == n && i > 2) continue; /* each some calls only; the first three always */
      lnsp_tensor *tensor = &given[count];
      memset(tensor, 0, sizeof *tensor);
      tensor->name = weight->name;
      tensor->dtype = LNSP_F32;
      tensor->rank = weight->rank;
      for (int32_t d = 0; d < weight->rank; d++) tensor->dims[d] = weight->dims[d];
      for (int64_t j = 0; j < weight->count; j++)
        g[count][j] = (float)((n + 1) * (int)(j % 7 + 1)) / 64;
      tensor->data = g[count++];
    }
    CHECK_OK(lnsp_trainer_apply_gradients(t, given, count, &support_error));
    CHECK_INT(lnsp_trainer_step_count(t), n == 2);
  }
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    const int sum = i > 2 ? 6 - (i % 3 + 1) : 6;
    float w[2048], from[2048];
    CHECK_OK(lnsp_trainer_tensor_read(t, weight->name, 0, w, weight->count, &support_error));
    CHECK_OK(
        lnsp_trainer_tensor_read(start, weight->name, 0, from, weight->count, &support_error));
    for (int64_t j = 0; j < weight->count; j++)
      CHECK_NEAR((double)w[j], (double)from[j] - (double)(sum * (int)(j % 7 + 1)) / 64 / 3,
                 1e-6);
  }
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(start);
}

static const char *const texts[] = {"sgd lr=.05 momentum=.9 accumulate=3 clip=.05",
                                    "adamw accumulate=3 ema=.9",
                                    "adamw moments=8bit accumulate=3 clip=.1",
                                    "adamw weights=bf16 accumulate=3",
                                    "adam moments=8bit weights=bf16 accumulate=3 residual=1"};

static void same_bits_on_every_isa(void) {
  for (size_t c = 0; c < sizeof texts / sizeof *texts; c++) {
    lnsp_trainer *first = NULL;
    for (int32_t i = 0; lnsp_list_name(LNSP_LIST_ISAS, i); i++) {
      const char *isa = lnsp_list_name(LNSP_LIST_ISAS, i);
      if (!strcmp(isa, "cblas") || lnsp_isa_check(isa, NULL) != LNSP_OK) continue;
      lnsp_trainer *t = make("mse + .5*cosine", texts[c], isa, 0);
      updates(t, 4, 1, 4);
      if (first) CHECK_SAY(same(first, t), "%s: %s differs", texts[c], isa);
      if (first)
        lnsp_trainer_destroy(t);
      else
        first = t;
    }
    CHECK_INT(lnsp_trainer_step_count(first), 4);
    lnsp_trainer_destroy(first);
  }
}

/* What was gathered is no part of the state: after going back, saving and opening, and
 * adopting, whole updates follow. */
static void state_is_about_updates(void) {
  for (size_t c = 0; c < sizeof texts / sizeof *texts; c++) {
    lnsp_size_options limits = {sizeof limits, ROWS, 2, 1, 0, 0, 0};
    lnsp_trainer *t = make("mse", texts[c], NULL, 1), *on = make("mse", texts[c], NULL, 0);
    lnsp_trainer *back = NULL;
    lnsp_file *file = NULL;
    support_bytes bytes;
    uint8_t before[32], after[32];
    updates(t, 2, 1, 4);
    updates(on, 4, 1, 4);
    hash_of(t, before);
    CHECK_OK(lnsp_trainer_mark(t, &support_error));
    micro(t, 77, 0, 4);
    micro(t, 78, 0, 4);
    CHECK_INT(t->accum.calls, 2);
    hash_of(t, after); /* no weight has changed */
    CHECK(!memcmp(before, after, sizeof before));
    lnsp_sink sink = support_sink(&bytes);
    CHECK_OK(lnsp_trainer_save_sink(t, &sink, LNSP_SAVE_STATE, &support_error));
    CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
    CHECK_INT(t->accum.calls, 0);
    updates(t, 2, 3, 4);
    CHECK_SAY(same(t, on), "%s: another state after going back", texts[c]);
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    CHECK_OK(lnsp_trainer_open_file(file, NULL, NULL, &limits, NULL, &back, &support_error));
    lnsp_file_destroy(file);
    updates(back, 2, 3, 4);
    CHECK_SAY(same(back, on), "%s: another state after opening", texts[c]);
    free(bytes.data);
    lnsp_trainer_destroy(t);
    lnsp_trainer_destroy(on);
    lnsp_trainer_destroy(back);
  }
}

static void adopt_and_freeze_let_go(void) {
  lnsp_trainer *t = make("mse", "adamw accumulate=3", NULL, 0);
  lnsp_trainer *on = make("mse", "adamw accumulate=3", NULL, 0);
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_create(NET, 3, NULL, &model, &support_error));
  micro(t, 9, 0, 4);
  CHECK_OK(lnsp_trainer_set_weights(t, model, 1, &support_error));
  updates(t, 2, 1, 4);
  updates(on, 2, 1, 4);
  CHECK(same(t, on));
  micro(t, 9, 0, 4);
  micro(t, 9, 4, 4);
  CHECK_OK(lnsp_trainer_freeze(t, "*bias", 1, &support_error));
  CHECK_OK(lnsp_trainer_freeze(on, "*bias", 1, &support_error));
  updates(t, 2, 1, 4);
  updates(on, 2, 1, 4);
  CHECK(same(t, on));
  CHECK_OK(lnsp_trainer_freeze(t, "*bias", 0, &support_error));
  CHECK_OK(lnsp_trainer_freeze(on, "*bias", 0, &support_error));
  updates(t, 1, 1, 4);
  updates(on, 1, 1, 4);
  CHECK(same(t, on));
  lnsp_model_destroy(model);
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(on);
}

/* A call that is refused is not one of the N; a gradient that is only looked at neither. */
static void refused_calls_change_nothing(void) {
  lnsp_trainer *t = make("mse", "sgd lr=.1 accumulate=2 clip=1", NULL, 0);
  lnsp_trainer *on = make("mse", "sgd lr=.1 accumulate=2 clip=1", NULL, 0);
  float huge[ROWS * WIDTH], y[ROWS * WIDTH], before[2048], after[2048];
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", huge, 2, ROWS, WIDTH, 0),
                       lnsp_tensor_f32("target", y, 2, ROWS, WIDTH, 0)};
  for (int i = 0; i < ROWS * WIDTH; i++) huge[i] = 1, y[i] = 1e18f;
  for (int n = 0; n < 2; n++) {
    CHECK_REFUSED(lnsp_trainer_step(t, in, 2, NULL, &support_error), LNSP_E_NOT_FINITE);
    CHECK_INT(t->accum.calls, n);
    CHECK_OK(call(t, 4, 0, 6, 0));
    micro(t, 1, n * 6, 6);
    micro(on, 1, n * 6, 6);
  }
  CHECK_INT(lnsp_trainer_step_count(t), 1);
  CHECK(same(t, on));
  /* the gradient that is handed out is this call's alone */
  const lnspi_weight *weight = &t->graph->weights[0];
  CHECK_OK(call(t, 2, 0, 6, 0));
  CHECK_OK(lnsp_trainer_gradient(t, weight->name, before, weight->count, &support_error));
  micro(t, 5, 6, 6);
  CHECK_OK(call(t, 2, 0, 6, 0));
  CHECK_OK(lnsp_trainer_gradient(t, weight->name, after, weight->count, &support_error));
  CHECK(!memcmp(before, after, (size_t)weight->count * sizeof(float)));
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(on);
}

/* A sum that may no longer be applied, of gradients that each may. */
static void sums_are_bounded(void) {
  lnsp_trainer *t = make("mse", "sgd lr=.1 accumulate=100", NULL, 0);
  const lnspi_weight *weight = t->graph->weights;
  while (weight->kind != LNSPI_MATRIX) weight++;
  float g[2048];
  lnsp_tensor given = lnsp_tensor_f32(weight->name, g, 2, weight->dims[0], weight->dims[1], 0);
  uint8_t before[32], after[32];
  int taken = 0;
  for (int64_t j = 0; j < weight->count; j++) g[j] = 3e17f;
  hash_of(t, before);
  while (taken < 10 && lnsp_trainer_apply_gradients(t, &given, 1, &support_error) == LNSP_OK)
    taken++;
  CHECK_INT(taken, 3);
  CHECK_INT(t->accum.calls, 3);
  for (int64_t j = 0; j < weight->count; j++) g[j] = -5e16f;
  for (int i = 0; i < 5; i++) /* the running bound is not the sum */
    CHECK_OK(lnsp_trainer_apply_gradients(t, &given, 1, &support_error));
  hash_of(t, after);
  CHECK(!memcmp(before, after, sizeof before));
  lnsp_trainer_destroy(t);
}

static void bytes_are_counted(void) {
  support_heap heap;
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
  lnsp_size_options limits = {sizeof limits, 3, 2, 2, 0, 0, 0};
  lnsp_memory_info with = {.struct_size = sizeof with},
                   without = {.struct_size = sizeof without};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create(NET, 3, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_measure(lnsp_model_graph(model), "mse", "adamw clip=1 accumulate=4",
                                &limits, &with, &support_error));
  CHECK_OK(lnsp_trainer_measure(lnsp_model_graph(model), "mse", "adamw clip=1", &limits,
                                &without, &support_error));
  CHECK_INT(with.gradient_bytes * 2, with.moment_bytes);
  CHECK_INT(without.gradient_bytes, 0);
  CHECK_INT(with.mark_bytes, without.mark_bytes); /* no part of a mark */
  CHECK_OK(lnsp_trainer_create(model, "mse", "adamw clip=1 accumulate=4", &limits, &options, &t,
                               &support_error));
  CHECK_INT(heap.last_bytes, with.total_bytes);
  CHECK_INT(with.total_bytes, with.weight_bytes + with.moment_bytes + with.gradient_bytes +
                                  with.mark_bytes + with.activation_bytes +
                                  with.workspace_bytes + with.plan_bytes);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

/* The loss alone: that of evaluate, or of the average, and the sum stays. */
static void validates(void) {
  lnsp_trainer *t = make("mse", "adamw lr=.01 ema=.9 accumulate=3", NULL, 0);
  lnsp_trainer *on = make("mse", "adamw lr=.01 ema=.9 accumulate=3", NULL, 0);
  float x[ROWS * WIDTH], y[ROWS * WIDTH], loss = 0, value = 0, mean = 0;
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, ROWS, WIDTH, 0),
                       lnsp_tensor_f32("target", y, 2, ROWS, WIDTH, 0)};
  support_fill(x, ROWS * WIDTH, 1);
  support_fill(y, ROWS * WIDTH, 2);
  updates(t, 3, 1, 4);
  updates(on, 3, 1, 4);
  micro(t, 7, 0, 4);
  micro(on, 7, 0, 4);
  CHECK_OK(lnsp_trainer_compute_gradients(t, in, 2, &loss, &support_error));
  CHECK_OK(lnsp_trainer_validate(t, in, 2, 0, &value, &support_error));
  CHECK_NEAR((double)loss, (double)value, 0);
  CHECK_REFUSED(lnsp_trainer_apply(t, &support_error), LNSP_E_STATE);
  CHECK_OK(lnsp_trainer_validate(t, in, 2, 1, &mean, &support_error));
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_trainer_publish(t, 1, NULL, &model, &support_error));
  lnsp_size_options limits = {sizeof limits, ROWS, 1, 0, 0, 0, 0};
  lnsp_trainer *averaged = NULL;
  CHECK_OK(lnsp_trainer_create(model, "mse", "sgd", &limits, NULL, &averaged, &support_error));
  CHECK_OK(lnsp_trainer_validate(averaged, in, 2, 0, &value, &support_error));
  CHECK_NEAR((double)mean, (double)value, 0);
  CHECK(mean != loss);
  CHECK_REFUSED(lnsp_trainer_validate(averaged, in, 2, 1, &value, &support_error),
                LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_validate(averaged, in, 1, 0, &value, &support_error),
                LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_trainer_validate(averaged, in, 2, 0, NULL, &support_error),
                LNSP_E_ARGUMENT);
  micro(t, 7, 4, 8);
  micro(t, 7, 0, 4);
  micro(on, 7, 4, 8);
  micro(on, 7, 0, 4);
  CHECK_INT(lnsp_trainer_step_count(t), 4);
  CHECK(same(t, on));
  lnsp_model_destroy(model);
  lnsp_trainer_destroy(averaged);
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(on);
}

int main(void) {
  RUN(is_the_whole_batch);
  RUN(one_is_none);
  RUN(mean_of_what_is_given);
  RUN(same_bits_on_every_isa);
  RUN(state_is_about_updates);
  RUN(adopt_and_freeze_let_go);
  RUN(refused_calls_change_nothing);
  RUN(sums_are_bounded);
  RUN(bytes_are_counted);
  RUN(validates);
  FINISH();
}

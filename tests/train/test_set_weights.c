/* Needs of a federated round: another model's weights, a residual in the
 * state, and steps from gradients made elsewhere. */
#include "state_edit.h"
#include "support.h"
#include "format/safetensors.h"
#include "graph/graph.h"
#include "run/model.h"
#include "run/state.h"
#include "run/weight.h"
#include "train/trainer.h"

#define NET "student d=20 s=12 k=8 heads=2"
#define WIDTH 20
#define ROWS 5

static lnsp_model *net_model(uint64_t seed, int32_t storage) {
  lnsp_options options = {.struct_size = sizeof options, .storage = storage};
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_create(NET, seed, &options, &model, &support_error));
  return model;
}

static lnsp_trainer *net_trainer(const char *optimizer, uint64_t seed, int32_t undo) {
  lnsp_size_options limits = {sizeof limits, ROWS, 2, 2, undo, 0, 0};
  lnsp_trainer *t = NULL;
  lnsp_model *model = net_model(seed, 0);
  CHECK_OK(lnsp_trainer_create(model, "mse", optimizer, &limits, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

static int32_t net_run(lnsp_trainer *t, uint32_t seed, int apply) {
  float x[ROWS * WIDTH], y[ROWS * WIDTH];
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, ROWS, WIDTH, 0),
                       lnsp_tensor_f32("target", y, 2, ROWS, WIDTH, 0)};
  support_fill(x, ROWS * WIDTH, seed);
  support_fill(y, ROWS * WIDTH, seed + 50);
  return apply ? lnsp_trainer_step(t, in, 2, NULL, &support_error)
               : lnsp_trainer_compute_gradients(t, in, 2, NULL, &support_error);
}

static void net_steps(lnsp_trainer *t, int count, uint32_t seed) {
  for (int i = 0; i < count; i++) CHECK_OK(net_run(t, seed + (uint32_t)i, 1));
}

static int same(const lnsp_trainer *a, const lnsp_trainer *b, int32_t what) {
  uint8_t x[32], y[32];
  CHECK_OK(lnsp_trainer_hash(a, what, x, &support_error));
  CHECK_OK(lnsp_trainer_hash(b, what, y, &support_error));
  return !memcmp(x, y, sizeof x);
}

static void hash_of(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, hash, &support_error));
}

/* ---- adopt ---- */

/* With reset, a trainer is as one that was made from the model. */
static void adopts_as_if_created(void) {
  const char *texts[] = {"sgd", "sgd momentum=.9 ema=.9", "adamw", "adam moments=8bit clip=.1",
                         "adamw moments=8bit weights=bf16"};
  const int32_t types[] = {LNSP_F32, LNSP_F16, LNSP_BF16};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    for (int s = 0; s < 3; s++) {
      lnsp_size_options limits = {sizeof limits, ROWS, 2, 2, 0, 0, 0};
      lnsp_model *model = net_model(8, types[s]);
      lnsp_trainer *t = net_trainer(texts[i], 3, LNSP_MARK_STATE), *fresh = NULL;
      CHECK_OK(
          lnsp_trainer_create(model, "mse", texts[i], &limits, NULL, &fresh, &support_error));
      net_steps(t, 7, 1);
      CHECK(!same(t, fresh, LNSP_SAVE_WEIGHTS));
      CHECK_OK(lnsp_trainer_set_weights(t, model, 1, &support_error));
      CHECK(same(t, fresh, LNSP_SAVE_STATE));
      CHECK_REFUSED(lnsp_trainer_apply(t, &support_error), LNSP_E_STATE);
      net_steps(t, 5, 40);
      net_steps(fresh, 5, 40);
      CHECK(same(t, fresh, LNSP_SAVE_STATE));
      lnsp_trainer_destroy(t);
      lnsp_trainer_destroy(fresh);
      lnsp_model_destroy(model);
    }
}

/* Without, the moments and the step go on: adopting one's own weights changes nothing. */
static void adopts_weights_alone(void) {
  lnsp_trainer *a = net_trainer("adamw ema=.9", 3, LNSP_MARK_STATE);
  lnsp_trainer *b = net_trainer("adamw ema=.9", 3, LNSP_MARK_STATE);
  lnsp_model *own = NULL, *other = net_model(9, 0);
  uint8_t hash[32], wanted[32];
  net_steps(a, 6, 1);
  net_steps(b, 6, 1);
  CHECK_OK(lnsp_trainer_publish(a, 0, NULL, &own, &support_error));
  CHECK_OK(lnsp_trainer_set_weights(a, own, 0, &support_error));
  CHECK(same(a, b, LNSP_SAVE_STATE));
  CHECK_OK(lnsp_trainer_set_weights(a, other, 0, &support_error));
  CHECK_OK(lnsp_trainer_hash(a, LNSP_SAVE_WEIGHTS, hash, &support_error));
  CHECK_OK(lnsp_model_hash(other, wanted, &support_error));
  CHECK(!memcmp(hash, wanted, 32));
  CHECK(same(a, b, LNSP_SAVE_AVERAGE));
  CHECK_INT(lnsp_trainer_step_count(a), 6);
  CHECK_OK(lnsp_trainer_set_weights(a, own, 0, &support_error));
  net_steps(a, 3, 70);
  net_steps(b, 3, 70);
  CHECK(same(a, b, LNSP_SAVE_STATE));
  lnsp_trainer_destroy(a);
  lnsp_trainer_destroy(b);
  lnsp_model_destroy(own);
  lnsp_model_destroy(other);
}

/* A mark outlives it, also one that rollback left to be copied. */
static void marks_outlive_adoption(void) {
  lnsp_trainer *t = net_trainer("adamw", 3, LNSP_MARK_STATE);
  lnsp_model *other = net_model(9, 0);
  uint8_t before[32], after[32];
  net_steps(t, 4, 1);
  hash_of(t, before);
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(lnsp_trainer_set_weights(t, other, i & 1, &support_error));
    hash_of(t, after);
    CHECK(memcmp(before, after, 32));
    CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
    hash_of(t, after);
    CHECK(!memcmp(before, after, 32));
  }
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(other);
}

/* A model with one value that bfloat16 would round to infinity. */
static lnsp_model *huge_model(void) {
  lnsp_trainer *t = net_trainer("sgd", 3, LNSP_MARK_STATE);
  support_bytes bytes = state_save(t, LNSP_SAVE_WEIGHTS);
  const unsigned char most[4] = {0xff, 0xff, 0x7f, 0x7f};
  int64_t count = 0;
  lnsp_file *file = NULL;
  lnsp_model *model = NULL;
  unsigned char *values = state_values(&bytes, "layers.expand_2.weight", &count);
  CHECK(values && count > 1);
  if (values) memcpy(values + 4 * (count - 1), most, sizeof most);
  CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
  CHECK_OK(lnsp_model_open_file(file, NULL, &model, &support_error));
  lnsp_file_destroy(file);
  lnsp_trainer_destroy(t);
  free(bytes.data);
  return model;
}

static void refuses_and_changes_nothing(void) {
  lnsp_trainer *t = net_trainer("adamw weights=bf16", 3, LNSP_MARK_STATE);
  lnsp_model *huge = huge_model(), *other = NULL, *codes = net_model(5, LNSP_I8);
  uint8_t before[32], after[32];
  CHECK_OK(lnsp_model_create("student d=20 s=12 k=6 heads=2", 1, NULL, &other, &support_error));
  net_steps(t, 3, 1);
  hash_of(t, before);
  CHECK_OK(net_run(t, 4, 0));
  for (int reset = 0; reset < 2; reset++) {
    CHECK_REFUSED(lnsp_trainer_set_weights(t, huge, reset, &support_error), LNSP_E_NOT_FINITE);
    CHECK_REFUSED(lnsp_trainer_set_weights(t, other, reset, &support_error), LNSP_E_SHAPE);
    CHECK_REFUSED(lnsp_trainer_set_weights(t, codes, reset, &support_error), LNSP_E_DTYPE);
    CHECK_REFUSED(lnsp_trainer_set_weights(t, NULL, reset, &support_error), LNSP_E_ARGUMENT);
    CHECK_REFUSED(lnsp_trainer_set_weights(NULL, huge, reset, &support_error), LNSP_E_ARGUMENT);
  }
  hash_of(t, after);
  CHECK(!memcmp(before, after, 32));
  CHECK_OK(lnsp_trainer_apply(t, &support_error)); /* the gradient is still there */
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(huge);
  lnsp_model_destroy(other);
  lnsp_model_destroy(codes);
}

/* ---- residual ---- */

static void residual_fill(lnsp_trainer *t, uint32_t seed) {
  float row[64];
  CHECK(t->residual != NULL);
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    for (int64_t r = 0; r < lnspi_weight_rows(weight); r++) {
      support_fill(row, (size_t)lnspi_weight_columns(weight), seed++);
      lnspi_state_write_array(weight, t->residual, r, 1, row);
    }
  }
}

static void residual_is_state(void) {
  lnsp_trainer *t = net_trainer("adamw residual=1 ema=.9", 3, LNSP_MARK_STATE), *back = NULL;
  lnsp_trainer *without = net_trainer("adamw ema=.9", 3, LNSP_MARK_STATE);
  lnsp_size_options limits = {sizeof limits, ROWS, 2, 2, 0, 0, 0};
  lnsp_model *model = net_model(4, 0);
  lnsp_memory_info a = {.struct_size = sizeof a}, b = a;
  uint8_t empty[32], filled[32], now[32];
  CHECK_OK(lnsp_trainer_memory(t, &a, &support_error));
  CHECK_OK(lnsp_trainer_memory(without, &b, &support_error));
  CHECK_INT(a.residual_bytes, a.average_bytes);
  CHECK_INT(b.residual_bytes, 0);
  CHECK(a.mark_bytes > b.mark_bytes + a.residual_bytes);
  CHECK(!without->residual);
  net_steps(t, 3, 1);
  net_steps(without, 3, 1);
  CHECK(same(t, without, LNSP_SAVE_WEIGHTS));
  CHECK(!same(t, without, LNSP_SAVE_STATE)); /* zeros are part of the hash */
  hash_of(t, empty);
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  residual_fill(t, 11);
  hash_of(t, filled);
  CHECK(memcmp(empty, filled, 32));
  /* to a file and back, with the text that the file has */
  support_bytes bytes = state_save(t, LNSP_SAVE_STATE);
  CHECK_OK(state_open(&bytes, NULL, NULL, &limits, &back));
  CHECK(same(t, back, LNSP_SAVE_STATE));
  net_steps(back, 2, 30);
  lnsp_trainer_destroy(back);
  CHECK_REFUSED(state_open(&bytes, NULL, "adamw ema=.9", &limits, &back), LNSP_E_UNKNOWN);
  free(bytes.data);
  /* adopting keeps it */
  CHECK_OK(lnsp_trainer_set_weights(t, model, 1, &support_error));
  CHECK(t->residual[t->graph->weights[0].offset] != 0.f);
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
  hash_of(t, now);
  CHECK(!memcmp(now, empty, 32));
  residual_fill(t, 11);
  hash_of(t, now);
  CHECK(!memcmp(now, filled, 32));
  lnsp_trainer_destroy(t);
  /* a state without one goes on with nothing owed */
  bytes = state_save(without, LNSP_SAVE_STATE);
  CHECK_OK(state_open(&bytes, NULL, "adamw ema=.9 residual=1", &limits, &back));
  hash_of(back, now);
  CHECK(!memcmp(now, empty, 32));
  lnsp_trainer_destroy(back);
  lnsp_trainer_destroy(without);
  lnsp_model_destroy(model);
  free(bytes.data);
}

/* A mark of weights alone leaves it where it is. */
static void residual_beside_weights_alone(void) {
  lnsp_trainer *t = net_trainer("sgd momentum=.5 residual=1", 3, LNSP_MARK_WEIGHTS);
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  residual_fill(t, 5);
  const float *residual = t->residual, owed = residual[t->graph->weights[2].offset];
  net_steps(t, 2, 1);
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
  CHECK(t->residual == residual && residual[t->graph->weights[2].offset] == owed);
  lnsp_trainer_destroy(t);
}

static void residual_must_be_sound(void) {
  lnsp_size_options limits = {sizeof limits, ROWS, 2, 2, 0, 0, 0};
  lnsp_trainer *t = net_trainer("sgd residual=1", 3, LNSP_MARK_STATE), *back = NULL;
  const unsigned char nan[4] = {0, 0, 0xc0, 0x7f};
  int64_t count = 0;
  support_bytes bytes = state_save(t, LNSP_SAVE_STATE);
  unsigned char *values = state_values(&bytes, "residual.layers.expand_2.weight", &count);
  CHECK(values != NULL);
  if (values) memcpy(values, nan, sizeof nan);
  CHECK_REFUSED(state_open(&bytes, NULL, NULL, &limits, &back), LNSP_E_NOT_FINITE);
  CHECK_REFUSED(lnsp_trainer_measure(t->graph, "mse", "sgd residual=2", NULL,
                                     &(lnsp_memory_info){.struct_size =
                                                             sizeof(lnsp_memory_info)},
                                     &support_error),
                LNSP_E_LIMIT);
  CHECK_SAY(strstr(support_error.message, "residual=2"), "%s", support_error.message);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

/* ---- given gradients ---- */

typedef struct given {
  int32_t count;
  lnsp_tensor tensors[64];
  float *data;
} given;

/* Every gradient that the trainer has now. */
static given given_take(const lnsp_trainer *t) {
  given g = {0, {{0}}, NULL};
  size_t used = 0, all = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    all += (size_t)t->graph->weights[i].count;
  g.data = malloc(all * sizeof(float));
  for (int32_t i = 0; g.data && i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    lnsp_tensor tensor = lnsp_tensor_f32(weight->name, g.data + used, weight->rank,
                                         weight->dims[0], weight->dims[1], weight->dims[2]);
    if (!t->grad.touched[i]) continue;
    CHECK_OK(lnsp_trainer_gradient((lnsp_trainer *)(uintptr_t)t, weight->name, tensor.data,
                                   weight->count, &support_error));
    g.tensors[g.count++] = tensor;
    used += (size_t)weight->count;
  }
  CHECK(g.count > 5);
  return g;
}

/* Gradients handed out and given back make the same step as apply, to the bit, for
 * one row too, whose update is formed without its gradient. */
static void given_equals_apply(void) {
  const char *texts[] = {"sgd momentum=.9", "adamw clip=.01 ema=.9", "adamw moments=8bit",
                         "sgd clip=.01 weights=bf16", "adam weight_decay=.1"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lnsp_trainer *a = net_trainer(texts[i], 3, LNSP_MARK_STATE);
    lnsp_trainer *b = net_trainer(texts[i], 3, LNSP_MARK_STATE);
    for (uint32_t s = 0; s < 6; s++) {
      CHECK_OK(net_run(a, s, 0));
      given g = given_take(a);
      CHECK_OK(lnsp_trainer_apply(a, &support_error));
      CHECK_OK(lnsp_trainer_apply_gradients(b, g.tensors, g.count, &support_error));
      CHECK_SAY(same(a, b, LNSP_SAVE_STATE), "%s, step %u", texts[i], s);
      free(g.data);
    }
    CHECK_INT(lnsp_trainer_step_count(b), 6);
    lnsp_trainer_destroy(a);
    lnsp_trainer_destroy(b);
  }
}

static void given_for_some_tensors(void) {
  lnsp_trainer *a = net_trainer("adamw", 3, LNSP_MARK_STATE);
  lnsp_trainer *b = net_trainer("adamw", 3, LNSP_MARK_STATE);
  CHECK_OK(lnsp_trainer_freeze(a, "*norm*", 1, &support_error));
  CHECK_OK(net_run(a, 1, 0));
  given g = given_take(a);
  CHECK_OK(lnsp_trainer_apply(a, &support_error));
  CHECK_OK(lnsp_trainer_apply_gradients(b, g.tensors, g.count, &support_error));
  CHECK(same(a, b, LNSP_SAVE_STATE));
  free(g.data);
  /* frozen ones stay though they are named */
  lnsp_trainer *c = net_trainer("adamw", 3, LNSP_MARK_STATE);
  CHECK_OK(net_run(c, 1, 0));
  g = given_take(c);
  lnsp_trainer_destroy(b);
  b = net_trainer("adamw", 3, LNSP_MARK_STATE);
  CHECK_OK(lnsp_trainer_freeze(b, "*norm*", 1, &support_error));
  CHECK_OK(lnsp_trainer_apply_gradients(b, g.tensors, g.count, &support_error));
  CHECK(same(a, b, LNSP_SAVE_STATE));
  free(g.data);
  lnsp_trainer_destroy(a);
  lnsp_trainer_destroy(b);
  lnsp_trainer_destroy(c);
}

static void given_is_checked(void) {
  lnsp_trainer *t = net_trainer("adamw", 3, LNSP_MARK_STATE);
  uint8_t before[32], after[32];
  hash_of(t, before);
  CHECK_OK(net_run(t, 1, 0));
  given g = given_take(t);
  lnsp_tensor one = g.tensors[0], two[2] = {g.tensors[0], g.tensors[0]};
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, two, 2, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, two, 0, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, NULL, 1, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_trainer_apply_gradients(NULL, two, 1, &support_error), LNSP_E_ARGUMENT);
  one.name = "nothing";
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, &one, 1, &support_error), LNSP_E_MISSING);
  one = g.tensors[0];
  one.dtype = LNSP_F64;
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, &one, 1, &support_error), LNSP_E_DTYPE);
  one = g.tensors[0];
  one.dims[0]++;
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, &one, 1, &support_error), LNSP_E_SHAPE);
  one = g.tensors[0];
  one.data = NULL;
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, &one, 1, &support_error), LNSP_E_ARGUMENT);
  one = g.tensors[0];
  one.strides[one.rank - 1] = 2;
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, &one, 1, &support_error), LNSP_E_ARGUMENT);
  CHECK(t->pass.phase == LNSPI_PHASE_GRADIENT); /* arguments are looked at first */
  for (int32_t i = 0; i < g.count; i++) {
    float *value = g.tensors[i].data, kept = *value;
    const float bad[] = {NAN, INFINITY, -INFINITY, 3e18f};
    for (int b = 0; b < 4; b++) {
      *value = bad[b];
      CHECK_REFUSED(lnsp_trainer_apply_gradients(t, g.tensors, g.count, &support_error),
                    LNSP_E_NOT_FINITE);
    }
    *value = kept;
  }
  hash_of(t, after);
  CHECK(!memcmp(before, after, 32));
  CHECK_REFUSED(lnsp_trainer_apply(t, &support_error), LNSP_E_STATE);
  CHECK_OK(lnsp_trainer_apply_gradients(t, g.tensors, g.count, &support_error));
  free(g.data);
  lnsp_trainer_destroy(t);
}

int main(void) {
  support_use_all();
  RUN(adopts_as_if_created);
  RUN(adopts_weights_alone);
  RUN(marks_outlive_adoption);
  RUN(refuses_and_changes_nothing);
  RUN(residual_is_state);
  RUN(residual_beside_weights_alone);
  RUN(residual_must_be_sound);
  RUN(given_equals_apply);
  RUN(given_for_some_tensors);
  RUN(given_is_checked);
  FINISH();
}

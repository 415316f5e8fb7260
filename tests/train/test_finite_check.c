/* The gate of a step: no weight, moment or average becomes infinite or NaN, even
 * from states that only a hostile file has. */
#include "state_edit.h"

/* Two layers, of which each output sees one. */
#define PAIR \
  "lnsp 1; x = input 4; h = linear x 4 w=a; y = linear x 4 w=b; output output=h other=y"

static int all_finite(const lnsp_trainer *t, int32_t average) {
  const lnsp_graph *graph = lnsp_trainer_graph(t);
  lnsp_tensor info;
  for (int32_t w = 0; w < lnsp_graph_tensor_count(graph); w++) {
    float values[2048];
    lnsp_graph_tensor_at(graph, w, &info, NULL);
    int64_t n = info.dims[0] * (info.rank > 1 ? info.dims[1] : 1);
    CHECK_OK(lnsp_trainer_tensor_read(t, info.name, average, values, n, &support_error));
    for (int64_t i = 0; i < n; i++)
      if (!isfinite(values[i])) return 0;
  }
  return 1;
}

static support_bytes fresh_state(const char *graph, const char *loss, const char *optimizer) {
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create(graph, 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, loss, optimizer, NULL, NULL, &t, &support_error));
  support_bytes bytes = state_save(t, LNSP_SAVE_STATE);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
  return bytes;
}

/* One step either goes and leaves everything finite, or is refused and changes
 * nothing. */
static int32_t careful_step(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t count,
                            int32_t average) {
  uint8_t before[32], after[32];
  lnsp_trainer_hash(t, LNSP_SAVE_STATE, before, NULL);
  int32_t status = lnsp_trainer_step(t, inputs, count, NULL, &support_error);
  lnsp_trainer_hash(t, LNSP_SAVE_STATE, after, NULL);
  CHECK(status == LNSP_OK || status == LNSP_E_NOT_FINITE);
  CHECK(status == LNSP_OK || !memcmp(before, after, 32));
  CHECK(all_finite(t, 0));
  if (average) CHECK(all_finite(t, 1));
  return status;
}

/* A frozen tensor keeps its size while those in training decay: thawed, it must
 * still count. */
static void frozen_weights_stay_in_the_bound(void) {
  support_bytes bytes =
      fresh_state(PAIR, "cosine + cosine on=other", "adamw lr=.5 weight_decay=1");
  lnsp_trainer *t = NULL;
  float x[4] = {1e-25f, -1e-25f, 1e-25f, 2e-25f}, y[4] = {1, 2, 3, 4};
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 4, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 4, 0)};
  state_fill(&bytes, "b.weight", 9e36f);
  CHECK_INT(state_open(&bytes, NULL, NULL, NULL, &t), LNSP_OK);
  CHECK_OK(lnsp_trainer_freeze(t, "b.*", 1, &support_error));
  for (int s = 0; s < 200; s++) CHECK_INT(careful_step(t, in, 2, 0), LNSP_OK);
  CHECK_OK(lnsp_trainer_freeze(t, "b.*", 0, &support_error));
  CHECK_OK(lnsp_trainer_set_learning_rate(t, 1e6f, &support_error));
  for (int s = 0; s < 3; s++) CHECK_INT(careful_step(t, in, 2, 0), LNSP_E_NOT_FINITE);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

/* m / eps overflows although the rate is zero, and zero times infinity is NaN. */
static void the_quotient_must_not_overflow(void) {
  const char *text = "lnsp 1; x = input 4; h = linear x 4 w=a; output output=h";
  support_bytes bytes = fresh_state(text, "mse", "adamw lr=0 eps=1e-30");
  lnsp_trainer *t = NULL;
  float x[4] = {1, 2, 3, 4}, y[4];
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 4, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 4, 0)};
  lnsp_tensor out = lnsp_tensor_f32("output", y, 2, 1, 4, 0);
  state_fill(&bytes, "optimizer.exp_avg.a.weight", 1e10f);
  CHECK_INT(state_open(&bytes, NULL, NULL, NULL, &t), LNSP_OK);
  CHECK_OK(lnsp_trainer_forward(t, in, 1, &out, 1, &support_error)); /* gradient: zero */
  CHECK_INT(careful_step(t, in, 2, 0), LNSP_E_NOT_FINITE);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

/* The average of a file may be anything finite; the difference to a weight of the
 * other sign must still be. */
static void the_average_is_in_the_gate(void) {
  support_bytes bytes = fresh_state(PAIR, "cosine", "adamw lr=1e-3 ema=.999");
  lnsp_trainer *t = NULL;
  float x[4] = {1e-9f, 2e-9f, 3e-9f, 4e-9f}, y[4] = {1, 2, 3, 4};
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 4, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 4, 0)};
  state_fill(&bytes, "b.weight", -8e36f);
  state_fill(&bytes, "average.b.weight", 3.4e38f);
  CHECK_INT(state_open(&bytes, NULL, NULL, NULL, &t), LNSP_OK);
  for (int s = 0; s < 3; s++) CHECK_INT(careful_step(t, in, 2, 1), LNSP_E_NOT_FINITE);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

/* Every magnitude in every place: nothing that is not finite comes of it. */
static void states_of_any_magnitude(void) {
  const char *texts[] = {"adamw lr=1e6 ema=.9 eps=1e-30 weight_decay=1000",
                         "adam lr=1e6 ema=.9 betas=0,.9999999 weight_decay=1000",
                         "sgd lr=1e6 momentum=.9999999 nesterov=1 ema=.9 clip=1e30",
                         "adamw lr=1e-30 eps=1e-30 betas=.9999999,0 ema=.9 clip=1e-20",
                         "adamw lr=1e6 ema=.9 eps=1e-30 betas=.9,.9999 moments=8bit",
                         ("adam lr=1e-30 eps=1e-30 betas=.9999999,0 moments=8bit clip=1e-20 "
                          "weight_decay=1000 ema=.9")};
  const float sizes[] = {0, 1e-44f, 1e-20f, 1, 1e9f, 1e17f, 1e18f, 1e19f, 9e36f, 3.4028e38f};
  const char *places[] = {"a.weight",
                          "a.bias",
                          "average.a.weight",
                          "optimizer.exp_avg.a.weight",
                          "optimizer.exp_avg_sq.a.weight",
                          "optimizer.momentum_buffer.a.weight"};
  for (int i = 0; i < 6; i++)
    for (int p = 0; p < 6; p++)
      for (int s = 0; s < 20; s++) {
        if ((i == 2 && (p == 3 || p == 4)) || (i != 2 && p == 5)) continue;
        if (p == 4 && s % 2) continue;
        support_bytes bytes = fresh_state(PAIR, "mse", texts[i]);
        lnsp_trainer *t = NULL;
        float x[4] = {.1f, -.2f, .3f, .4f}, y[4] = {1, 2, 3, 4};
        lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 4, 0),
                             lnsp_tensor_f32("target", y, 2, 1, 4, 0)};
        state_fill(&bytes, places[p], (s % 2 ? -1.f : 1.f) * sizes[s / 2]);
        CHECK_INT(state_open(&bytes, NULL, NULL, NULL, &t), LNSP_OK);
        for (int k = 0; k < 6 && t; k++) careful_step(t, in, 2, 1);
        lnsp_trainer_destroy(t);
        free(bytes.data);
      }
}

/* A norm that overflows is refused, not taken for a reason to clip to nothing. */
static void a_norm_that_overflows_is_refused(void) {
  enum { N = 1024 };
  static float x[N], d[N];
  char text[128];
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  snprintf(text, sizeof text, "lnsp 1; x = input 1; h = linear x %d w=a; output output=h", N);
  CHECK_OK(lnsp_model_create(text, 1, NULL, &model, &support_error));
  CHECK_OK(
      lnsp_trainer_create(model, NULL, "sgd lr=1e-20 clip=1", NULL, NULL, &t, &support_error));
  CHECK_OK(lnsp_trainer_freeze(t, "a.weight", 1, &support_error));
  for (int i = 0; i < N; i++) d[i] = 9e17f;
  lnsp_tensor in = lnsp_tensor_f32("input", x, 2, 1, 1, 0);
  lnsp_tensor gradient = lnsp_tensor_f32("output", d, 2, 1, N, 0);
  CHECK_OK(lnsp_trainer_forward(t, &in, 1, NULL, 0, &support_error));
  CHECK_OK(lnsp_trainer_backward(t, &gradient, 1, &support_error));
  CHECK_REFUSED(lnsp_trainer_apply(t, &support_error), LNSP_E_NOT_FINITE);
  CHECK_INT(lnsp_trainer_step_count(t), 0);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

/* A loss that fits double but not float is refused rather than given as infinity. */
static void a_loss_beyond_float_is_refused(void) {
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  float x[4] = {0}, y[4] = {5e18f, 5e18f, 5e18f, 5e18f}, loss = 3;
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 4, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 4, 0)};
  CHECK_OK(lnsp_model_create(PAIR, 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "1e5*mse", NULL, NULL, NULL, &t, &support_error));
  CHECK_REFUSED(lnsp_trainer_compute_gradients(t, in, 2, &loss, &support_error),
                LNSP_E_NOT_FINITE);
  CHECK(loss == 3);
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(model);
}

int main(void) {
  support_use_all();
  RUN(frozen_weights_stay_in_the_bound);
  RUN(the_quotient_must_not_overflow);
  RUN(the_average_is_in_the_gate);
  RUN(states_of_any_magnitude);
  RUN(a_norm_that_overflows_is_refused);
  RUN(a_loss_beyond_float_is_refused);
  FINISH();
}

/* Marks and rollback in every order, against states kept aside. */
#include "support.h"

#define STATES 64

typedef struct world {
  lnsp_trainer *t;
  int32_t history, held;       /* the model of what must be there */
  uint8_t mark[STATES][32];    /* oldest first */
} world;

static void now(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, hash, &support_error));
}

static void step(world *w, uint32_t seed) {
  float x[10], y[10];
  support_fill(x, 10, seed);
  support_fill(y, 10, seed + 1);
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 10, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 10, 0)};
  CHECK_OK(lnsp_trainer_step(w->t, in, 2, NULL, &support_error));
}

static void mark(world *w) {
  if (w->held == w->history) memmove(w->mark[0], w->mark[1], 32 * (size_t)(--w->held));
  now(w->t, w->mark[w->held++]);
  CHECK_OK(lnsp_trainer_mark(w->t, &support_error));
}

static void back(world *w, int32_t n) {
  uint8_t hash[32];
  if (n >= w->held) {
    CHECK_REFUSED(lnsp_trainer_rollback(w->t, n, &support_error), LNSP_E_STATE);
    return;
  }
  w->held -= n;
  CHECK_OK(lnsp_trainer_rollback(w->t, n, &support_error));
  now(w->t, hash);
  CHECK(!memcmp(hash, w->mark[w->held - 1], 32));
}

static void open_world(world *w, int32_t history, int32_t undo) {
  lnsp_size_options limits = {sizeof limits, 1, 1, history, undo, 0, 0};
  const char *text = history % 2 ? "adamw lr=1e-2 ema=.9" : "adamw lr=1e-2 ema=.9 moments=8bit";
  lnsp_model *model = NULL;
  memset(w, 0, sizeof *w);
  w->history = history;
  CHECK_OK(lnsp_model_create("ln_min d=10 s=5", 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", text, &limits, NULL, &w->t, &support_error));
  lnsp_model_destroy(model);
}

/* A long random walk of steps, marks and rollbacks. */
static void any_order(void) {
  for (int32_t history = 1; history <= 4; history++) {
    world w;
    uint32_t r = 12345;
    open_world(&w, history, LNSP_MARK_STATE);
    for (int i = 0; i < 2000; i++) {
      r = r * 1664525u + 1013904223u;
      uint32_t what = (r >> 16) % 8;
      if (what < 3)
        step(&w, r);
      else if (what < 5)
        mark(&w);
      else
        back(&w, (int32_t)((r >> 20) % 5));
      CHECK_INT(lnsp_trainer_mark_count(w.t), w.held);
    }
    lnsp_trainer_destroy(w.t);
  }
}

/* A live session follows the rollback; publish and save see it too. */
static void live_sessions_follow(void) {
  world w;
  lnsp_session *live = NULL, *average = NULL;
  lnsp_model *before = NULL, *after = NULL;
  uint8_t ha[32], hb[32];
  float x[10], a[10], b[10], c[10], d[10];
  open_world(&w, 2, LNSP_MARK_STATE);
  support_fill(x, 10, 1);
  lnsp_tensor in = lnsp_tensor_f32("input", x, 2, 1, 10, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", a, 2, 1, 10, 0);
  CHECK_OK(lnsp_session_create_live(w.t, 0, NULL, NULL, &live, &support_error));
  CHECK_OK(lnsp_session_create_live(w.t, 1, NULL, NULL, &average, &support_error));
  for (uint32_t i = 0; i < 3; i++) step(&w, i);
  mark(&w);
  CHECK_OK(lnsp_trainer_publish(w.t, 0, NULL, &before, &support_error));
  CHECK_OK(lnsp_session_run(live, &in, 1, &out, 1, &support_error));
  out.data = b;
  CHECK_OK(lnsp_session_run(average, &in, 1, &out, 1, &support_error));
  for (uint32_t i = 0; i < 3; i++) step(&w, 10 + i);
  back(&w, 0);
  out.data = c;
  CHECK_OK(lnsp_session_run(live, &in, 1, &out, 1, &support_error));
  out.data = d;
  CHECK_OK(lnsp_session_run(average, &in, 1, &out, 1, &support_error));
  CHECK(!memcmp(a, c, sizeof a) && !memcmp(b, d, sizeof b) && memcmp(a, b, sizeof a));
  CHECK_OK(lnsp_trainer_publish(w.t, 0, NULL, &after, &support_error));
  CHECK_OK(lnsp_model_hash(before, ha, &support_error));
  CHECK_OK(lnsp_model_hash(after, hb, &support_error));
  CHECK(!memcmp(ha, hb, 32));
  lnsp_model_destroy(before);
  lnsp_model_destroy(after);
  lnsp_session_destroy(live);
  lnsp_session_destroy(average);
  lnsp_trainer_destroy(w.t);
}

/* With marks of the weights alone, moments and step go on. */
static void weights_only(void) {
  world w;
  uint8_t start[32], hash[32];
  open_world(&w, 3, LNSP_MARK_WEIGHTS);
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  CHECK_OK(lnsp_trainer_memory(w.t, &memory, &support_error));
  CHECK(memory.mark_bytes >= 3 * memory.weight_bytes &&
        memory.mark_bytes < 4 * memory.weight_bytes);
  CHECK_OK(lnsp_trainer_hash(w.t, LNSP_SAVE_WEIGHTS, start, &support_error));
  CHECK_OK(lnsp_trainer_mark(w.t, &support_error));
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < 2; i++) step(&w, i);
    CHECK_OK(lnsp_trainer_rollback(w.t, 0, &support_error));
    CHECK_OK(lnsp_trainer_hash(w.t, LNSP_SAVE_WEIGHTS, hash, &support_error));
    CHECK(!memcmp(start, hash, 32));
    CHECK_INT(lnsp_trainer_step_count(w.t), 2 * (round + 1));
  }
  lnsp_trainer_destroy(w.t);
}

int main(void) {
  support_use_all();
  RUN(any_order);
  RUN(live_sessions_follow);
  RUN(weights_only);
  FINISH();
}

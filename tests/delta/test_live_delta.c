/* Deltas of live weights: what is left out is owed, both sides hold the same bits, a failure
 * or a rollback leaves nothing behind. */
#include "delta/delta.h"
#include "graph/graph.h"
#include "run/model.h"
#include "run/state.h"
#include "run/weight.h"
#include "train/trainer.h"
#include "models.h"

#define NET "student d=20 s=18 k=12 heads=2"

static lnsp_trainer *trainer_of(const lnsp_model *model, const char *optimizer) {
  lnsp_trainer *t = NULL;
  lnsp_size_options limits = {.struct_size = sizeof limits, .max_rows = 4, .max_marks = 3};
  CHECK_OK(lnsp_trainer_create(model, "mse", optimizer, &limits, NULL, &t, &support_error));
  return t;
}

static void step(lnsp_trainer *t, uint32_t seed) {
  float x[80], y[80];
  support_fill(x, 80, seed);
  support_fill(y, 80, seed + 1);
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 4, 20, 0),
                       lnsp_tensor_f32("target", y, 2, 4, 20, 0)};
  CHECK_OK(lnsp_trainer_step(t, in, 2, NULL, &support_error));
}

static void hash_of(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, hash, &support_error));
}

/* Largest |live - model + owed|, and largest of what is owed. */
static float behind(const lnsp_trainer *t, const lnsp_model *model, float *owed) {
  float most = 0;
  *owed = 0;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *w = &t->graph->weights[i];
    lnspi_weight there = lnspi_weight_in_array(w);
    for (int64_t e = 0; e < w->count; e++) {
      float a, b, r = 0;
      lnspi_state_read_span(w, t->state, e, 1, &a);
      lnspi_state_read_span(&model->graph->weights[i], model->state, e, 1, &b);
      if (t->residual) lnspi_state_read_span(&there, t->residual, e, 1, &r);
      most = fmaxf(most, fabsf(a - b + r));
      *owed = fmaxf(*owed, fabsf(r));
    }
  }
  return most;
}

static int same(const lnsp_model *a, const lnsp_model *b) {
  return !memcmp(a->state, b->state, (size_t)a->graph->state_bytes);
}

/* Rounds of training and sending; then of sending alone, until all has arrived. */
static void rounds(void) {
  static const char *const codecs[] = {"sparse", "sign",    "int4",
                                       "exact",  "float16", "sparse share=.5 only=*weight"};
  for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++) {
    lnsp_model *far = model_fresh(NET, 1), *before = model_fresh(NET, 1);
    lnsp_trainer *t = trainer_of(before, "sgd lr=.1 residual=1");
    float owed;
    for (int round = 0; round < 60; round++) {
      lnsp_delta *delta = NULL;
      if (round < 4) step(t, (uint32_t)round * 7);
      float due = behind(t, far, &owed);
      /* the last rounds fetch what a codec of some tensors never sends */
      const char *codec = round < 57 ? codecs[c] : round < 59 ? "float32" : "exact";
      CHECK_OK(lnsp_delta_create_live(far, t, codec, 1, NULL, &delta, &support_error));
      lnsp_model *next = delta_applied(delta, far), *live = model_published(t);
      CHECK_SAY(same(next, live), "%s: the two sides differ", codecs[c]);
      lnsp_model_destroy(live);
      lnsp_model_destroy(far);
      lnsp_delta_destroy(delta);
      far = next;
      float left = behind(t, far, &owed); /* live is far: what is owed */
      CHECK_SAY(left <= due + 1e-6f || !strcmp(codecs[c], "sign"), "%s: %g owed of %g",
                codecs[c], (double)left, (double)due);
      if (round < 4 && strcmp(codecs[c], "exact")) CHECK(owed > 0);
    }
    CHECK_SAY(behind(t, far, &owed) < 1e-7f && owed < 1e-7f, "%s still owes %g", codecs[c],
              (double)owed);
    lnsp_trainer_destroy(t);
    lnsp_model_destroy(far);
    lnsp_model_destroy(before);
  }
}

/* Nothing is lost: base + coded + owed is live + owed before, to rounding. */
static void conserved(void) {
  static const char *const codecs[] = {"sparse", "sign", "int8", "float16", "int4 only=1d"};
  for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++) {
    lnsp_model *base = model_fresh(NET, 1), *sum = NULL;
    lnsp_trainer *t = trainer_of(base, "sgd lr=.1 residual=1");
    lnsp_delta *delta = NULL;
    for (uint32_t s = 0; s < 3; s++) step(t, s);
    lnsp_model *live = model_published(t);
    CHECK_OK(lnsp_delta_create_live(base, t, codecs[c], 0, NULL, &delta, &support_error));
    lnsp_model *still = model_published(t);
    CHECK(same(still, live)); /* without snap the weights stay */
    sum = delta_applied(delta, base);
    for (int32_t i = 0; i < t->graph->weight_count; i++) {
      const lnspi_weight *w = &t->graph->weights[i];
      lnspi_weight there = lnspi_weight_in_array(w);
      for (int64_t e = 0; e < w->count; e++) {
        float a, b, r;
        lnspi_state_read_span(w, live->state, e, 1, &a);
        lnspi_state_read_span(w, sum->state, e, 1, &b);
        lnspi_state_read_span(&there, t->residual, e, 1, &r);
        CHECK_SAY(fabsf(b + r - a) < 2e-7f, "%s: %s[%d] %g + %g is not %g", codecs[c], w->name,
                  (int)e, (double)b, (double)r, (double)a);
      }
    }
    lnsp_delta_destroy(delta);
    lnsp_trainer_destroy(t);
    lnsp_model_destroy(base);
    lnsp_model_destroy(live);
    lnsp_model_destroy(still);
    lnsp_model_destroy(sum);
  }
}

/* Without room for it, the rest is gone; exact leaves none. */
static void without_residual(void) {
  lnsp_model *base = model_fresh(NET, 1);
  lnsp_trainer *t = trainer_of(base, "adam lr=1e-2");
  lnsp_delta *lossy = NULL, *exact = NULL;
  step(t, 1);
  lnsp_model *live = model_published(t);
  CHECK_OK(lnsp_delta_create_live(base, t, NULL, 1, NULL, &exact, &support_error));
  lnsp_model *after = model_published(t), *result = delta_applied(exact, base);
  CHECK(same(after, live) && same(result, live));
  lnsp_delta_destroy(exact);
  lnsp_model_destroy(after);
  lnsp_model_destroy(result);
  CHECK_OK(lnsp_delta_create_live(base, t, "sparse", 1, NULL, &lossy, &support_error));
  after = model_published(t);
  result = delta_applied(lossy, base);
  CHECK(same(after, result) && !same(after, live));
  lnsp_delta_destroy(lossy);
  CHECK_OK(lnsp_delta_create_live(after, t, "float32", 1, NULL, &lossy, &support_error));
  CHECK_INT(lossy->bytes, 0); /* nothing is owed */
  lnsp_delta_destroy(lossy);
  step(t, 3); /* and it goes on */
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(after);
  lnsp_model_destroy(result);
  lnsp_model_destroy(live);
  lnsp_model_destroy(base);
}

/* A rollback takes the sending back, to the bit: made again, it is the same delta. */
static void rolled_back(void) {
  lnsp_model *base = model_fresh(NET, 1);
  lnsp_trainer *t = trainer_of(base, "adam lr=1e-2 residual=1");
  uint8_t before[32], hash[32], first[32], twice[32];
  lnsp_delta *delta = NULL;
  step(t, 1);
  CHECK_OK(lnsp_delta_create_live(base, t, "sparse", 1, NULL, &delta, &support_error));
  lnsp_model *far = delta_applied(delta, base);
  lnsp_delta_destroy(delta);
  step(t, 2);
  hash_of(t, before);
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  for (int round = 0; round < 3; round++) {
    CHECK_OK(lnsp_delta_create_live(far, t, "sparse", 1, NULL, &delta, &support_error));
    hash_of(t, round ? twice : first);
    if (round) CHECK(!memcmp(first, twice, 32));
    lnsp_delta_destroy(delta);
    CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
    hash_of(t, hash);
    CHECK(!memcmp(hash, before, 32) && memcmp(first, before, 32));
  }
  lnsp_trainer_destroy(t);
  lnsp_model_destroy(base);
  lnsp_model_destroy(far);
}

/* What fails changes nothing. */
static void refusals(void) {
  lnsp_model *base = model_fresh(NET, 1), *other = NULL;
  lnsp_trainer *t = trainer_of(base, "adam lr=1e-2 residual=1");
  lnsp_trainer *half = trainer_of(base, "sgd lr=.1 weights=bf16 residual=1");
  lnsp_delta *delta = NULL;
  uint8_t before[32], hash[32];
  static uint8_t block[4096];
  CHECK_OK(
      lnsp_model_create("student d=20 s=18 k=12 heads=3", 1, NULL, &other, &support_error));
  step(t, 1);
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error)); /* a mark is pending */
  hash_of(t, before);
  lnsp_options small = {.struct_size = sizeof small,
                        .block = block,
                        .block_bytes = sizeof block};
  CHECK_REFUSED(lnsp_delta_create_live(base, t, "int4", 1, &small, &delta, &support_error),
                LNSP_E_MEMORY);
  CHECK_REFUSED(lnsp_delta_create_live(base, t, "int3", 1, NULL, &delta, &support_error),
                LNSP_E_UNKNOWN);
  CHECK_REFUSED(lnsp_delta_create_live(other, t, "int4", 1, NULL, &delta, &support_error),
                LNSP_E_SHAPE);
  CHECK_REFUSED(lnsp_delta_create_live(NULL, t, "int4", 1, NULL, &delta, &support_error),
                LNSP_E_ARGUMENT);
  float huge = 1e30f;
  lnsp_model *wild = model_fresh(NET, 1);
  lnspi_state_write_span(&wild->graph->weights[6], wild->state, 3, 1, &huge);
  CHECK_REFUSED(lnsp_delta_create_live(wild, t, "float16", 1, NULL, &delta, &support_error),
                LNSP_E_NOT_FINITE);
  CHECK(!delta);
  hash_of(t, hash);
  CHECK(!memcmp(hash, before, 32));
  CHECK_REFUSED(lnsp_delta_create_live(base, half, "int4", 1, NULL, &delta, &support_error),
                LNSP_E_UNSUPPORTED);
  step(half, 4);
  CHECK_OK(lnsp_delta_create_live(base, half, "int4", 0, NULL, &delta, &support_error));
  lnsp_delta_destroy(delta);
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(half);
  lnsp_model_destroy(base);
  lnsp_model_destroy(other);
  lnsp_model_destroy(wild);
}

int main(void) {
  support_use_all();
  RUN(rounds);
  RUN(conserved);
  RUN(without_residual);
  RUN(rolled_back);
  RUN(refusals);
  FINISH();
}

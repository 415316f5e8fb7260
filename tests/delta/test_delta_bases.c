/* Deltas of bases in fewer bytes, and servers: in bfloat16, with frozen tensors, refused. */
#include "delta_cases.h"

/* A base in half the bytes counts with its widened values, for everyone. */
static void stored_bases(void) {
  static const int32_t types[] = {LNSP_F32, LNSP_F16, LNSP_BF16};
  lnsp_model *first = model_fresh(NET, 1);
  for (int k = 0; k < 3; k++) {
    lnsp_model *base = model_stored_as(first, types[k]),
               *wide = model_stored_as(base, LNSP_F32);
    lnsp_model *next[3], *out = NULL;
    lnsp_delta *deltas[3], *sum[2];
    double norm[2], most[2];
    for (uint32_t i = 0; i < 3; i++) {
      next[i] = moved(base, 10 + i, .01f);
      deltas[i] = delta_between(base, next[i], i == 1 ? "int8" : NULL);
    }
    const lnsp_delta *const *given = (const lnsp_delta *const *)deltas;
    CHECK_INT(lnsp_delta_norm(deltas[1], base, &norm[0], &most[0], NULL, &error), LNSP_OK);
    CHECK_INT(lnsp_delta_norm(deltas[1], wide, &norm[1], &most[1], NULL, &error), LNSP_OK);
    CHECK(norm[0] == norm[1] && most[0] == most[1] && norm[0] > 0);
    CHECK_INT(aggregate(base, given, NULL, 3, "median clip=median", &sum[0]), LNSP_OK);
    CHECK_INT(aggregate(wide, given, NULL, 3, "median clip=median", &sum[1]), LNSP_OK);
    size_t bytes[2];
    uint8_t *a = delta_bytes(sum[0], &bytes[0]), *b = delta_bytes(sum[1], &bytes[1]);
    CHECK(bytes[0] == bytes[1] && !memcmp(a, b, bytes[0]));
    free(a);
    free(b);
    lnsp_delta_check_options rules = {.struct_size = sizeof rules,
                                      .max_norm = 10,
                                      .max_change = 1};
    CHECK_INT(lnsp_delta_accept(deltas[0], base, &rules, NULL, &out, &error), LNSP_OK);
    CHECK(model_same(out, next[0]));
    lnsp_model_destroy(out);
    for (int i = 0; i < 2; i++) lnsp_delta_destroy(sum[i]);
    for (int i = 0; i < 3; i++) {
      lnsp_delta_destroy(deltas[i]);
      lnsp_model_destroy(next[i]);
    }
    lnsp_model_destroy(wide);
    lnsp_model_destroy(base);
  }
  lnsp_model *codes = model_stored_as(first, LNSP_I8), *next = moved(first, 2, .01f);
  lnsp_delta *delta = delta_between(first, next, NULL), *sum;
  const lnsp_delta *one[1] = {delta};
  CHECK_INT(aggregate(codes, one, NULL, 1, NULL, &sum), LNSP_E_DTYPE);
  CHECK_INT(lnsp_delta_norm(delta, codes, NULL, NULL, NULL, &error), LNSP_E_DTYPE);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(codes);
  lnsp_model_destroy(first);
}

/* A server whose weights are bfloat16: its base is what publish gives. */
static void bf16_server(void) {
  lnsp_model *first = model_fresh(NET, 1);
  lnsp_trainer *trainer = trainer_of(first, "adam lr=.01 weights=bf16", NULL);
  uint8_t before[LNSP_HASH_BYTES], after[LNSP_HASH_BYTES];
  for (uint32_t round = 0; round < 3; round++) {
    lnsp_model *base = model_published(trainer), *next = moved(base, 7 + round, .1f);
    lnsp_delta *delta = delta_between(base, next, "int8");
    CHECK_INT(lnsp_trainer_hash(trainer, LNSP_SAVE_WEIGHTS, before, &error), LNSP_OK);
    error.message[0] = 0;
    CHECK_SAY(lnsp_trainer_step_delta(trainer, delta, &error) == LNSP_OK, "%s", error.message);
    CHECK_INT(lnsp_trainer_hash(trainer, LNSP_SAVE_WEIGHTS, after, &error), LNSP_OK);
    CHECK(memcmp(before, after, sizeof before));
    CHECK_INT(lnsp_trainer_step_count(trainer), (int)round + 1);
    lnsp_delta_destroy(delta);
    lnsp_model_destroy(next);
    lnsp_model_destroy(base);
  }
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(first);
}

/* What the server has frozen stays, whatever the delta says. */
static void frozen_server(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .1f), *wanted;
  lnsp_trainer *trainer = trainer_of(base, "sgd lr=1", NULL);
  lnsp_delta *delta = delta_between(base, next, "float32"), *part;
  CHECK_INT(lnsp_trainer_freeze(trainer, "a.*", 1, &error), LNSP_OK);
  CHECK_INT(lnsp_trainer_step_delta(trainer, delta, &error), LNSP_OK);
  part = delta_between(base, next, "float32 only=b.*,n.*");
  wanted = delta_applied(part, base);
  lnsp_model *got = model_published(trainer);
  CHECK(model_same(got, wanted) && !model_same(got, base));
  lnsp_model_destroy(got);
  lnsp_model_destroy(wanted);
  lnsp_delta_destroy(part);
  lnsp_delta_destroy(delta);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* A step that is refused leaves the trainer to the bit. */
static void refused_step(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .1f);
  lnsp_trainer *trainer = trainer_of(base, "adam lr=.01", NULL);
  lnsp_delta *delta = delta_between(base, next, "float32");
  uint8_t before[LNSP_HASH_BYTES], after[LNSP_HASH_BYTES];
  CHECK_INT(lnsp_trainer_step_delta(trainer, delta, &error), LNSP_OK);
  CHECK_INT(lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, before, &error), LNSP_OK);
  memcpy(delta->base, before, 32);
  CHECK_INT(lnsp_trainer_step_delta(trainer, delta, &error), LNSP_E_MISMATCH);
  CHECK_INT(lnsp_trainer_hash(trainer, LNSP_SAVE_WEIGHTS, delta->base, &error), LNSP_OK);
  delta->stages[0].bytes -= 5;
  CHECK_INT(lnsp_trainer_step_delta(trainer, delta, &error), LNSP_E_FORMAT);
  CHECK_INT(lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, after, &error), LNSP_OK);
  CHECK(!memcmp(before, after, sizeof before));
  lnsp_trainer_destroy(trainer);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

int main(void) {
  RUN(stored_bases);
  RUN(bf16_server);
  RUN(frozen_server);
  RUN(refused_step);
  FINISH();
}

/* Deltas at their limits: memory that fails, blocks, stages, empty and frozen tensors, stored
 * types, other floating-point environments, and callers and senders who get it wrong. */
#include <fenv.h>
#include <math.h>

#include "models.h"
#include "base/blake2s.h"
#include "base/digest.h"
#include "delta/delta.h"
#include "delta/float_coder.h"
#include "delta/stages.h"
#include "graph/graph.h"
#include "run/model.h"
#include "run/state.h"
#include "run/weight.h"
#include "train/trainer.h"
#include "lnsp.h"

#define NET                                                                     \
  "lnsp 1\nx = input 9\nh = linear x 70 w=a\nh = gelu h\nh = layernorm h w=n\n" \
  "o = linear h 6 w=b\noutput output=o\n"

static lnsp_error error;

/* A model in float32, moved a little everywhere. */
static lnsp_model *moved(const lnsp_model *from, uint32_t seed, float factor) {
  lnsp_model *model = model_stored_as(from, LNSP_F32);
  for (int32_t i = 0; i < model->graph->weight_count; i++) {
    const lnspi_weight *w = &model->graph->weights[i];
    float *values = malloc(sizeof(float) * (size_t)w->count);
    float *noise = malloc(sizeof(float) * (size_t)w->count);
    lnspi_state_read(w, model->state, 0, lnspi_weight_rows(w), values);
    support_fill(noise, (size_t)w->count, seed + (uint32_t)i);
    for (int64_t k = 0; k < w->count; k++) values[k] += factor * noise[k];
    lnspi_state_write(w, model->state, 0, lnspi_weight_rows(w), values);
    free(noise);
    free(values);
  }
  return model;
}

static lnsp_trainer *trainer_of(const lnsp_model *model, const char *optimizer,
                                const lnsp_options *options) {
  lnsp_trainer *trainer = NULL;
  CHECK_INT(lnsp_trainer_create(model, NULL, optimizer, NULL, options, &trainer, &error),
            LNSP_OK);
  return trainer;
}

/* ---- stamps -------------------------------------------------------------- */

/* The next delta of the same sender: the name is the one that info hands out. */
static void stamped_again(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8");
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  CHECK_INT(lnsp_delta_stamp(delta, "watch-17", 4, NULL, 0, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_get_info(delta, &facts, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_stamp(delta, facts.sender, facts.nonce + 1, NULL, 0, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_get_info(delta, &facts, &error), LNSP_OK);
  CHECK_STR(facts.sender, "watch-17");
  CHECK(facts.nonce == 5);
  /* what is refused leaves the stamp as it was */
  CHECK_INT(lnsp_delta_stamp(delta, "no blanks", 9, NULL, 0, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_get_info(delta, &facts, &error), LNSP_OK);
  CHECK_STR(facts.sender, "watch-17");
  CHECK(facts.nonce == 5);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* A code is compared to its last byte, and one that differs there alone is refused. */
static void last_byte_of_a_code(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8");
  lnsp_delta_check_options rules = {.struct_size = sizeof rules, .key = "key", .key_bytes = 3};
  CHECK_INT(lnsp_delta_stamp(delta, NULL, 0, "key", 3, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_OK);
  for (int i = 0; i < LNSP_HASH_BYTES; i++) {
    delta->mac[i] ^= 1;
    CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_MISMATCH);
    delta->mac[i] ^= 1;
  }
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_OK);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* ---- texts --------------------------------------------------------------- */

static void patterns(void) {
  static const char *const bad[] = {"int4 only=,a.*", "int4 only=a.*,,b.*", "int4 only=a.*,",
                                    "int4 only=,"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lnsp_delta *delta = NULL;
    CHECK_INT(lnsp_delta_create(base, next, bad[i], NULL, &delta, &error), LNSP_E_SYNTAX);
    CHECK(delta == NULL);
    lnsp_delta_destroy(delta);
  }
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* What a rule's text may be, and what not; no text is read beyond its end. */
static void rule_texts(void) {
  static const char *const bad[] = {"",
                                    " ",
                                    ";",
                                    "#",
                                    "=",
                                    "mean=",
                                    "mean =",
                                    "mean clip",
                                    "mean clip=",
                                    "mean clip=nan",
                                    "mean clip=inf",
                                    "mean clip=1e31",
                                    "mean clip=0",
                                    "mean skip=2",
                                    "mean skip=",
                                    "median share=.1",
                                    "trimmed share=-0.1",
                                    "trimmed share=nan",
                                    "mean; median",
                                    "mean clip=1 skip=1 skip=1",
                                    "mean a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9",
                                    "MEAN",
                                    "mean\xff",
                                    "trimmed share=.1 clip=median clip=2"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8"), *sum = NULL;
  const lnsp_delta *one[1] = {delta};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char *copy = malloc(strlen(bad[i]) + 1);
    strcpy(copy, bad[i]);
    const int32_t status =
        lnsp_delta_aggregate(base, one, NULL, 1, copy, NULL, NULL, &sum, &error);
    CHECK_SAY(status == LNSP_E_SYNTAX || status == LNSP_E_UNKNOWN || status == LNSP_E_LIMIT,
              "'%s' gave %s", bad[i], lnsp_status_name(status));
    CHECK(sum == NULL);
    free(copy);
  }
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* ---- aggregates ---------------------------------------------------------- */

static int32_t aggregate(const lnsp_model *base, const lnsp_delta *const *deltas,
                         const double *weights, int32_t count, const char *rule,
                         lnsp_delta **sum) {
  *sum = NULL;
  error.message[0] = 0;
  return lnsp_delta_aggregate(base, deltas, weights, count, rule, NULL, NULL, sum, &error);
}

/* A base whose first biases are 0. */
static lnsp_model *zeroed(void) {
  lnsp_model *model = model_fresh(NET, 1);
  const float zeros[70] = {0};
  for (int32_t t = 0; t < model->graph->weight_count; t++) {
    const lnspi_weight *w = &model->graph->weights[t];
    if (!strcmp(w->name, "a.bias"))
      lnspi_state_write(w, model->state, 0, lnspi_weight_rows(w), zeros);
  }
  return model;
}

/* The first bias of the sum, whose base is zeroed. */
static double bias_of(const lnsp_delta *sum, const lnsp_model *base) {
  lnsp_model *model = delta_applied(sum, base);
  float values[70];
  CHECK_INT(lnsp_model_tensor_read(model, "a.bias", values, 70, &error), LNSP_OK);
  lnsp_model_destroy(model);
  return (double)values[0];
}

/* Deltas whose first bias becomes 1, 2, 4, 8, ...: who is in a mean can be read from it. */
static void powers(const lnsp_model *base, lnsp_delta **deltas, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    lnsp_model *next = model_stored_as(base, LNSP_F32);
    float values[70] = {0};
    const lnspi_weight *w = NULL;
    for (int32_t t = 0; t < next->graph->weight_count; t++)
      if (!strcmp(next->graph->weights[t].name, "a.bias")) w = &next->graph->weights[t];
    CHECK(w != NULL);
    values[0] = (float)(1 << i);
    lnspi_state_write(w, next->state, 0, lnspi_weight_rows(w), values);
    deltas[i] = delta_between(base, next, NULL);
    lnsp_model_destroy(next);
  }
}

/* A share that is no whole number of deltas is rounded up: one bad delta of eight must not
 * stay in a trimmed mean of share .1. At least one stays. */
static void trimmed_counts(void) {
  static const struct {
    int32_t count;
    const char *rule;
    int32_t cut;
  } cases[] =
      {{8, "trimmed", 1},           {8, "trimmed share=.1", 1},  {8, "trimmed share=.125", 1},
       {8, "trimmed share=.2", 2},  {8, "trimmed share=.25", 2}, {8, "trimmed share=0", 0},
       {8, "trimmed share=.49", 3}, {7, "trimmed share=.49", 3}, {10, "trimmed share=.3", 3},
       {10, "trimmed share=.1", 1}, {2, "trimmed share=.49", 0}, {1, "trimmed", 0}};
  lnsp_model *base = zeroed();
  lnsp_delta *deltas[10], *sum;
  powers(base, deltas, 10);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    double wanted = 0;
    for (int32_t i = cases[c].cut; i < cases[c].count - cases[c].cut; i++)
      wanted += (double)(1 << i);
    wanted = (double)(float)(wanted / (cases[c].count - 2 * cases[c].cut));
    CHECK_INT(aggregate(base, (const lnsp_delta *const *)deltas, NULL, cases[c].count,
                        cases[c].rule, &sum),
              LNSP_OK);
    const double got = bias_of(sum, base);
    CHECK_SAY(got == wanted, "%d, %s: %g, not %g", cases[c].count, cases[c].rule, got, wanted);
    lnsp_delta_destroy(sum);
  }
  for (int i = 0; i < 10; i++) lnsp_delta_destroy(deltas[i]);
  lnsp_model_destroy(base);
}

/* The median norm of an even number is the lower of the middle two, so that half of the
 * deltas cannot raise it. */
static void median_norm(void) {
  lnsp_model *base = zeroed();
  lnsp_delta *deltas[4], *sum;
  powers(base, deltas, 4); /* norms 1, 2, 4, 8 */
  CHECK_INT(aggregate(base, (const lnsp_delta *const *)deltas, NULL, 4, "mean clip=median",
                      &sum),
            LNSP_OK);
  CHECK(bias_of(sum, base) == (1 + 2 + 2 + 2) / 4.);
  lnsp_delta_destroy(sum);
  for (int i = 0; i < 4; i++) lnsp_delta_destroy(deltas[i]);
  lnsp_model_destroy(base);
}

/* Only their ratio counts, so far as a double can hold the sums; others are refused rather
 * than rounded away or overflowing. */
static void weights_of_a_mean(void) {
  static const double good[][2] = {{1, 3}, {1e-30, 3e-30}, {1e29, 3e29}, {0, 1}};
  static const double bad[][2] = {{1e-310, 3e-310}, {1e-31, 1}, {1e31, 1}, {1e300, 1e300}};
  lnsp_model *base = zeroed();
  lnsp_delta *deltas[2], *sum;
  powers(base, deltas, 2);
  const lnsp_delta *const *given = (const lnsp_delta *const *)deltas;
  for (int i = 0; i < 4; i++) {
    CHECK_INT(aggregate(base, given, good[i], 2, "mean", &sum), LNSP_OK);
    CHECK(fabs(bias_of(sum, base) - (i < 3 ? 1.75 : 2)) < 1e-6);
    lnsp_delta_destroy(sum);
  }
  for (int i = 0; i < 4; i++) {
    CHECK_INT(aggregate(base, given, bad[i], 2, "mean", &sum), LNSP_E_ARGUMENT);
    CHECK(strstr(error.message, "weight ") != NULL && sum == NULL);
  }
  for (int i = 0; i < 2; i++) lnsp_delta_destroy(deltas[i]);
  lnsp_model_destroy(base);
}

/* No handle is looked at before their number is known to be allowed. */
static void counts(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8"), *sum = NULL;
  const lnsp_delta **one = malloc(sizeof *one);
  static const int32_t bad[] = {0, -1, INT32_MIN, 1025, INT32_MAX};
  one[0] = delta;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK_INT(aggregate(base, one, NULL, bad[i], NULL, &sum), LNSP_E_LIMIT);
    CHECK_INT(lnsp_delta_merge(one, bad[i], NULL, &sum, &error), LNSP_E_ARGUMENT);
  }
  one[0] = NULL;
  CHECK_INT(aggregate(base, one, NULL, 1, NULL, &sum), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_aggregate(base, NULL, NULL, 1, NULL, NULL, NULL, &sum, &error),
            LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_aggregate(base, one, NULL, 1, NULL, NULL, NULL, NULL, &error),
            LNSP_E_ARGUMENT);
  free(one);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* One handle several times is that many deltas; 1,024 of them go. */
static void one_handle_often(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "exact"), *sum;
  static const lnsp_delta *often[1024];
  for (int i = 0; i < 1024; i++) often[i] = delta;
  static const char *const rules[] = {"mean", "median", "trimmed", "mean clip=median"};
  lnsp_model *wanted = NULL;
  CHECK_INT(aggregate(base, often, NULL, 1, "mean", &sum), LNSP_OK);
  wanted = delta_applied(sum, base);
  lnsp_delta_destroy(sum);
  for (size_t r = 0; r < 4; r++) {
    CHECK_INT(aggregate(base, often, NULL, 1024, rules[r], &sum), LNSP_OK);
    lnsp_model *got = delta_applied(sum, base);
    CHECK(model_same(got, wanted));
    lnsp_model_destroy(got);
    lnsp_delta_destroy(sum);
  }
  lnsp_model_destroy(wanted);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* Deltas without a change, alone and with others. */
static void empty(void) {
  static const char *const codecs[] = {"exact", "int4", "sparse", "sign", "float16", "float32"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f), *got;
  lnsp_delta *nothing[7], *sum, *delta = delta_between(base, next, "float32");
  double norm = -1, most = -1;
  for (int i = 0; i < 6; i++) {
    nothing[i] = delta_between(base, base, codecs[i]);
    CHECK_INT(lnsp_delta_norm(nothing[i], base, &norm, &most, NULL, &error), LNSP_OK);
    CHECK(norm == 0 && most == 0);
  }
  const lnsp_delta *const *given = (const lnsp_delta *const *)nothing;
  static const char *const rules[] = {"mean",         "median",
                                      "trimmed",      "mean clip=median",
                                      "mean clip=.1", "mean skip=1"};
  for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
    CHECK_INT(aggregate(base, given, NULL, 6, rules[r], &sum), LNSP_OK);
    CHECK_INT(sum->changed_count, 0);
    got = delta_applied(sum, base);
    CHECK(model_same(got, base));
    lnsp_model_destroy(got);
    lnsp_delta_destroy(sum);
  }
  /* most did nothing: clip=median leaves nothing of the one that did */
  nothing[6] = delta;
  CHECK_INT(aggregate(base, given, NULL, 7, "mean clip=median", &sum), LNSP_OK);
  CHECK_INT(sum->changed_count, 0);
  lnsp_delta_destroy(sum);
  CHECK_INT(lnsp_delta_merge(given, 7, NULL, &sum, &error), LNSP_OK);
  got = delta_applied(sum, base);
  CHECK(model_same(got, next) || sum->stage_count == 7);
  lnsp_model_destroy(got);
  CHECK_INT(lnsp_delta_norm(sum, base, &norm, NULL, NULL, &error), LNSP_OK);
  CHECK(norm > 0);
  lnsp_delta_destroy(sum);
  lnsp_trainer *trainer = trainer_of(base, "adam lr=.01", NULL);
  CHECK_INT(lnsp_trainer_step_delta(trainer, nothing[0], &error), LNSP_OK);
  got = model_published(trainer);
  CHECK(model_same(got, base));
  lnsp_model_destroy(got);
  lnsp_trainer_destroy(trainer);
  for (int i = 0; i < 7; i++) lnsp_delta_destroy(nothing[i]);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* As many stages as there may be, and one more. */
static void stages(void) {
  static const char *const codecs[] = {"exact", "int8",    "sparse share=.3",
                                       "sign",  "float32", "int4 only=1d"};
  lnsp_model *base = model_fresh(NET, 1), *at = model_stored_as(base, LNSP_F32), *got = NULL;
  lnsp_delta *steps[64], *all = NULL, *sum = NULL, *more = NULL;
  lnsp_delta_check_options rules = {.struct_size = sizeof rules,
                                    .max_norm = 1e3,
                                    .max_change = 1e3};
  double norm, wanted = 0, most;
  for (uint32_t i = 0; i < 64; i++) {
    lnsp_model *next = moved(at, 100 + i, .01f);
    steps[i] = delta_between(at, next, codecs[i % 6]);
    lnsp_model_destroy(next);
    next = delta_applied(steps[i], at);
    lnsp_model_destroy(at);
    at = next;
  }
  CHECK_INT(lnsp_delta_merge((const lnsp_delta *const *)steps, 64, NULL, &all, &error),
            LNSP_OK);
  lnsp_delta *direct = delta_between(base, at, NULL);
  CHECK_INT(lnsp_delta_norm(direct, base, &wanted, NULL, NULL, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_norm(all, base, &norm, &most, NULL, &error), LNSP_OK);
  CHECK(norm == wanted);
  CHECK_INT(lnsp_delta_accept(all, base, &rules, NULL, &got, &error), LNSP_OK);
  CHECK(model_same(got, at));
  lnsp_model_destroy(got);
  const lnsp_delta *three[3] = {all, direct, all};
  CHECK_INT(aggregate(base, three, NULL, 3, "median clip=median", &sum), LNSP_OK);
  lnsp_trainer *one = trainer_of(base, "sgd lr=1", NULL),
               *two = trainer_of(base, "sgd lr=1", NULL);
  CHECK_INT(lnsp_trainer_step_delta(one, all, &error), LNSP_OK);
  CHECK_INT(lnsp_trainer_step_delta(two, sum, &error), LNSP_OK);
  lnsp_model *a = model_published(one), *b = model_published(two);
  CHECK(model_same(a, b));
  const lnsp_delta *both[2] = {all, delta_between(at, base, NULL)};
  CHECK_INT(lnsp_delta_merge(both, 2, NULL, &more, &error), LNSP_E_LIMIT);
  CHECK(more == NULL);
  lnsp_delta_destroy((lnsp_delta *)(uintptr_t)both[1]);
  lnsp_model_destroy(a);
  lnsp_model_destroy(b);
  lnsp_trainer_destroy(one);
  lnsp_trainer_destroy(two);
  lnsp_delta_destroy(sum);
  lnsp_delta_destroy(direct);
  lnsp_delta_destroy(all);
  for (int i = 0; i < 64; i++) lnsp_delta_destroy(steps[i]);
  lnsp_model_destroy(at);
  lnsp_model_destroy(base);
}

typedef struct words_to {
  uint8_t *at;
  size_t used;
} words_to;

static int32_t words_emit(void *user, const void *bytes, size_t count) {
  words_to *to = user;
  memcpy(to->at + to->used, bytes, count);
  to->used += count;
  return 0;
}

/* The way back of two exact steps goes through them in the other order. */
static void stages_back(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f),
             *last = moved(next, 3, .3f);
  lnsp_delta *steps[2] = {delta_between(base, next, NULL), delta_between(next, last, NULL)};
  lnsp_delta *both = NULL, *back = NULL;
  CHECK_INT(lnsp_delta_merge((const lnsp_delta *const *)steps, 2, NULL, &both, &error),
            LNSP_OK);
  CHECK_INT(both->changed_count, -1);
  CHECK_INT(lnsp_delta_invert(both, NULL, &back, &error), LNSP_OK);
  lnsp_model *got = delta_applied(back, last);
  CHECK(got && model_same(got, base));
  lnsp_model_destroy(got);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(both);
  for (int i = 0; i < 2; i++) lnsp_delta_destroy(steps[i]);
  lnsp_model_destroy(last);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* A stage whose result is infinite, mended by the next, as only a hostile sender writes it:
 * apply refuses it, and so must whoever only measures or combines. */
static void infinite_between(void) {
  static lnspi_float_encoder writer;
  lnsp_model *base = model_fresh(NET, 1), *far = model_stored_as(base, LNSP_F32), *out = NULL;
  lnsp_delta *both = NULL, *sum = NULL;
  uint32_t infinite[70] = {0x7F800000u}, finite[70] = {0};
  const float large = 3e38f;
  for (int32_t t = 0; t < far->graph->weight_count; t++) {
    const lnspi_weight *w = &far->graph->weights[t];
    float values[70] = {large};
    if (!strcmp(w->name, "a.bias"))
      lnspi_state_write(w, far->state, 0, lnspi_weight_rows(w), values);
  }
  memcpy(finite, &large, sizeof large);
  lnsp_delta *away = delta_between(base, far, "float32"),
             *back = delta_between(far, base, NULL);
  words_to to = {back->payload, 0};
  lnspi_float_coder_write_start(&writer, words_emit, &to);
  CHECK_INT(lnspi_float_coder_write(&writer, infinite, finite, 70), LNSP_OK);
  CHECK_INT(lnspi_float_coder_write_end(&writer), LNSP_OK);
  CHECK(to.used <= back->capacity);
  back->stages[0].bytes = back->bytes = to.used;
  memcpy(away->base, away->result, LNSP_HASH_BYTES); /* 3e38 + 3e38 */
  memcpy(back->result, away->base, LNSP_HASH_BYTES);
  lnspi_stages_write(back);
  const lnsp_delta *const pair[] = {away, back};
  CHECK_INT(lnsp_delta_merge(pair, 2, NULL, &both, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_apply(both, far, NULL, &out, &error), LNSP_E_NOT_FINITE);
  const lnsp_delta *const one[] = {both};
  CHECK_INT(lnsp_delta_check(both, far, NULL, NULL, &error), LNSP_E_NOT_FINITE);
  CHECK_INT(lnsp_delta_norm(both, far, NULL, NULL, NULL, &error), LNSP_E_NOT_FINITE);
  CHECK_INT(aggregate(far, one, NULL, 1, "mean", &sum), LNSP_E_NOT_FINITE);
  lnsp_trainer *trainer = trainer_of(far, "sgd lr=1", NULL);
  CHECK_INT(lnsp_trainer_step_delta(trainer, both, &error), LNSP_E_NOT_FINITE);
  CHECK_INT(lnsp_trainer_step_count(trainer), 0);
  lnsp_trainer_destroy(trainer);
  lnsp_delta_destroy(both);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(away);
  lnsp_model_destroy(far);
  lnsp_model_destroy(base);
}

/* A stage about no tensor has no bytes: there is one way to write a delta. */
static void bytes_for_nothing(void) {
  static const char *const codecs[] = {"exact", "int4", "sparse", "sign", "float16", "float32"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  for (int i = 0; i < 6; i++) {
    for (uint64_t bytes = 1; bytes < 13; bytes++) {
      lnsp_delta *delta = delta_between(base, next, codecs[i]), *read = NULL;
      lnsp_model *out = NULL;
      size_t size;
      memset(delta->stages[0].tensors, 0, (size_t)delta->graph->weight_count);
      memset(delta->payload, 0, 16);
      delta->stages[0].bytes = delta->bytes = bytes;
      memcpy(delta->result, delta->base, LNSP_HASH_BYTES);
      lnspi_stages_write(delta);
      uint8_t *data = delta_bytes(delta, &size);
      if (lnsp_delta_open_memory(data, size, NULL, &read, &error) == LNSP_OK)
        CHECK_INT(lnsp_delta_apply(read, base, NULL, &out, &error), LNSP_E_FORMAT);
      CHECK(out == NULL);
      lnsp_model_destroy(out);
      lnsp_delta_destroy(read);
      free(data);
      lnsp_delta_destroy(delta);
    }
  }
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* Bytes behind what a codec wrote, though everything else is as it should be. */
static void bytes_behind(void) {
  static const char *const codecs[] = {"exact", "int8",    "int4",   "sparse",
                                       "sign",  "float16", "float32"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f), *out = NULL;
  for (int i = 0; i < 7; i++)
    for (uint64_t more = 1; more < 6; more++) {
      lnsp_delta *delta = delta_between(base, next, codecs[i]);
      CHECK(delta->bytes + more <= delta->capacity);
      memset(delta->payload + delta->bytes, 0, (size_t)more);
      delta->stages[0].bytes = delta->bytes += more;
      const int32_t status = lnsp_delta_apply(delta, base, NULL, &out, &error);
      CHECK_SAY(status == LNSP_E_FORMAT ||
                    (i && (status == LNSP_E_MISMATCH || status == LNSP_E_NOT_FINITE)),
                "%s +%d: %s", codecs[i], (int)more, lnsp_status_name(status));
      CHECK(out == NULL);
      lnsp_delta_destroy(delta);
    }
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* The same weights in a network that computes something else have the same hash. */
static void another_network(void) {
  static const char text[] =
      "lnsp 1\nx = input 9\nh = linear x 70 w=a\nh = relu h\nh = layernorm h w=n\n"
      "o = linear h 6 w=b\noutput output=o\n";
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f), *other = NULL;
  lnsp_delta *delta = delta_between(base, next, NULL), *sum = NULL;
  const lnsp_delta *one[1] = {delta};
  double norm;
  CHECK_INT(lnsp_model_create(text, 1, NULL, &other, &error), LNSP_OK);
  CHECK(model_same(base, other));
  CHECK_INT(aggregate(other, one, NULL, 1, NULL, &sum), LNSP_E_MISMATCH);
  CHECK_INT(lnsp_delta_norm(delta, other, &norm, NULL, NULL, &error), LNSP_E_MISMATCH);
  lnsp_trainer *trainer = trainer_of(other, "sgd lr=1", NULL);
  CHECK_INT(lnsp_trainer_step_delta(trainer, delta, &error), LNSP_E_MISMATCH);
  lnsp_trainer_destroy(trainer);
  const lnsp_delta *const chain[] = {delta_between(base, base, NULL),
                                     delta_between(other, other, NULL)};
  CHECK_INT(lnsp_delta_merge(chain, 2, NULL, &sum, &error), LNSP_E_MISMATCH);
  for (int i = 0; i < 2; i++) lnsp_delta_destroy((lnsp_delta *)(uintptr_t)chain[i]);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(other);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* Replaces a text of the header by one of the same length, and makes the checksum fit. */
static int32_t resealed(const lnsp_delta *delta, const char *from, const char *to) {
  lnsp_delta *read = NULL;
  lnspi_blake2s hash;
  uint8_t digest[LNSP_HASH_BYTES];
  char digits[65];
  size_t bytes, at = 0;
  uint8_t *data = delta_bytes(delta, &bytes);
  while (at + strlen(from) < bytes && memcmp(data + at, from, strlen(from))) at++;
  CHECK_SAY(at + strlen(from) < bytes && strlen(from) == strlen(to), "no '%s'", from);
  memcpy(data + at, to, strlen(to));
  memset(data + 48, '0', 64);
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, data, bytes);
  lnspi_blake2s_final(&hash, digest);
  lnspi_digest_to_hex(digest, digits);
  memcpy(data + 48, digits, 64);
  const int32_t status = lnsp_delta_open_memory(data, bytes, NULL, &read, &error);
  CHECK((status == LNSP_OK) == (read != NULL));
  lnsp_delta_destroy(read);
  free(data);
  return status;
}

/* sparse sets the share of the elements, rounded; and what a codec adds beyond the largest
 * float is refused when the delta is made, not by whoever gets it. */
static void shares_and_overflow(void) {
  lnsp_model *base = zeroed(), *next = moved(base, 2, .01f),
             *far = model_stored_as(base, LNSP_F32);
  lnsp_delta *delta = delta_between(base, next, "sparse share=.1");
  const double elements = (double)base->graph->parameter_count;
  CHECK((int64_t)(.1 * elements) != (int64_t)(.1 * elements + .5));
  CHECK_INT(delta->changed_count, (int64_t)(.1 * elements + .5));
  lnsp_delta_destroy(delta);
  float from[70] = {3.4e38f}, to[70] = {3.402e38f};
  for (int i = 1; i < 70; i++) to[i] = 1e38f;
  for (int32_t t = 0; t < far->graph->weight_count; t++) {
    const lnspi_weight *w = &far->graph->weights[t];
    if (strcmp(w->name, "a.bias")) continue;
    lnspi_state_write(w, base->state, 0, lnspi_weight_rows(w), from);
    lnspi_state_write(w, far->state, 0, lnspi_weight_rows(w), to);
  }
  delta = NULL;
  CHECK_INT(lnsp_delta_create(base, far, "sign", NULL, &delta, &error), LNSP_E_NOT_FINITE);
  CHECK(delta == NULL);
  lnsp_model_destroy(far);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* Stamps that no stamp writes. */
static void stamps_of_strangers(void) {
  static const char *const nonces[] = {"00000000000000000000", "01844674407370955161",
                                       "18446744073709551616", "99999999999999999999",
                                       "1844674407370955161x", "+1844674407370955161",
                                       " 1844674407370955161", "-1844674407370955161"};
  static const char *const senders[] = {"watch 17", "watch;17",
                                        "watch\x7f"
                                        "17",
                                        "wat\xc3\xa9"
                                        "-17"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int4");
  CHECK_INT(lnsp_delta_stamp(delta, "watch-17", UINT64_MAX, NULL, 0, &error), LNSP_OK);
  CHECK_INT(resealed(delta, "18446744073709551615", "18446744073709551614"), LNSP_OK);
  CHECK_INT(resealed(delta, "watch-17", "watch-18"), LNSP_OK);
  char changed[64], more[64];
  CHECK(delta->changed_count > 1000);
  snprintf(changed, sizeof changed, "lnsp.delta.changed\":\"%d\"", (int)delta->changed_count);
  snprintf(more, sizeof more, "lnsp.delta.changed\":\"%d\"",
           (int)delta->graph->parameter_count + 1);
  CHECK_INT(resealed(delta, changed, more), LNSP_E_FORMAT);
  snprintf(more, sizeof more, "lnsp.delta.changed\":\"%d\"",
           (int)delta->graph->parameter_count);
  CHECK_INT(resealed(delta, changed, more), LNSP_OK);
  snprintf(more, sizeof more, "lnsp.delta.changed\":\"0%d\"", (int)delta->changed_count % 1000);
  CHECK_INT(resealed(delta, changed, more), LNSP_E_FORMAT);
  for (size_t i = 0; i < sizeof nonces / sizeof *nonces; i++)
    CHECK_INT(resealed(delta, "18446744073709551615", nonces[i]), LNSP_E_FORMAT);
  for (size_t i = 0; i < sizeof senders / sizeof *senders; i++)
    CHECK_INT(resealed(delta, "watch-17", senders[i]), LNSP_E_FORMAT);
  CHECK_INT(lnsp_delta_stamp(delta, "watch-17", 7, NULL, 0, &error), LNSP_OK);
  CHECK_INT(resealed(delta, "nonce\":\"7\"", "nonce\":\"8\""), LNSP_OK);
  CHECK_INT(resealed(delta, "nonce\":\"7\"", "nonce\":\"0\""), LNSP_E_FORMAT); /* left out */
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* ---- types and trainers --------------------------------------------------- */

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

/* ---- memory ---------------------------------------------------------------- */

typedef struct failing {
  support_heap heap;
  lnsp_allocator allocator;
  lnsp_options options;
  lnsp_model *base;
  lnsp_delta *delta, *merged;
  lnsp_trainer *trainer;
} failing;

static int32_t call_of(failing *f, int which, void (**release)(void *), void **made_of) {
  const lnsp_delta *three[3] = {f->delta, f->merged, f->delta};
  lnsp_delta_check_options rules = {.struct_size = sizeof rules, .max_norm = 100};
  lnsp_delta *delta = NULL;
  lnsp_model *model = NULL;
  int32_t status = LNSP_OK, why[3];
  *release = NULL;
  switch (which) {
    case 0: return lnsp_delta_norm(f->delta, f->base, NULL, NULL, &f->options, &error);
    case 1: return lnsp_delta_check(f->merged, f->base, &rules, &f->options, &error);
    case 2:
      status = lnsp_delta_accept(f->merged, f->base, &rules, &f->options, &model, &error);
      break;
    case 3:
      status = lnsp_delta_aggregate(f->base, three, NULL, 3, "trimmed skip=1", &f->options, why,
                                    &delta, &error);
      break;
    case 4: return lnsp_trainer_step_delta(f->trainer, f->delta, &error);
    case 5: status = lnsp_delta_invert(f->merged, &f->options, &delta, &error); break;
    case 6: status = lnsp_delta_merge(three, 1, &f->options, &delta, &error); break;
    default:
      status = lnsp_delta_create(f->base, f->base, "sparse", &f->options, &delta, &error);
  }
  CHECK((status == LNSP_OK) == (delta || model));
  if (model) *release = (void (*)(void *))(void (*)(void))lnsp_model_destroy, *made_of = model;
  if (delta) *release = (void (*)(void *))(void (*)(void))lnsp_delta_destroy, *made_of = delta;
  return status;
}

static void failing_memory(void) {
  static failing f;
  f.allocator = support_allocator(&f.heap);
  f.options.struct_size = sizeof f.options;
  f.options.allocator = &f.allocator;
  f.base = model_fresh(NET, 1);
  lnsp_model *next = moved(f.base, 2, .1f);
  f.delta = delta_between(f.base, next, NULL);
  const lnsp_delta *const pair[] = {f.delta, delta_between(next, next, NULL)};
  CHECK_INT(lnsp_delta_merge(pair, 2, NULL, &f.merged, &error), LNSP_OK);
  f.trainer = trainer_of(f.base, "sgd lr=1e-9", &f.options);
  const int live = f.heap.live;
  for (int which = 0; which < 8; which++) {
    int done = 0;
    for (int k = 1; !done && k < 12; k++) {
      void (*release)(void *) = NULL;
      void *made_of = NULL;
      f.heap.calls = 0;
      f.heap.fail_at = k;
      const int32_t status = call_of(&f, which, &release, &made_of);
      done = f.heap.calls < k;
      CHECK_SAY(status == (done ? LNSP_OK : LNSP_E_MEMORY), "call %d, allocation %d: %s", which,
                k, lnsp_status_name(status));
      CHECK(k < 2 || !done || f.heap.calls > 0); /* it does allocate from there */
      f.heap.fail_at = 0;
      if (release) release(made_of);
      CHECK_INT(f.heap.live, live);
    }
    CHECK(done);
    if (which == 4) CHECK_INT(lnsp_trainer_step_count(f.trainer), 1);
  }
  lnsp_trainer_destroy(f.trainer);
  CHECK_INT(f.heap.live, 0);
  lnsp_delta_destroy(f.merged);
  lnsp_delta_destroy(f.delta);
  lnsp_delta_destroy((lnsp_delta *)(uintptr_t)pair[1]);
  lnsp_model_destroy(next);
  lnsp_model_destroy(f.base);
}

/* An aggregate in the caller's block takes what measure says of float32, no byte less. */
static void blocks(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .1f), *out = NULL;
  lnsp_delta *delta = delta_between(base, next, NULL), *sum = NULL;
  const lnsp_delta *one[1] = {delta};
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  lnsp_options options = LNSP_OPTIONS_INIT;
  CHECK_INT(lnsp_delta_measure(lnsp_model_graph(base), "float32", &memory, &error), LNSP_OK);
  const size_t bytes = (size_t)memory.total_bytes;
  uint8_t *room = aligned_alloc(64, (bytes + 127) / 64 * 64);
  memset(room, 0xa5, bytes + 1);
  options.block = room;
  options.block_bytes = bytes - 1;
  CHECK_INT(lnsp_delta_aggregate(base, one, NULL, 1, NULL, &options, NULL, &sum, &error),
            LNSP_E_MEMORY);
  CHECK(sum == NULL);
  options.block_bytes = bytes;
  CHECK_INT(lnsp_delta_aggregate(base, one, NULL, 1, NULL, &options, NULL, &sum, &error),
            LNSP_OK);
  CHECK((uint8_t *)sum >= room && (uint8_t *)sum < room + bytes && room[bytes] == 0xa5);
  out = delta_applied(sum, base);
  lnsp_model_destroy(out);
  lnsp_delta_destroy(sum);
  /* norms need memory of their own: a block is refused */
  memset(room, 0xa5, bytes);
  double norm = 0;
  CHECK_INT(lnsp_delta_norm(delta, base, &norm, NULL, &options, &error), LNSP_E_ARGUMENT);
  CHECK_STR(error.name, "block");
  options.block = NULL;
  options.block_bytes = 0;
  CHECK_INT(lnsp_delta_norm(delta, base, &norm, NULL, &options, &error), LNSP_OK);
  CHECK(norm > 0 && room[0] == 0xa5 && room[bytes - 1] == 0xa5);
  free(room);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* ---- callers --------------------------------------------------------------- */

static void misuse(void) {
  struct {
    lnsp_delta_check_options rules;
    uint64_t later;
  } newer;
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .1f), *out = NULL;
  lnsp_delta *delta = delta_between(base, next, NULL);
  lnsp_delta_check_options rules = LNSP_DELTA_CHECK_OPTIONS_INIT;
  CHECK_INT(lnsp_delta_check(delta, base, NULL, NULL, &error), LNSP_OK); /* no rule */
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, NULL), LNSP_OK);
  rules.max_norm = 1e-3;
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_LIMIT);
  CHECK_SAY(strstr(error.message, "at most 0.001 is allowed") != NULL, "%s", error.message);
  rules.max_norm = 0;
  rules.max_change = 1e-300; /* below what a float says */
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_LIMIT);
  CHECK_SAY(strstr(error.message, "changes a weight by 0.0") != NULL, "%s", error.message);
  CHECK_INT(lnsp_delta_accept(delta, base, &rules, NULL, &out, &error), LNSP_E_LIMIT);
  rules.max_change = 0;
  rules.max_norm = 1e-3;
  CHECK_INT(lnsp_delta_accept(delta, base, &rules, NULL, &out, &error), LNSP_E_LIMIT);
  CHECK(out == NULL);
  rules.max_norm = 0;
  rules.max_change = 0;
  rules.struct_size = 0;
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_ARGUMENT);
  rules.struct_size = 3;
  CHECK_INT(lnsp_delta_accept(delta, base, &rules, NULL, &out, &error), LNSP_E_ARGUMENT);
  rules.struct_size = UINT32_MAX;
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_ARGUMENT);
  rules.struct_size = sizeof rules;
  rules.max_norm = -1;
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_ARGUMENT);
  rules.max_norm = 0;
  rules.key_bytes = 1;
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_ARGUMENT);
  rules.key = "k";
  rules.key_bytes = UINT32_MAX;
  CHECK_INT(lnsp_delta_check(delta, base, &rules, NULL, &error), LNSP_E_ARGUMENT);
  memset(&newer, 0, sizeof newer);
  newer.rules.struct_size = sizeof newer;
  CHECK_INT(lnsp_delta_check(delta, base, &newer.rules, NULL, &error), LNSP_OK);
  newer.later = 1;
  CHECK_INT(lnsp_delta_check(delta, base, &newer.rules, NULL, &error), LNSP_E_UNSUPPORTED);
  CHECK_INT(lnsp_delta_norm(NULL, base, NULL, NULL, NULL, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_norm(delta, NULL, NULL, NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_check(NULL, base, NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_accept(delta, base, NULL, NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_stamp(NULL, NULL, 0, NULL, 0, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_stamp(delta, NULL, 0, NULL, 5, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_trainer_step_delta(NULL, delta, NULL), LNSP_E_ARGUMENT);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* ---- the caller's rounding --------------------------------------------------- */

typedef struct results {
  uint8_t *file[3];
  size_t bytes[3];
  double norm;
  uint8_t hash[LNSP_HASH_BYTES];
} results;

/* What a caller gets whose processor rounds as mode says. */
static void results_of(int mode, results *r) {
  static const char *const codecs[] = {"sparse share=.1", "int4 block=8", "float16"};
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .1f);
  lnsp_delta *deltas[3], *sum = NULL;
  lnsp_trainer *trainer = trainer_of(base, "adam lr=.01", NULL);
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  fesetround(mode);
  for (int i = 0; i < 3; i++) {
    lnsp_delta *read = NULL;
    CHECK_INT(lnsp_delta_measure(lnsp_model_graph(base), codecs[i], &memory, &error), LNSP_OK);
    deltas[i] = delta_between(base, next, codecs[i]);
    r->file[i] = delta_bytes(deltas[i], &r->bytes[i]);
    error.message[0] = 0;
    CHECK_SAY(lnsp_delta_open_memory(r->file[i], r->bytes[i], NULL, &read, &error) == LNSP_OK,
              "rounding %d: %s", mode, error.message);
    lnsp_delta_destroy(read);
  }
  CHECK_INT(lnsp_delta_norm(deltas[0], base, &r->norm, NULL, NULL, &error), LNSP_OK);
  CHECK_INT(aggregate(base, (const lnsp_delta *const *)deltas, NULL, 3,
                      "trimmed share=.1 clip=median", &sum),
            LNSP_OK);
  CHECK_INT(lnsp_trainer_step_delta(trainer, sum, &error), LNSP_OK);
  CHECK_INT(lnsp_trainer_hash(trainer, LNSP_SAVE_STATE, r->hash, &error), LNSP_OK);
  CHECK_INT(fegetround(), mode);
  fesetround(FE_TONEAREST);
  lnsp_trainer_destroy(trainer);
  lnsp_delta_destroy(sum);
  for (int i = 0; i < 3; i++) lnsp_delta_destroy(deltas[i]);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

static void rounding(void) {
  static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  results first, r;
  for (int m = 0; m < 4; m++) {
    results_of(modes[m], m ? &r : &first);
    for (int i = 0; m && i < 3; i++) {
      CHECK(r.bytes[i] == first.bytes[i] && !memcmp(r.file[i], first.file[i], r.bytes[i]));
      free(r.file[i]);
    }
    CHECK(!m || (r.norm == first.norm && !memcmp(r.hash, first.hash, sizeof r.hash)));
  }
  for (int i = 0; i < 3; i++) free(first.file[i]);
}

int main(void) {
  RUN(stamped_again);
  RUN(last_byte_of_a_code);
  RUN(patterns);
  RUN(rule_texts);
  RUN(trimmed_counts);
  RUN(median_norm);
  RUN(weights_of_a_mean);
  RUN(counts);
  RUN(one_handle_often);
  RUN(empty);
  RUN(stages);
  RUN(stages_back);
  RUN(infinite_between);
  RUN(bytes_for_nothing);
  RUN(bytes_behind);
  RUN(another_network);
  RUN(shares_and_overflow);
  RUN(stamps_of_strangers);
  RUN(stored_bases);
  RUN(bf16_server);
  RUN(frozen_server);
  RUN(refused_step);
  RUN(failing_memory);
  RUN(blocks);
  RUN(misuse);
  RUN(rounding);
  FINISH();
}

/* Deltas of many stages, of none, with too many bytes, and for another network. */
#include "delta_cases.h"
#include "base/blake2s.h"
#include "delta/float_coder.h"
#include "delta/stages.h"
#include "graph/graph.h"

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

int main(void) {
  RUN(stages);
  RUN(stages_back);
  RUN(infinite_between);
  RUN(bytes_for_nothing);
  RUN(bytes_behind);
  RUN(another_network);
  RUN(shares_and_overflow);
  FINISH();
}

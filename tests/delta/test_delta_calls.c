/* Calls of deltas: memory that fails, blocks, misuse, and a caller that rounds otherwise. */
#include <fenv.h>

#include "delta_cases.h"

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
  RUN(failing_memory);
  RUN(blocks);
  RUN(misuse);
  RUN(rounding);
  FINISH();
}

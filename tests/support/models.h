/* Makers of models and deltas for tests: each gives its result or leaves the test. */
#ifndef TESTS_MODELS_H
#define TESTS_MODELS_H

#include "support.h"

static inline lnsp_model *model_fresh(const char *text, uint64_t seed) {
  lnsp_model *model = NULL;
  REQUIRE_OK(lnsp_model_create(text, seed, NULL, &model, &support_error));
  return model;
}

/* A copy that stores its matrices as another type. */
static inline lnsp_model *model_stored_as(const lnsp_model *from, int32_t type) {
  lnsp_model *model = NULL;
  REQUIRE_OK(lnsp_model_convert(from, type, NULL, &model, &support_error));
  return model;
}

/* A trainer's live weights. */
static inline lnsp_model *model_published(const lnsp_trainer *trainer) {
  lnsp_model *model = NULL;
  REQUIRE_OK(lnsp_trainer_publish(trainer, 0, NULL, &model, &support_error));
  return model;
}

/* Have both the same names, shapes and values? */
static inline int model_same(const lnsp_model *a, const lnsp_model *b) {
  uint8_t x[LNSP_HASH_BYTES], y[LNSP_HASH_BYTES];
  REQUIRE_OK(lnsp_model_hash(a, x, &support_error));
  REQUIRE_OK(lnsp_model_hash(b, y, &support_error));
  return !memcmp(x, y, sizeof x);
}

static inline lnsp_delta *delta_between(const lnsp_model *base, const lnsp_model *next,
                                        const char *codec) {
  lnsp_delta *delta = NULL;
  REQUIRE_OK(lnsp_delta_create(base, next, codec, NULL, &delta, &support_error));
  return delta;
}

static inline lnsp_model *delta_applied(const lnsp_delta *delta, const lnsp_model *base) {
  lnsp_model *model = NULL;
  REQUIRE_OK(lnsp_delta_apply(delta, base, NULL, &model, &support_error));
  return model;
}

/* The delta's file in memory, to be freed; nothing is written past its end. */
static inline uint8_t *delta_bytes(const lnsp_delta *delta, size_t *bytes) {
  *bytes = 0;
  CHECK_INT(lnsp_delta_save_memory(delta, NULL, 0, bytes, NULL), LNSP_E_LIMIT);
  uint8_t *to = malloc(*bytes + 1);
  REQUIRE(to);
  to[*bytes] = 0xa5;
  REQUIRE_OK(lnsp_delta_save_memory(delta, to, *bytes, NULL, &support_error));
  CHECK(to[*bytes] == 0xa5);
  return to;
}

#endif

/* Shared by tests of deltas at their limits: models that differ a little, and aggregates. */
#ifndef TESTS_DELTA_CASES_H
#define TESTS_DELTA_CASES_H

#include <math.h>

#include "models.h"
#include "delta/delta.h"
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
static inline lnsp_model *moved(const lnsp_model *from, uint32_t seed, float factor) {
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

static inline lnsp_trainer *trainer_of(const lnsp_model *model, const char *optimizer,
                                       const lnsp_options *options) {
  lnsp_trainer *trainer = NULL;
  CHECK_INT(lnsp_trainer_create(model, NULL, optimizer, NULL, options, &trainer, &error),
            LNSP_OK);
  return trainer;
}

static inline int32_t aggregate(const lnsp_model *base, const lnsp_delta *const *deltas,
                                const double *weights, int32_t count, const char *rule,
                                lnsp_delta **sum) {
  *sum = NULL;
  error.message[0] = 0;
  return lnsp_delta_aggregate(base, deltas, weights, count, rule, NULL, NULL, sum, &error);
}

/* A base whose first biases are 0. */
static inline lnsp_model *zeroed(void) {
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
static inline double bias_of(const lnsp_delta *sum, const lnsp_model *base) {
  lnsp_model *model = delta_applied(sum, base);
  float values[70];
  CHECK_INT(lnsp_model_tensor_read(model, "a.bias", values, 70, &error), LNSP_OK);
  lnsp_model_destroy(model);
  return (double)values[0];
}

#endif

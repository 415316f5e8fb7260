/* Shared by tests of losses: tensors of two dimensions, and numbers without a pattern. */
#ifndef TESTS_LOSS_CASES_H
#define TESTS_LOSS_CASES_H

#include "support.h"
#include "train/loss.h"
#include "lnsp.h"

static inline lnsp_tensor matrix(const char *name, float *data, int64_t rows, int64_t width) {
  return lnsp_tensor_f32(name, data, 2, rows, width, 0);
}

static uint32_t noise_state;
static inline float noise(void) { /* in [-1, 1) */
  noise_state = noise_state * 1664525u + 1013904223u;
  return (float)(int32_t)noise_state / 2147483648.0f;
}

#endif

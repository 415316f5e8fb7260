/* Optimizers and schedules. A new optimizer is a file in optimizers/ and a line
 * in optimizers/list.h. */
#ifndef LNSPI_TRAIN_OPTIMIZER_H
#define LNSPI_TRAIN_OPTIMIZER_H

#include "base/setting.h"
#include "kernels/kernels.h"

#define LNSPI_OPTIMIZER_ARGUMENTS 8
#define LNSPI_MOMENTS 2

/* What an optimizer needs for one step, computed once a step. */
typedef struct lnspi_update {
  union {
    lnspi_adam adam;
    lnspi_sgd sgd;
  } as;
  uint32_t key[4]; /* for stochastic rounding: of moments, of weights */
} lnspi_update;

/* Upper bounds of magnitudes, which prove that a step stays finite. moment is for
 * those that do not hold squares: squares are bounded by those of gradients. */
typedef struct lnspi_bounds {
  double weight, moment, average;
} lnspi_bounds;

typedef struct lnspi_optimizer {
  const char *name;
  const char *help;
  /* Keys besides the common ones (base/setting.h), with the values in real[] in order, a
   * word as its index. */
  const char *keys;
  const char *moment_name[LNSPI_MOMENTS]; /* in state files, as PyTorch's */
  int32_t squares; /* the moment that holds squares and is never negative, or -1 */
  /* A sentence on what is wrong with the values together, or NULL. May be NULL. */
  const char *(*refuse)(const double *real);
  int32_t (*moments)(const double *real); /* arrays it keeps */
  void (*prepare)(const double *real, double lr, double scale, uint64_t step,
                  lnspi_update *update);
  /* n floats; moment[] NULL where it keeps fewer */
  void (*apply)(const lnspi_kernels *k, const lnspi_update *update, float *w,
                float *const moment[LNSPI_MOMENTS], const float *g, int64_t n);
  /* The same with moments in 8 bits, if the optimizer has them and real[] says so. */
  int (*moments8)(const double *real); /* may be NULL: never */
  void (*apply_moments8)(const lnspi_kernels *k, const lnspi_update *update, float *w,
                         const lnspi_moments8 *moments, const float *g, int64_t n);
  /* The same for the gradient that grad_strip would form of one use of a matrix. NULL:
   * it is formed first. */
  void (*apply_strip)(const lnspi_kernels *k, const lnspi_update *update, float *w,
                      float *const moment[LNSPI_MOMENTS], int64_t lanes, const float *d,
                      int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t kn);
  /* Bounds of weight and moment after a step whose gradients are at most gradient,
   * before scaling; INFINITY where something on the way could overflow. */
  void (*bound)(const double *real, const lnspi_update *update, double gradient,
                lnspi_bounds *bounds);
} lnspi_optimizer;

const lnspi_optimizer *lnspi_optimizer_at(int32_t index); /* NULL past the end */

/* A key of an optimizer's text, with those of schedule=constant. 0 past the end. */
int lnspi_optimizer_key(const lnspi_optimizer *optimizer, int32_t index, lnsp_key_info *info);

/* An optimizer text. */
typedef struct lnspi_optimizer_config {
  const lnspi_optimizer *optimizer;
  double real[LNSPI_OPTIMIZER_ARGUMENTS];
  double lr;
  double min_lr; /* below 0: minus its share of lr */
  double rise;   /* warmup= as given, below 0: minus its share of steps */
  double factor; /* of schedule=step and plateau */
  double clip; /* 0: off */
  double average; /* decay of the moving average, 0: off */
  double threshold; /* of schedule=plateau, as patience and cooldown */
  uint64_t cooldown;
  union {
    uint64_t every;    /* of schedule=step */
    uint64_t patience; /* of schedule=plateau */
  };
  int32_t schedule;
  int32_t weights; /* type of the matrices: LNSP_F32 or LNSP_BF16 */
  int32_t accumulate; /* calls whose gradients' mean makes one update */
  int32_t residual; /* 1: the state holds what lossy deltas left out */
  uint64_t warmup, steps;
  uint64_t seed; /* of stochastic rounding */
  double clip_each, noise; /* privacy: norm of an example's gradient, deviation of the
                              noise in such norms; 0: off */
  uint64_t lot; /* what their sum is divided by; 0: the rows of the step */
} lnspi_optimizer_config;

int lnspi_optimizer_has_moments8(const lnspi_optimizer_config *rule); /* 1: moments in 8 bits */

/* "adamw lr=1e-3 betas=.9,.999 clip=1 ema=.999 schedule=cosine steps=1000" */
int32_t lnspi_optimizer_parse(const char *text, lnspi_optimizer_config *rule,
                              lnsp_error *error);

/* The key of update number age (from 1) of a tensor. */
void lnspi_optimizer_rounding_key(const lnspi_optimizer_config *rule, int32_t weight,
                                  uint64_t age, uint32_t key[4]);

#endif

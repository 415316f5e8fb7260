/* Proof, before any weight changes, that an update stays finite. */
#ifndef LNSPI_TRAIN_FINITE_CHECK_H
#define LNSPI_TRAIN_FINITE_CHECK_H

#include <float.h>
#include <math.h>

#include "train/trainer.h"

#define LNSPI_MOST_GRADIENT 1e18 /* its square fits a float, a hundred times over */
#define LNSPI_MOST_WEIGHT 1e37

/* Upper bound of every element of the gradient, not finite if any term is not. One
 * bound for all tensors together is loose but enough. */
double lnspi_finite_check_gradient(const lnsp_trainer *t);

/* Bounds after the step, kept from step to step; the arrays themselves are looked at
 * only when those no longer suffice. */
int32_t lnspi_finite_check(lnsp_trainer *t, double gradient, const lnspi_update *update,
                           lnspi_bounds *after, lnsp_error *error);

#endif

/* Powers and cosines in double, the same on every host. */
#ifndef LNSPI_KERNELS_F64_H
#define LNSPI_KERNELS_F64_H

#include <stdint.h>

/* Deterministic scalar mathematics, for things done once a step, in terms of
 * single IEEE operations only. Same bits on every host. */
double lnspi_f64_power(double base, uint64_t exponent);  /* by squaring             */
double lnspi_f64_cos_pi(double x);  /* cos(pi x), |x| <= 1e6, within 4e-16 absolute */

#endif

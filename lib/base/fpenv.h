/* The floating-point environment that the library computes in. */
#ifndef LNSPI_BASE_FPENV_H
#define LNSPI_BASE_FPENV_H

#include <float.h>
#include <stdint.h>

/* Saves the floating-point control word and sets round to nearest, gradual
 * underflow, no traps; leave restores it (and clears nothing else). */
typedef struct lnspi_fpenv {
  uint64_t word;
} lnspi_fpenv;

lnspi_fpenv lnspi_fpenv_enter(void);
void lnspi_fpenv_leave(lnspi_fpenv saved);

#endif

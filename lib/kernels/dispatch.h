/* The choice of a kernel set that runs here. */
#ifndef LNSPI_KERNELS_DISPATCH_H
#define LNSPI_KERNELS_DISPATCH_H

#include "kernels/kernels.h"
#include "lnsp.h"

/* The set named (NULL, "" or "auto": the widest that runs here), after a short
 * self-check of its fused multiply-add against the software one; NULL with the
 * error filled in if it is unknown, cannot run here or fails the check. bytes: for
 * int8 matrices; 0: auto passes over the sets that differ in those alone, and asks the
 * operating system for nothing; 2: for int8 without AMX. */
const lnspi_kernels *lnspi_dispatch_select_for(const char *isa, int bytes, lnsp_error *error);

static inline const lnspi_kernels *lnspi_dispatch_select(const char *isa, lnsp_error *error) {
  return lnspi_dispatch_select_for(isa, 0, error);
}

/* Kernel sets of this build, widest first, scalar last; NULL past the end. "cblas" is
 * not among them. */
const lnspi_kernels *lnspi_dispatch_at(int32_t index);

/* The widest of those that runs here; NULL in builds without. */
const lnspi_kernels *lnspi_dispatch_cblas(void);

/* 1 if this CPU and operating system run the set; asks for tiles if it needs them. */
int lnspi_dispatch_can_run(const lnspi_kernels *set);

#endif

/* The choice of a kernel set that runs here. */
#ifndef LNSPI_KERNELS_DISPATCH_H
#define LNSPI_KERNELS_DISPATCH_H

#include "kernels/kernels.h"
#include "lnsp.h"

/* What the kernels are chosen for: "auto" passes over sets that would change nothing. */
typedef enum lnspi_dispatch_purpose {
  LNSPI_DISPATCH_FLOATS,      /* no int8 matrices: sets that differ in those alone are not
                                 looked at, and the operating system is asked for nothing */
  LNSPI_DISPATCH_INT8,        /* int8 matrices, on AMX tiles where the system grants them */
  LNSPI_DISPATCH_INT8_NO_AMX  /* int8 products of one vector, for which AMX has no kernel */
} lnspi_dispatch_purpose;

/* The set named (NULL, "" or "auto": the widest that runs here), after a short self-check
 * of its fused multiply-add against the software one; NULL with the error filled in if it
 * is unknown, cannot run here or fails the check. */
const lnspi_kernels *lnspi_dispatch_select_for(const char *isa, lnspi_dispatch_purpose purpose,
                                               lnsp_error *error);

static inline const lnspi_kernels *lnspi_dispatch_select(const char *isa, lnsp_error *error) {
  return lnspi_dispatch_select_for(isa, LNSPI_DISPATCH_FLOATS, error);
}

/* Kernel sets of this build, widest first, scalar last; NULL past the end. "cblas" is
 * not among them. */
const lnspi_kernels *lnspi_dispatch_at(int32_t index);

/* The widest of those that runs here; NULL in builds without. */
const lnspi_kernels *lnspi_dispatch_cblas(void);

/* 1 if this CPU and operating system run the set; asks for tiles if it needs them. */
int lnspi_dispatch_can_run(const lnspi_kernels *set);

#endif

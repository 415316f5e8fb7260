/* Reference counts, the only thing that handles share. */
#ifndef LNSPI_BASE_REFCOUNT_H
#define LNSPI_BASE_REFCOUNT_H

#include <stdint.h>

/* Counts of owners; the only thing handles share. Returns the new value. */
int32_t lnspi_refcount_increment(int32_t *count);
int32_t lnspi_refcount_decrement(int32_t *count);

#endif

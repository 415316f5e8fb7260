/* Checked arithmetic on sizes. */
#ifndef LNSPI_BASE_CHECKED_H
#define LNSPI_BASE_CHECKED_H

#include <stdint.h>

/* Checked arithmetic: 1 and *out on success, 0 on overflow. */
int lnspi_checked_add(uint64_t a, uint64_t b, uint64_t *out);
int lnspi_checked_mul(uint64_t a, uint64_t b, uint64_t *out);
int lnspi_checked_align_up(uint64_t a, uint64_t to, uint64_t *out);

#endif

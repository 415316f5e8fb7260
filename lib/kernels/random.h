/* The counter generator behind lnspi_random. */
#ifndef LNSPI_KERNELS_RANDOM_H
#define LNSPI_KERNELS_RANDOM_H

#include <stdint.h>

/* Philox4x32-10 (Salmon, Moraes, Dror and Shaw, 2011). */
void lnspi_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif

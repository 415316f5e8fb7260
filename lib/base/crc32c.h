/* CRC-32C (Castagnoli). */
#ifndef LNSPI_BASE_CRC32C_H
#define LNSPI_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc: 0 to start, or the result so far. */
uint32_t lnspi_crc32c(uint32_t crc, const void *data, size_t bytes);

#endif

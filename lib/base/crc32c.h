/* CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, four bytes at a time */
#ifndef LNSPI_BASE_CRC32C_H
#define LNSPI_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli); crc is 0 to start, or the result so far. */
uint32_t lnspi_crc32c(uint32_t crc, const void *data, size_t bytes);

#endif

/* The layout of a record, and the only place where it is written and read as bytes. */
#ifndef LNSPI_STORE_RECORD_H
#define LNSPI_STORE_RECORD_H

#include <stdint.h>

#include "store/journal.h"

/* "lnjR", the first four bytes of a head. */
#define LNSPI_RECORD_MAGIC 0x526a6e6cu

/* Bytes of a log that a record takes, with a payload of so many bytes. */
uint64_t lnspi_record_space(const lnspi_journal *j, uint64_t bytes);

/* The hash that ties a head to the record before it, whose own hash is before. */
void lnspi_record_chain(const uint8_t before[32], const uint8_t raw[LNSPI_HEAD_BYTES],
                        uint8_t chain[32]);

/* Writes the head of a record, all of whose members but chain are set, and sets chain. */
void lnspi_record_encode(lnspi_record *record, const uint8_t before[32],
                         uint8_t raw[LNSPI_HEAD_BYTES]);

/* Reads the bytes at an offset of a log: 1 if they are a head of this log, else 0. The chain
 * is not checked. */
int lnspi_record_decode(const lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                        const uint8_t raw[LNSPI_HEAD_BYTES], lnspi_record *record);

#endif

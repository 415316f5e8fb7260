/* Numbers, hashes and shapes as text. */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include "lnsp.h"

#define FORMAT_NUMBER_BYTES 32
/* 545,088 */
const char *format_number(int64_t value, char buffer[FORMAT_NUMBER_BYTES]);
void format_hash(const uint8_t hash[LNSP_HASH_BYTES], char text[2 * LNSP_HASH_BYTES + 1]);
/* "[2, 6, 48]" */
void format_shape(const lnsp_tensor *tensor, char *buffer, size_t capacity);

#endif

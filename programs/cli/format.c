/* Numbers, hashes and shapes as text. */
#include "cli/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lnsp.h"

const char *format_number(int64_t value, char buffer[FORMAT_NUMBER_BYTES]) {
  char digits[FORMAT_NUMBER_BYTES];
  const int length = snprintf(digits, sizeof digits, "%lld", (long long)value);
  int from, to = 0;

  for (from = 0; from < length; from++) {
    const int left = length - from;
    if (from > 0 && left % 3 == 0 && digits[from - 1] != '-') buffer[to++] = ',';
    buffer[to++] = digits[from];
  }
  buffer[to] = 0;
  return buffer;
}

void format_hash(const uint8_t hash[LNSP_HASH_BYTES], char text[2 * LNSP_HASH_BYTES + 1]) {
  int i;
  for (i = 0; i < LNSP_HASH_BYTES; i++) snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

void format_shape(const lnsp_tensor *tensor, char *buffer, size_t capacity) {
  size_t used = 0;
  int32_t i;

  buffer[0] = 0;
  for (i = 0; i < tensor->rank && used < capacity; i++)
    used += (size_t)snprintf(buffer + used, capacity - used, "%s%lld", i ? ", " : "[",
                             (long long)tensor->dims[i]);
  if (used < capacity) snprintf(buffer + used, capacity - used, tensor->rank ? "]" : "[]");
}

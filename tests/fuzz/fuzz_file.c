/* libFuzzer entry: bytes as a safetensors file, all of it read.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_file.c lib/base/[a-z]*.c lib/format/[a-z]*.c lib/api/api_file.c \
 *     lib/api/path.c lib/kernels/scalar.c -lm -o fuzz_file
 */
#include <stdlib.h>
#include <string.h>

#include "lnsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_tensor(lnsp_file *file, int32_t index) {
  static const int32_t wanted[] = {LNSP_F32, LNSP_I64, LNSP_I32};
  lnsp_tensor tensor, found;
  int64_t count = 1;
  int32_t i;
  uint8_t *out;
  if (lnsp_file_tensor_at(file, index, &tensor, NULL) != LNSP_OK) abort();
  if (lnsp_file_tensor(file, tensor.name, &found, NULL) != LNSP_OK) abort();
  if (found.name != tensor.name) abort(); /* names are unique */
  for (i = 0; i < tensor.rank; i++) count *= tensor.dims[i];
  out = malloc((size_t)count * 8 + 1);
  if (!out) abort(); /* no tensor is larger than the file */
  if (lnsp_file_read(file, tensor.name, 0, count, tensor.dtype, out, NULL) != LNSP_OK) abort();
  for (i = 0; i < 3; i++) lnsp_file_read(file, tensor.name, 0, count, wanted[i], out, NULL);
  if (lnsp_file_read(file, tensor.name, 1, count, tensor.dtype, out, NULL) == LNSP_OK) abort();
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t empty = 0;
  lnsp_file *file;
  lnsp_error error;
  int32_t i;
  if (lnsp_file_open_memory(size ? data : &empty, size, NULL, &file, &error) != LNSP_OK) {
    if (file || !error.code || !error.message[0]) abort();
    if (error.offset > (int64_t)size) abort();
    return 0;
  }
  for (i = 0; i < lnsp_file_tensor_count(file); i++) fuzz_tensor(file, i);
  for (i = 0;; i++) {
    lnsp_key_value pair;
    if (lnsp_file_metadata_at(file, i, &pair, NULL) != LNSP_OK) break;
    if (lnsp_file_metadata(file, pair.key) != pair.value) abort();
  }
  lnsp_file_destroy(file);
  return 0;
}

/* Versions, names of codes and dtypes, and tensors made in one call: what needs no handle.
 *
 * The tables below are indexed by the code itself, so a new code needs a name and a text at its
 * place and a new last one in the two comparisons; tests/api/test_interface.c goes through all
 * of them. Codes beyond the last are not an error: a program may be given one by a newer
 * library. */
#include <string.h>

#include "format/dtype.h"

/* A number as text, after it was replaced by its value: that takes two macros. */
#define API_INFO_TEXT2(x) #x
#define API_INFO_TEXT(x) API_INFO_TEXT2(x)

uint32_t lnsp_version(void) { return LNSP_VERSION; }

const char *lnsp_version_text(void) {
  return API_INFO_TEXT(LNSP_VERSION_MAJOR) "." API_INFO_TEXT(
      LNSP_VERSION_MINOR) "." API_INFO_TEXT(LNSP_VERSION_PATCH);
}

uint32_t lnsp_arithmetic_version(void) { return LNSP_ARITHMETIC_VERSION; }

const char *lnsp_status_name(int32_t status) {
  static const char names[][20] = {"LNSP_OK",         "LNSP_E_ARGUMENT", "LNSP_E_MEMORY",
                                   "LNSP_E_IO",       "LNSP_E_FORMAT",   "LNSP_E_SYNTAX",
                                   "LNSP_E_UNKNOWN",  "LNSP_E_MISSING",  "LNSP_E_SHAPE",
                                   "LNSP_E_DTYPE",    "LNSP_E_LIMIT",    "LNSP_E_NOT_FINITE",
                                   "LNSP_E_STATE",    "LNSP_E_MISMATCH", "LNSP_E_UNSUPPORTED",
                                   "LNSP_E_INTERNAL", "LNSP_E_REFUSED",  "LNSP_E_CANCELLED"};
  if (status < LNSP_OK || status > LNSP_E_CANCELLED) return "LNSP_E_?";
  return names[status];
}

const char *lnsp_status_text(int32_t status) {
  static const char *const texts[] = {
      "no error",
      "an argument is missing or out of range",
      "out of memory, or the block is too small",
      "reading or writing failed",
      "the bytes are not in the format they claim to have",
      "a text is malformed",
      "a name is not known",
      "a tensor, key or file is missing",
      "shapes do not fit each other",
      "the data type cannot be used here",
      "a limit was exceeded",
      "NaN, infinity or overflow",
      "the call does not fit what was called before",
      "a hash or checksum does not match",
      "this CPU or build cannot do it",
      "a self-check failed: please report it",
      "refused by a rule or callback of the caller",
      "cancelled by the caller",
  };
  if (status < LNSP_OK || status > LNSP_E_CANCELLED) return "unknown error";
  return texts[status];
}

void lnsp_struct_init(void *out, size_t struct_bytes) {
  const uint32_t size = (uint32_t)struct_bytes;
  if (!out || struct_bytes < sizeof size) return;
  memset(out, 0, struct_bytes);
  memcpy(out, &size, sizeof size); /* struct_size is the first member of each of them */
}

lnsp_tensor lnsp_tensor_view(const char *name, int32_t dtype, const void *data, int32_t rank,
                             const int64_t *dims) {
  lnsp_tensor tensor;
  memset(&tensor, 0, sizeof tensor);
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.rank = rank;
  for (int32_t d = 0; dims && d < rank && d < LNSP_MAX_RANK; d++) tensor.dims[d] = dims[d];
  tensor.data = (void *)(uintptr_t)data; /* one member serves inputs and outputs */
  return tensor;
}

lnsp_tensor lnsp_tensor_f32(const char *name, float *data, int32_t rank, int64_t dim0,
                            int64_t dim1, int64_t dim2) {
  const int64_t dims[LNSP_MAX_RANK] = {dim0, dim1, dim2, 0};
  return lnsp_tensor_view(name, LNSP_F32, data, rank, dims);
}

size_t lnsp_dtype_bytes(int32_t dtype) { return lnspi_dtype_bytes(dtype); }

const char *lnsp_dtype_name(int32_t dtype) { return lnspi_dtype_name(dtype); }

/* Versions, names of codes and dtypes, and tensors made in one call. */
#include <string.h>

#include "format/dtype.h"

#define API_INFO_TEXT2(x) #x
#define API_INFO_TEXT(x) API_INFO_TEXT2(x)

uint32_t lnsp_version(void) {
  return LNSP_VERSION_MAJOR * 10000 + LNSP_VERSION_MINOR * 100 + LNSP_VERSION_PATCH;
}

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

lnsp_tensor lnsp_tensor_f32(const char *name, float *data, int32_t rank, int64_t dim0,
                            int64_t dim1, int64_t dim2) {
  lnsp_tensor tensor;
  memset(&tensor, 0, sizeof(tensor));
  tensor.name = name;
  tensor.dtype = LNSP_F32;
  tensor.rank = rank;
  if (rank > 0) tensor.dims[0] = dim0;
  if (rank > 1) tensor.dims[1] = dim1;
  if (rank > 2) tensor.dims[2] = dim2;
  tensor.data = data;
  return tensor;
}

size_t lnsp_dtype_bytes(int32_t dtype) { return lnspi_dtype_bytes(dtype); }

const char *lnsp_dtype_name(int32_t dtype) { return lnspi_dtype_name(dtype); }

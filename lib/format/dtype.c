/* Data types as safetensors names them. */
#include "format/dtype.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/str.h"

/* In the order of the LNSP_ constants: F32 is 1. */
typedef struct dtype_facts {
  char name[6];
  uint8_t bytes;
} dtype_facts;

static const dtype_facts dtype_table[] = {{"?", 0},   {"F32", 4}, {"F16", 2}, {"BF16", 2},
                                          {"F64", 8}, {"I8", 1},  {"I16", 2}, {"I32", 4},
                                          {"I64", 8}, {"U8", 1},  {"U16", 2}, {"U32", 4},
                                          {"U64", 8}, {"BOOL", 1}};

static const dtype_facts *dtype_at(int32_t dtype) {
  return &dtype_table[dtype >= LNSP_F32 && dtype <= LNSP_BOOL ? dtype : 0];
}

size_t lnspi_dtype_bytes(int32_t dtype) { return dtype_at(dtype)->bytes; }

const char *lnspi_dtype_name(int32_t dtype) { return dtype_at(dtype)->name; }

int32_t lnspi_dtype_find(const char *name) {
  for (int32_t i = LNSP_F32; i <= LNSP_BOOL; i++)
    if (lnspi_str_equal(dtype_table[i].name, name)) return i;
  return 0;
}

int lnspi_dtype_shape_bytes(int32_t dtype, int32_t rank, const int64_t *dims, int64_t *elements,
                            uint64_t *bytes) {
  uint64_t product = 1, total;
  int32_t i;
  int empty = 0;
  for (i = 0; i < rank; i++) {
    if (dims[i] < 0) return 0;
    if (dims[i] == 0) {
      empty = 1;
      continue;
    }
    if (!lnspi_checked_mul(product, (uint64_t)dims[i], &product) || product > INT64_MAX)
      return 0;
  }
  if (!lnspi_checked_mul(product, lnspi_dtype_bytes(dtype), &total) || total > INT64_MAX)
    return 0;
  *elements = empty ? 0 : (int64_t)product;
  *bytes = empty ? 0 : total;
  return 1;
}

int32_t lnspi_dtype_check_storage(int32_t storage, lnsp_error *error) {
  if (storage == LNSP_F32 || storage == LNSP_F16 || storage == LNSP_BF16 || storage == LNSP_I8)
    return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_DTYPE, NULL,
                         "matrices are stored as F32, F16, BF16 or I8, not as type %d",
                         storage);
}

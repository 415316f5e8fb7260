/* A tensor of the state seen as rows of equal length. */
#include "run/weight.h"

int64_t lnspi_weight_rows(const lnspi_weight *weight) {
  if (weight->kind == LNSPI_FLAT && weight->rank <= 1) return weight->parts;
  return weight->dims[0];
}

int64_t lnspi_weight_columns(const lnspi_weight *weight) {
  int64_t rows = lnspi_weight_rows(weight);
  return rows ? weight->count / rows : 0;
}

lnspi_weight lnspi_weight_in_array(const lnspi_weight *weight) {
  lnspi_weight there = *weight;
  there.type = LNSP_F32;
  there.at = weight->offset * (int64_t)sizeof(float);
  there.bytes = weight->floats * (int64_t)sizeof(float);
  return there;
}

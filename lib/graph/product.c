/* Products with the matrices of a state: which kernel a type takes. */
#include "graph/product.h"

typedef struct product_matrix {
  const void *data; /* of the part */
  int64_t in, out;
  int32_t type;
} product_matrix;

static product_matrix product_find(const lnspi_call *c, int32_t slot, int32_t part) {
  const lnspi_weight *weight = &c->graph->weights[c->node->slot[slot]];
  product_matrix m;
  m.data = (const uint8_t *)c->weight[slot] + part * (weight->bytes / weight->parts);
  m.in = weight->dims[1];
  m.out = weight->dims[0] / weight->parts;
  m.type = weight->type;
  return m;
}

void lnspi_product(const lnspi_call *c, int32_t slot, int32_t part, const float *bias,
                   const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows) {
  const product_matrix m = product_find(c, slot, part);
  c->k->linear(m.data, bias, x, ldx, y, ldy, rows, m.in, m.out);
}

void lnspi_product_dx(const lnspi_call *c, int32_t slot, int32_t part, const float *d,
                      int64_t ldd, float *dx, int64_t lddx, int64_t rows, int pad) {
  const product_matrix m = product_find(c, slot, part);
  c->k->linear_dx(m.data, d, ldd, dx, lddx, rows, m.in, m.out, pad);
}

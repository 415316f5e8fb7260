/* Products with the matrices of a state: which kernel a type takes. */
#include "graph/product.h"

#include "kernels/compact.h"

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

int64_t lnspi_product_floats(const lnsp_graph *graph, const lnspi_node *node, int64_t rows) {
  int64_t most = 0;
  for (int32_t s = 0; s < LNSPI_MAX_SLOTS; s++) {
    if (node->slot[s] < 0) continue;
    const lnspi_weight *weight = &graph->weights[node->slot[s]];
    int64_t floats = lnspi_compact_scratch_floats(weight->type, rows, weight->dims[1]);
    if (floats > most) most = floats;
  }
  return most;
}

void lnspi_product(const lnspi_call *c, int32_t slot, int32_t part, const float *bias,
                   const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows) {
  const product_matrix m = product_find(c, slot, part);
  switch (m.type) {
    case LNSP_BF16:
      c->k->linear_bf16(m.data, bias, x, ldx, y, ldy, rows, m.in, m.out);
      break;
    case LNSP_F16:
      c->k->linear_f16(m.data, bias, x, ldx, y, ldy, rows, m.in, m.out);
      break;
    case LNSP_I8:
      c->k->linear_i8(m.data, bias, x, ldx, y, ldy, rows, m.in, m.out, c->product);
      break;
    default:
      c->k->linear(m.data, bias, x, ldx, y, ldy, rows, m.in, m.out);
  }
}

void lnspi_product_dx(const lnspi_call *c, int32_t slot, int32_t part, const float *d,
                      int64_t ldd, float *dx, int64_t lddx, int64_t rows, int pad) {
  const product_matrix m = product_find(c, slot, part);
  if (m.type == LNSP_BF16)
    c->k->linear_dx_bf16(m.data, d, ldd, dx, lddx, rows, m.in, m.out, pad);
  else
    c->k->linear_dx(m.data, d, ldd, dx, lddx, rows, m.in, m.out, pad);
}

/* y = a b, number by number. */
#include "graph/declare.h"

static void mul_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    c->k->mul(c->out + r * c->out_ld, c->in[0] + r * c->in_ld[0], c->in[1] + r * c->in_ld[1],
              c->node->width);
  lnspi_layer_zero_pads(c->out, c->out_ld, c->rows, c->node->width);
}

static void mul_backward(const lnspi_call *c) {
  for (int i = 0; i < 2; i++) {
    if (!c->din[i]) continue;
    for (int64_t r = 0; r < c->rows; r++)
      c->k->mul(c->din[i] + r * c->in_ld[i], c->dout + r * c->out_ld,
                c->in[1 - i] + r * c->in_ld[1 - i], c->node->width);
    lnspi_layer_zero_pads(c->din[i], c->in_ld[i], c->rows, c->node->width);
  }
}

const lnspi_layer lnspi_layer_mul = {
    .name = "mul",
    .help = "y = mul a b: the product of two values of equal width, number by number",
    .inputs_low = 2,
    .inputs_high = 2,
    .define = lnspi_declare_pairwise,
    .forward = mul_forward,
    .backward = mul_backward,
};

/* y = a + b, of equal widths. */
#include "graph/declare.h"

static void add_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    c->k->add(c->out + r * c->out_ld, c->in[0] + r * c->in_ld[0], c->in[1] + r * c->in_ld[1],
              c->node->width);
}

static void add_backward(const lnspi_call *c) {
  const int64_t n = c->node->width;
  for (int i = 0; i < 2; i++) {
    if (!c->din[i]) continue;
    lnspi_layer_copy(c->din[i], c->in_ld[i], c->dout, c->out_ld, c->rows, n);
    lnspi_layer_zero_pads(c->din[i], c->in_ld[i], c->rows, n);
  }
}

const lnspi_layer lnspi_layer_add = {
    .name = "add",
    .help = "y = add a b: the sum of two values of equal width",
    .inputs_low = 2,
    .inputs_high = 2,
    .define = lnspi_declare_pairwise,
    .forward = add_forward,
    .backward = add_backward,
};

/* The activations: relu, gelu (the exact form, by erf), silu, tanh, sigmoid, softplus. They
 * are the library's own functions of kernels.h, with the same bits on every machine, and not
 * those of the C library. Backward computes the slope from the input; nothing is kept. */
#include "graph/builder.h"

static void activation_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
}

static void activation_run(const lnspi_call *c, int kind) {
  for (int64_t r = 0; r < c->rows; r++)
    c->k->act(kind, c->out + r * c->out_ld, c->in[0] + r * c->in_ld[0], c->node->width);
}

static void activation_back(const lnspi_call *c, int kind) {
  float *dx = c->din[0];
  if (!dx) return;
  for (int64_t r = 0; r < c->rows; r++)
    c->k->act_dx(kind, dx + r * c->in_ld[0], c->dout + r * c->out_ld,
                 c->in[0] + r * c->in_ld[0], c->node->width);
  lnspi_layer_zero_pads(dx, c->in_ld[0], c->rows, c->node->width);
}

/* One table entry an activation. */
#define ACTIVATION(id, kind, formula)                                                       \
  static void activation_##id##_forward(const lnspi_call *c) { activation_run(c, kind); }   \
  static void activation_##id##_backward(const lnspi_call *c) { activation_back(c, kind); } \
  const lnspi_layer lnspi_layer_##id = {                                                    \
      .name = #id,                                                                          \
      .help = "y = " #id " x: " formula,                                                    \
      .inputs_low = 1,                                                                      \
      .inputs_high = 1,                                                                     \
      .define = activation_define,                                                          \
      .forward = activation_##id##_forward,                                                 \
      .backward = activation_##id##_backward,                                               \
  };

ACTIVATION(relu, LNSPI_ACT_RELU, "x where positive, else 0")
ACTIVATION(gelu, LNSPI_ACT_GELU, "x times the normal distribution function of x (erf form)")
ACTIVATION(silu, LNSPI_ACT_SILU, "x times sigmoid(x)")
ACTIVATION(tanh, LNSPI_ACT_TANH, "hyperbolic tangent")
ACTIVATION(sigmoid, LNSPI_ACT_SIGMOID, "1 / (1 + exp(-x))")
ACTIVATION(softplus, LNSPI_ACT_SOFTPLUS, "log(1 + exp(x))")

#undef ACTIVATION

/* A value of one row per sequence, as often as another has rows, so that both can be added or
 * concatenated. The gradient of the value is the sum over its copies; the second input only
 * says how many there are and gets none. */
#include "graph/builder.h"

static void repeat_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *a = &b->graph->nodes[node->input[0]];
  node->width = a->width;
  node->every = b->graph->nodes[node->input[1]].every;
  if (a->every)
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.input[0],
        "repeat takes a value with one row per sequence, but '%s' has more: use last or "
        "mean",
        a->name);
}

static void repeat_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    memcpy(c->out + r * c->out_ld, c->in[0] + r / c->concepts * c->in_ld[0],
           (size_t)c->out_ld * sizeof(float));
}

/* The second input only says how many rows there are. */
static void repeat_backward(const lnspi_call *c) {
  if (c->din[1]) memset(c->din[1], 0, (size_t)(c->in_rows[1] * c->in_ld[1]) * sizeof(float));
  if (!c->din[0]) return;
  memset(c->din[0], 0, (size_t)(c->in_rows[0] * c->in_ld[0]) * sizeof(float));
  for (int64_t r = 0; r < c->rows; r++) {
    float *dx = c->din[0] + r / c->concepts * c->in_ld[0];
    c->k->add(dx, dx, c->dout + r * c->out_ld, c->node->width);
  }
}

const lnspi_layer lnspi_layer_repeat = {
    .name = "repeat",
    .help = "y = repeat a x: a, of one row per sequence, once for each row of x",
    .inputs_low = 2,
    .inputs_high = 2,
    .define = repeat_define,
    .forward = repeat_forward,
    .backward = repeat_backward,
};

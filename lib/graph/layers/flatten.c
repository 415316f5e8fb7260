/* The concepts of a sequence side by side, as one row: N rows of a width become one of N times
 * the width. It takes exactly N concepts, and no mask: there is no place to put fewer. */
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"

static void flatten_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *x = &b->graph->nodes[node->input[0]];
  const int64_t count = lnspi_arg_size(b, "number of concepts");
  if (!x->every)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.input[0],
                     "'%s' has one row per sequence: there is nothing to flatten", x->name);
  if (count * x->width > LNSPI_MAX_WIDTH)
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, b->line.op, "the width would be %lld: at most %d",
                     (long long)(count * x->width), LNSPI_MAX_WIDTH);
  node->width = count * x->width;
  lnspi_declare_concepts(b, count * x->every, count * x->every, x->every ? x->every : 1);
  node->every = 0;
}

static void flatten_forward(const lnspi_call *c) {
  const int64_t n = c->in_width[0], length = c->in_concepts[0];
  for (int64_t r = 0; r < c->rows; r++) {
    float *y = c->out + r * c->out_ld;
    for (int64_t t = 0; t < length; t++)
      memcpy(y + t * n, c->in[0] + (r * length + t) * c->in_ld[0], (size_t)n * sizeof(float));
    lnspi_layer_zero_pads(y, c->out_ld, 1, c->node->width);
  }
}

static void flatten_backward(const lnspi_call *c) {
  const int64_t n = c->in_width[0], length = c->in_concepts[0];
  if (!c->din[0]) return;
  for (int64_t r = 0; r < c->in_rows[0]; r++)
    memcpy(c->din[0] + r * c->in_ld[0], c->dout + r / length * c->out_ld + r % length * n,
           (size_t)n * sizeof(float));
  lnspi_layer_zero_pads(c->din[0], c->in_ld[0], c->in_rows[0], n);
}

static void flatten_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  lnspi_text_add(text, " %lld", (long long)(node->width / graph->nodes[node->input[0]].width));
}

const lnspi_layer lnspi_layer_flatten = {
    .name = "flatten",
    .help = "y = flatten x N: the N concepts of a sequence side by side",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = flatten_define,
    .forward = flatten_forward,
    .backward = flatten_backward,
    .write = flatten_write,
    .masks = LNSPI_NO_MASK,
};

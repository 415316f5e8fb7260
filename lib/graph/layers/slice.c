/* Some of a value's columns. */
#include "graph/arg.h"
#include "graph/builder.h"

static void slice_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *x = &b->graph->nodes[node->input[0]];
  node->width = lnspi_arg_size(b, "width of the result");
  node->args.slice.from = (int32_t)lnspi_arg_integer(b, "from", 0, LNSPI_MAX_WIDTH, 0);
  if (node->args.slice.from + node->width > x->width)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.op,
                     "from=%d and the width ask for columns up to %lld, but '%s' is %lld wide",
                     node->args.slice.from,
                     (long long)(node->args.slice.from + node->width - 1), x->name,
                     (long long)x->width);
}

static void slice_forward(const lnspi_call *c) {
  lnspi_layer_copy(c->out, c->out_ld, c->in[0] + c->node->args.slice.from, c->in_ld[0], c->rows,
                   c->node->width);
  lnspi_layer_zero_pads(c->out, c->out_ld, c->rows, c->node->width);
}

static void slice_backward(const lnspi_call *c) {
  if (!c->din[0]) return;
  memset(c->din[0], 0, (size_t)(c->rows * c->in_ld[0]) * sizeof(float));
  lnspi_layer_copy(c->din[0] + c->node->args.slice.from, c->in_ld[0], c->dout, c->out_ld,
                   c->rows, c->node->width);
}

static void slice_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  (void)graph;
  lnspi_text_add(text, " %lld", (long long)node->width);
  if (node->args.slice.from) lnspi_text_add(text, " from=%d", node->args.slice.from);
}

const lnspi_layer lnspi_layer_slice = {
    .name = "slice",
    .help = "y = slice x WIDTH [from=0]: some of the columns of x",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = slice_define,
    .forward = slice_forward,
    .backward = slice_backward,
    .write = slice_write,
};

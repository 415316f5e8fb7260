/* y = x times a number. */
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/graph_text.h"

static void scale_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->args.scale.by = lnspi_arg_real(b, "by", -1e6, 1e6, -INFINITY);
}

static void scale_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    c->k->scale(c->out + r * c->out_ld, c->node->args.scale.by, c->in[0] + r * c->in_ld[0],
                c->node->width);
  lnspi_layer_zero_pads(c->out, c->out_ld, c->rows, c->node->width);
}

static void scale_backward(const lnspi_call *c) {
  if (!c->din[0]) return;
  for (int64_t r = 0; r < c->rows; r++)
    c->k->scale(c->din[0] + r * c->in_ld[0], c->node->args.scale.by, c->dout + r * c->out_ld,
                c->node->width);
  lnspi_layer_zero_pads(c->din[0], c->in_ld[0], c->rows, c->node->width);
}

static void scale_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  (void)graph;
  lnspi_graph_text_real(text, "by", node->args.scale.by, LNSPI_GRAPH_TEXT_ALWAYS);
}

const lnspi_layer lnspi_layer_scale = {
    .name = "scale",
    .help = "y = scale x by=NUMBER: x times a number",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = scale_define,
    .forward = scale_forward,
    .backward = scale_backward,
    .write = scale_write,
};

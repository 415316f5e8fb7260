/* The input: the rows that the caller gives. It computes nothing. */
#include "graph/arg.h"
#include "graph/builder.h"

static void input_define(lnspi_builder *b, lnspi_node *node) {
  node->width = lnspi_arg_size(b, "width");
}

static void input_nothing(const lnspi_call *call) { (void)call; }

static void input_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  (void)graph;
  lnspi_text_add(text, " %lld", (long long)node->width);
}

const lnspi_layer lnspi_layer_input = {
    .name = "input",
    .help = "x = input WIDTH: the vectors given, first line",
    .inputs_low = 0,
    .inputs_high = 0,
    .define = input_define,
    .forward = input_nothing,
    .backward = input_nothing,
    .write = input_write,
};

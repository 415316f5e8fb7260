/* The input: the rows that the caller gives. It computes nothing. */
#include "graph/builder.h"
#include "graph/layer.h"

static void input_define(lnspi_builder *b, lnspi_node *node) {
  node->width = lnspi_arg_size(b, "width");
}

static void input_need(const lnsp_graph *graph, const lnspi_node *node, int64_t batch,
                       int64_t concepts, lnspi_need *need) {
  (void)graph, (void)node, (void)batch, (void)concepts;
  memset(need, 0, sizeof *need);
}

static void input_nothing(const lnspi_call *call) { (void)call; }

static int64_t input_flops(const lnsp_graph *graph, const lnspi_node *node, int64_t concepts) {
  (void)graph, (void)node, (void)concepts;
  return 0;
}

static size_t input_write(const lnsp_graph *graph, const lnspi_node *node, char *to,
                          size_t capacity) {
  (void)graph;
  return lnspi_format(to, capacity, " %lld", (long long)node->width);
}

static const char *const input_examples[] = {NULL}; /* every other example has one */

const lnspi_layer lnspi_layer_input = {
    "input",       "x = input WIDTH: the vectors given, first line",
    0,             0,
    0,             input_define,
    input_need,    input_nothing,
    input_nothing, input_flops,
    input_write,   input_examples};

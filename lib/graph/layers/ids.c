/* The input of networks that begin with an embedding: ids, as numbers. */
#include "graph/arg.h"
#include "graph/builder.h"

static void ids_define(lnspi_builder *b, lnspi_node *node) {
  node->width = 1;
  b->graph->id_count = (int32_t)lnspi_arg_integer(b, "count", 1, 1 << 24, 0);
}

static void ids_nothing(const lnspi_call *call) { (void)call; }

static void ids_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  (void)node;
  lnspi_text_add(text, " count=%d", graph->id_count);
}

const lnspi_layer lnspi_layer_ids = {
    .name = "ids",
    .help = "x = ids count=N: ids from 0 to N - 1, first line, instead of input",
    .define = ids_define,
    .forward = ids_nothing,
    .backward = ids_nothing,
    .write = ids_write,
};

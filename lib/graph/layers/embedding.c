/* A row of a table for each id, as torch.nn.Embedding.
 *
 * Only the first line can give ids (`x = ids count=N`), and only this layer takes them; the
 * builder refuses every other reader. Ids travel as floats, which are exact up to 2^24, the
 * limit of count. The input was checked against count before it came here, so that no bound is
 * tested per row.
 *
 * The gradient of the table is in memory as a whole, since any row may have one; that of the
 * row of `pad` stays zero, as in PyTorch. Equal ids of a batch add up in the order of the
 * rows. */
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"

#define EMBEDDING_TABLE 0

static void embedding_define(lnspi_builder *b, lnspi_node *node) {
  struct lnspi_embedding_args *a = &node->args.embedding;
  const lnspi_node *ids = &b->graph->nodes[node->input[0]];
  a->ids = (int32_t)lnspi_arg_size(b, "number of ids");
  node->width = lnspi_arg_size(b, "width of an id's row");
  a->pad = (int32_t)lnspi_arg_integer(b, "pad", -1, a->ids - 1, -1);
  if (node->input[0] != 0 || !b->graph->id_count || b->graph->id_count > a->ids)
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.input[0],
        "'%s' does not hold ids below %d: the input of an embedding is a line such "
        "as x = ids count=%d",
        ids->name, a->ids, a->ids);
  const lnspi_weight shape =
      lnspi_declare_flat_shape(a->ids, node->width, LNSPI_INIT_NORMAL, 0.02f);
  lnspi_declare_weight(b, node, EMBEDDING_TABLE, "", &shape);
}

static int64_t embedding_id(const lnspi_call *c, int64_t r) {
  return (int64_t)c->in[0][r * c->in_ld[0]];
}

static void embedding_forward(const lnspi_call *c) {
  const float *table = c->weight[EMBEDDING_TABLE];
  for (int64_t r = 0; r < c->rows; r++)
    memcpy(c->out + r * c->out_ld, table + embedding_id(c, r) * c->node->width,
           (size_t)c->node->width * sizeof(float));
  lnspi_layer_zero_pads(c->out, c->out_ld, c->rows, c->node->width);
}

static void embedding_backward(const lnspi_call *c) {
  float *table = c->dweight[EMBEDDING_TABLE];
  if (c->din[0]) /* ids have none */
    memset(c->din[0], 0, (size_t)(c->in_rows[0] * c->in_ld[0]) * sizeof(float));
  if (!table) return;
  for (int64_t r = 0; r < c->rows; r++) {
    float *row = table + embedding_id(c, r) * c->node->width;
    if (embedding_id(c, r) != c->node->args.embedding.pad)
      c->k->add(row, row, c->dout + r * c->out_ld, c->node->width);
  }
}

static void embedding_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  const struct lnspi_embedding_args *a = &node->args.embedding;
  lnspi_text_add(text, " %d %lld", a->ids, (long long)node->width);
  if (a->pad >= 0) lnspi_text_add(text, " pad=%d", a->pad);
  lnspi_graph_text_weight(graph, node, EMBEDDING_TABLE, "", text);
}

const lnspi_layer lnspi_layer_embedding = {
    .name = "embedding",
    .help = "y = embedding ids N WIDTH w=NAME [pad=ID]: a row of a table for each id",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 1,
    .takes_ids = 1,
    .define = embedding_define,
    .forward = embedding_forward,
    .backward = embedding_backward,
    .write = embedding_write,
};

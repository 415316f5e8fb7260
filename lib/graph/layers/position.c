/* Positions: to row t of each sequence, row t of a table is added; or always the same row of
 * it, as BERT's token types have it where all ids are of one type.
 *
 * Without positions attention does not know an order. The table is learned, or the sinusoids
 * of Vaswani and others (computed where a file lacks them, see LNSPI_INIT_WAVES), or fixed
 * numbers of the file; only the first is trained. Its rank is that of the origin's file: [1,
 * N, width], [N, width], or [N] for a value of width 1. A table of N rows limits the sequence
 * to N concepts. */
#include "base/decimal.h"
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"

#define POSITION_TABLE 0
#define POSITION_LEARNED 0
#define POSITION_SINUSOID 1
#define POSITION_FIXED 2
#define POSITION_KINDS "learned,sinusoid,fixed"
#define POSITION_DEVIATION 0.02f

static void position_shape(lnspi_builder *b, const lnspi_node *node, lnspi_weight *shape) {
  const struct lnspi_position_args *a = &node->args.position;
  const int32_t rank = a->rank;
  *shape = lnspi_declare_flat_shape(0, 0, LNSPI_INIT_NORMAL, POSITION_DEVIATION);
  shape->rank = rank;
  shape->dims[rank - 1] = node->width;
  if (rank > 1) shape->dims[rank - 2] = a->rows;
  if (rank > 2) shape->dims[0] = 1;
  if (rank == 1) shape->dims[0] = a->rows;
  if (a->kind == POSITION_SINUSOID) {
    shape->init = LNSPI_INIT_WAVES;
    shape->optional = 1;
  }
  if (a->kind == POSITION_FIXED) shape->init = LNSPI_INIT_ZERO;
  shape->fixed = a->kind != POSITION_LEARNED;
  const int32_t starts = lnspi_arg_list(b, "start", -1e30, 1e30, shape->start, LNSPI_START);
  if (!starts) return;
  shape->init = LNSPI_INIT_LIST;
  if (starts != a->rows * node->width)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, "start"),
                     "start= has %d numbers, but the table has %lld rows of %lld", starts,
                     (long long)a->rows, (long long)node->width);
}

static void position_define(lnspi_builder *b, lnspi_node *node) {
  struct lnspi_position_args *a = &node->args.position;
  const int64_t width = b->graph->nodes[node->input[0]].width;
  lnspi_weight shape;
  node->width = width;
  node->shift = LNSPI_SHIFT_PASSES;
  a->rows = (int32_t)lnspi_arg_size(b, "number of positions");
  a->kind = lnspi_arg_choice(b, "kind", POSITION_KINDS, POSITION_LEARNED);
  a->rank = (int32_t)lnspi_arg_integer(b, "rank", 1, 3, 3);
  a->row = (int32_t)lnspi_arg_integer(b, "row", -1, a->rows - 1, -1);
  if (a->rank == 1 && width > 1)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, "rank"),
                     "a table of rank 1 has one number a position, but the value has %lld",
                     (long long)width);
  position_shape(b, node, &shape);
  lnspi_declare_weight(b, node, POSITION_TABLE, "", &shape);
  if (node->every > 0 && a->row < 0) lnspi_declare_concepts(b, 1, a->rows * node->every, 1);
}

static int64_t position_row(const lnspi_call *c, int64_t t) {
  return (c->node->args.position.row < 0 ? t : c->node->args.position.row) * c->node->width;
}

static void position_forward(const lnspi_call *c) {
  const float *table = c->weight[POSITION_TABLE];
  for (int64_t r = 0; r < c->rows; r++)
    c->k->add(c->out + r * c->out_ld, c->in[0] + r * c->in_ld[0],
              table + position_row(c, r % c->concepts), c->node->width);
  lnspi_layer_zero_pads(c->out, c->out_ld, c->rows, c->node->width);
}

static void position_backward(const lnspi_call *c) {
  float *table = c->dweight[POSITION_TABLE];
  if (table)
    for (int64_t t = 0; t < c->concepts; t++)
      c->k->column_sum(table + position_row(c, t), c->dout + t * c->out_ld,
                       c->concepts * c->out_ld, c->batch, c->node->width);
  if (c->din[0])
    lnspi_layer_copy(c->din[0], c->in_ld[0], c->dout, c->out_ld, c->rows, c->in_ld[0]);
}

static void position_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  static const char *const kinds[] = {"learned", "sinusoid", "fixed"};
  const struct lnspi_position_args *a = &node->args.position;
  const lnspi_weight *w = &graph->weights[node->slot[POSITION_TABLE]];
  char number[32];
  lnspi_text_add(text, " %d", a->rows);
  if (a->kind) lnspi_text_add(text, " kind=%s", kinds[a->kind]);
  if (a->rank != 3) lnspi_text_add(text, " rank=%d", a->rank);
  if (a->row >= 0) lnspi_text_add(text, " row=%d", a->row);
  if (w->init == LNSPI_INIT_LIST)
    for (int64_t i = 0; i < w->count; i++) {
      lnspi_decimal_write(w->start[i], number);
      lnspi_text_add(text, "%s%s", i ? "," : " start=", number);
    }
  lnspi_graph_text_weight(graph, node, POSITION_TABLE, "", text);
}

const lnspi_layer lnspi_layer_position = {
    .name = "position",
    .help = "y = position x N w=NAME [kind=learned|sinusoid|fixed] [rank=3|2|1] [row=R] "
            "[start=a,b,...]: adds row t of a table of N to concept t, or row R to all",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 1,
    .define = position_define,
    .forward = position_forward,
    .backward = position_backward,
    .write = position_write,
};

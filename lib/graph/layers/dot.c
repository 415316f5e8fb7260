/* The score of each concept for a query: their dot product, times a factor (1/sqrt(width)
 * unless the line says otherwise). The query has one row per sequence, as last or mean give
 * it; the value has width 1 and a row per key. With softmax over=concepts and weighted_sum it
 * is attention with one query. */
#include <math.h>

#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/graph_text.h"

static void dot_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *q = &b->graph->nodes[node->input[0]], *k = &b->graph->nodes[node->input[1]];
  node->args.dot.scale = lnspi_arg_real(b, "scale", -1e6, 1e6, 1.0 / sqrt((double)q->width));
  node->width = 1;
  node->every = k->every;
  node->shift = LNSPI_SHIFT_KEYS;
  if (q->every)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.input[0],
                     "the query '%s' must have one row per sequence: use last or mean",
                     q->name);
  if (q->width != k->width)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.input[1],
                     "dot needs equal widths: '%s' has %lld, '%s' has %lld", q->name,
                     (long long)q->width, k->name, (long long)k->width);
}

static void dot_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++) {
    float *y = c->out + r * c->out_ld;
    *y = c->k->dot(c->in[0] + r / c->concepts * c->in_ld[0], c->in[1] + r * c->in_ld[1],
                   c->in_width[0]);
    *y = *y * c->node->args.dot.scale;
  }
  lnspi_layer_zero_pads(c->out, c->out_ld, c->rows, 1);
}

static void dot_backward(const lnspi_call *c) {
  const int64_t n = c->in_width[0];
  if (c->din[0]) memset(c->din[0], 0, (size_t)(c->in_rows[0] * c->in_ld[0]) * sizeof(float));
  for (int64_t r = 0; r < c->rows; r++) {
    const float d = c->dout[r * c->out_ld] * c->node->args.dot.scale;
    const int64_t q = r / c->concepts;
    if (c->din[0]) c->k->axpy(c->din[0] + q * c->in_ld[0], d, c->in[1] + r * c->in_ld[1], n);
    if (c->din[1]) c->k->scale(c->din[1] + r * c->in_ld[1], d, c->in[0] + q * c->in_ld[0], n);
  }
  if (c->din[1]) lnspi_layer_zero_pads(c->din[1], c->in_ld[1], c->rows, n);
}

static int64_t dot_flops(const lnspi_extent *e) {
  return 2 * e->graph->nodes[e->node->input[0]].width * e->concepts;
}

static void dot_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  const double usual = 1.0 / sqrt((double)graph->nodes[node->input[0]].width);
  lnspi_graph_text_real(text, "scale", node->args.dot.scale, (float)usual);
}

const lnspi_layer lnspi_layer_dot = {
    .name = "dot",
    .old_name = "score",
    .help =
        "s = dot q k [scale=1/sqrt(width)]: q, of one row per sequence, times each row of k",
    .inputs_low = 2,
    .inputs_high = 2,
    .define = dot_define,
    .forward = dot_forward,
    .backward = dot_backward,
    .flops = dot_flops,
    .write = dot_write,
};

/* Values side by side: the columns of a, then those of b, and so on, up to four. All need the
 * same number of rows per sequence (repeat makes them). */
#include "graph/builder.h"
#include "graph/declare.h"

static void concat_define(lnspi_builder *b, lnspi_node *node) {
  node->width = 0;
  for (int32_t i = 0; i < node->input_count; i++)
    node->width += b->graph->nodes[node->input[i]].width;
  if (node->width > LNSPI_MAX_WIDTH)
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, b->line.op, "the width would be %lld: at most %d",
                     (long long)node->width, LNSPI_MAX_WIDTH);
  lnspi_declare_same_length(b, node);
}

static void concat_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++) {
    float *y = c->out + r * c->out_ld;
    for (int32_t i = 0; i < c->node->input_count; y += c->in_width[i], i++)
      memcpy(y, c->in[i] + r * c->in_ld[i], (size_t)c->in_width[i] * sizeof(float));
  }
  lnspi_layer_zero_pads(c->out, c->out_ld, c->rows, c->node->width);
}

static void concat_backward(const lnspi_call *c) {
  int64_t first = 0;
  for (int32_t i = 0; i < c->node->input_count; first += c->in_width[i], i++) {
    if (!c->din[i]) continue;
    lnspi_layer_copy(c->din[i], c->in_ld[i], c->dout + first, c->out_ld, c->rows,
                     c->in_width[i]);
    lnspi_layer_zero_pads(c->din[i], c->in_ld[i], c->rows, c->in_width[i]);
  }
}

const lnspi_layer lnspi_layer_concat = {
    .name = "concat",
    .help = "y = concat a b [c] [d]: values side by side",
    .inputs_low = 2,
    .inputs_high = 4,
    .define = concat_define,
    .forward = concat_forward,
    .backward = concat_backward,
};

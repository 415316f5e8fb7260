/* The last concept of each sequence, or of each chunk of one; and the layer first, the first
 * concept of each sequence. Padding does not count: with a mask it is the last (first) one
 * that is kept. Of a chunk that is all padding it is the padding itself, so that rows stay
 * where they are. */
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"

static void last_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *x = &b->graph->nodes[node->input[0]];
  const int64_t chunk = lnspi_arg_integer(b, "chunk", 0, LNSPI_MAX_WIDTH, 0);
  node->width = x->width;
  node->every = x->every * chunk;
  if (node->every) lnspi_declare_concepts(b, node->every, 0, node->every);
}

static void last_define_first(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->every = 0;
  node->args.last.first = 1;
}

/* The row of the input that row r of the value is: of the rows that r stands over, the last (or
 * first) that is no padding. */
static int64_t last_row(const lnspi_call *c, int64_t r) {
  const int64_t span = c->in_concepts[0] / c->concepts;
  const int64_t start = r * span, end = start + span - 1;
  const int32_t first = c->node->args.last.first;
  const uint8_t *mask = c->in_concepts[0] == c->mask_ld ? c->mask : NULL;
  int64_t row = first ? start : end;
  if (!mask) return row;
  if (first) {
    while (row < end && !mask[row]) row++;
    return row;
  }
  while (row >= start && !mask[row]) row--;
  return row < start ? end : row; /* a chunk may be all padding */
}

static void last_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    memcpy(c->out + r * c->out_ld, c->in[0] + last_row(c, r) * c->in_ld[0],
           (size_t)c->out_ld * sizeof(float));
}

static void last_backward(const lnspi_call *c) {
  float *dx = c->din[0];
  if (!dx) return;
  memset(dx, 0, (size_t)(c->in_rows[0] * c->in_ld[0]) * sizeof(float));
  for (int64_t r = 0; r < c->rows; r++)
    memcpy(dx + last_row(c, r) * c->in_ld[0], c->dout + r * c->out_ld,
           (size_t)c->node->width * sizeof(float));
}

static void last_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  const int64_t every = graph->nodes[node->input[0]].every;
  if (node->every) lnspi_text_add(text, " chunk=%lld", (long long)(node->every / every));
}

const lnspi_layer lnspi_layer_last = {
    .name = "last",
    .help = "y = last x [chunk=N]: the last concept of a sequence, or of every N concepts",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = last_define,
    .forward = last_forward,
    .backward = last_backward,
    .write = last_write,
    .masks = LNSPI_MASKS,
};

const lnspi_layer lnspi_layer_first = {
    .name = "first",
    .help = "y = first x: the first concept of a sequence",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = last_define_first,
    .forward = last_forward,
    .backward = last_backward,
    .masks = LNSPI_MASKS,
};

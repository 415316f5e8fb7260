/* y = x / max(|x|, eps): rows of length one. */
#include "graph/builder.h"
#include "graph/layer.h"

#define UNIT_EPS 1e-12

static void unit_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->real[0] = lnspi_arg_real(b, "eps", 1e-30, 1, UNIT_EPS);
}

static void unit_need(const lnspi_extent *e, lnspi_need *need) {
  need->saved_floats = e->rows; /* the divisors */
  need->rows_apart = 1;
}

static void unit_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    c->saved[c->row0 + r] = c->k->unit(c->out + r * c->out_ld, c->in[0] + r * c->in_ld[0],
                             c->node->width, c->node->real[0]);
}

static void unit_backward(const lnspi_call *c) {
  float *dx = c->din[0];
  if (!dx) return;
  for (int64_t r = 0; r < c->rows; r++)
    c->k->unit_dx(dx + r * c->in_ld[0], c->dout + r * c->out_ld, c->out + r * c->out_ld,
                  c->saved[c->row0 + r], c->node->width, c->node->real[0]);
  lnspi_zero_pads(dx, c->in_ld[0], c->rows, c->node->width);
}

static size_t unit_write(const lnsp_graph *graph, const lnspi_node *node, char *to,
                         size_t capacity) {
  char text[32];
  (void)graph;
  if (lnspi_float_bits(node->real[0]) == lnspi_float_bits((float)UNIT_EPS)) return 0;
  lnspi_number_text(node->real[0], text);
  return lnspi_format(to, capacity, " eps=%s", text);
}

static const char *const unit_examples[] = {
    "lnsp 1\nx = input 23\ny = unit x\noutput output=y",
    "lnsp 1\nx = input 48; y = unit x eps=1e-8; output output=y", NULL};

const lnspi_layer lnspi_layer_unit = {
    .name = "unit",
    .help = "y = unit x [eps=1e-12]: x divided by its length (by eps if that is more)",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = unit_define,
    .need = unit_need,
    .forward = unit_forward,
    .backward = unit_backward,
    .write = unit_write,
    .examples = unit_examples,
};

/* Rows of length one: y = x / max(|x|, eps) as torch.nn.functional.normalize, or with rule=add
 * y = x / (|x| + eps), which some of the origin's networks have. Cosine losses compare
 * directions, and so most networks end in this layer. saved keeps the length of each row. */
#include <math.h>

#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/graph_text.h"

#define L2NORM_EPS 1e-12

static void l2norm_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->args.l2norm.eps = lnspi_arg_real(b, "eps", 1e-30, 1, L2NORM_EPS);
  node->args.l2norm.add = lnspi_arg_choice(b, "rule", "max,add", 0);
}

static void l2norm_need(const lnspi_extent *e, lnspi_need *need) {
  need->saved_floats = e->rows; /* the divisors */
  need->rows_apart = 1;
}

/* rule=add; returns the length. */
static float l2norm_add(const lnspi_call *c, float *y, const float *x) {
  const float length = sqrtf(c->k->dot(x, x, c->node->width));
  c->k->scale(y, 1.0f / (length + c->node->args.l2norm.eps), x, c->node->width);
  return length;
}

/* dx = dy / (|x| + eps) - y (y . dy) / |x|, where the last is 0 for x = 0 */
static void l2norm_add_dx(const lnspi_call *c, float *dx, const float *dy, const float *y,
                          float length) {
  const int64_t n = c->node->width;
  c->k->scale(dx, 1.0f / (length + c->node->args.l2norm.eps), dy, n);
  if (length > 0) c->k->axpy(dx, -c->k->dot(y, dy, n) / length, y, n);
}

static void l2norm_forward(const lnspi_call *c) {
  const struct lnspi_l2norm_args *a = &c->node->args.l2norm;
  for (int64_t r = 0; r < c->rows; r++) {
    const float *x = c->in[0] + r * c->in_ld[0];
    float *y = c->out + r * c->out_ld;
    c->saved[c->row0 + r] =
        a->add ? l2norm_add(c, y, x) : c->k->unit(y, x, c->node->width, a->eps);
  }
}

static void l2norm_backward(const lnspi_call *c) {
  const struct lnspi_l2norm_args *a = &c->node->args.l2norm;
  float *dx = c->din[0];
  if (!dx) return;
  for (int64_t r = 0; r < c->rows; r++) {
    const float *dy = c->dout + r * c->out_ld, *y = c->out + r * c->out_ld;
    const float length = c->saved[c->row0 + r];
    if (a->add)
      l2norm_add_dx(c, dx + r * c->in_ld[0], dy, y, length);
    else
      c->k->unit_dx(dx + r * c->in_ld[0], dy, y, length, c->node->width, a->eps);
  }
  lnspi_layer_zero_pads(dx, c->in_ld[0], c->rows, c->node->width);
}

static void l2norm_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  (void)graph;
  lnspi_graph_text_real(text, "eps", node->args.l2norm.eps, L2NORM_EPS);
  if (node->args.l2norm.add) lnspi_text_add(text, " rule=add");
}

const lnspi_layer lnspi_layer_l2norm = {
    .name = "l2norm",
    .old_name = "unit",
    .help = "y = l2norm x [eps=1e-12] [rule=max|add]: x / max(|x|, eps), or x / (|x| + eps)",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = l2norm_define,
    .need = l2norm_need,
    .forward = l2norm_forward,
    .backward = l2norm_backward,
    .write = l2norm_write,
};

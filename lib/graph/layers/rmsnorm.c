/* RMSNorm over the width (Zhang and Sennrich, 2019): x / sqrt(mean of x^2 + eps), times w. No
 * mean is taken off, and there is no bias. saved keeps the factor of each row. */
#include <math.h>

#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"

#define RMSNORM_WEIGHT 0
#define RMSNORM_EPS 1e-6

static void rmsnorm_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->args.rmsnorm.eps = lnspi_arg_real(b, "eps", 1e-30, 1, RMSNORM_EPS);
  const lnspi_weight shape = lnspi_declare_flat_shape(node->width, 0, LNSPI_INIT_ONE, 0);
  lnspi_declare_weight(b, node, RMSNORM_WEIGHT, ".weight", &shape);
}

static void rmsnorm_need(const lnspi_extent *e, lnspi_need *need) {
  need->saved_floats = e->rows; /* the factors */
  need->scratch_floats = 2 * lnspi_round16(e->node->width);
  need->rows_apart = 1;
}

static void rmsnorm_forward(const lnspi_call *c) {
  const int64_t n = c->node->width;
  for (int64_t r = 0; r < c->rows; r++) {
    const float *x = c->in[0] + r * c->in_ld[0];
    float *y = c->out + r * c->out_ld;
    const float square = c->k->dot(x, x, n) / (float)n;
    const float factor = 1.0f / sqrtf(square + c->node->args.rmsnorm.eps);
    c->saved[c->row0 + r] = factor;
    c->k->scale(y, factor, x, n);
    c->k->mul(y, y, c->weight[RMSNORM_WEIGHT], n);
  }
}

/* With h = x * factor and u = dy * w: dx = factor * (u - h * mean(u h)). */
static void rmsnorm_backward(const lnspi_call *c) {
  const int64_t n = c->node->width;
  float *gw = c->dweight[RMSNORM_WEIGHT], *dx = c->din[0];
  float *h = c->scratch, *u = h + lnspi_round16(n);
  if (!dx && !gw) return;
  for (int64_t r = 0; r < c->rows; r++) {
    const float *dy = c->dout + r * c->out_ld;
    const float factor = c->saved[c->row0 + r];
    c->k->scale(h, factor, c->in[0] + r * c->in_ld[0], n);
    if (gw) c->k->mul_add(gw, dy, h, n);
    if (!dx) continue;
    c->k->mul(u, dy, c->weight[RMSNORM_WEIGHT], n);
    const float mean = c->k->dot(u, h, n) / (float)n;
    c->k->axpy(u, -mean, h, n);
    c->k->scale(dx + r * c->in_ld[0], factor, u, n);
  }
  if (dx) lnspi_layer_zero_pads(dx, c->in_ld[0], c->rows, n);
}

static void rmsnorm_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  lnspi_graph_text_weight(graph, node, RMSNORM_WEIGHT, ".weight", text);
  lnspi_graph_text_real(text, "eps", node->args.rmsnorm.eps, RMSNORM_EPS);
}

const lnspi_layer lnspi_layer_rmsnorm = {
    .name = "rmsnorm",
    .help = "y = rmsnorm x w=NAME [eps=1e-6]: x / sqrt(mean of x^2 + eps) over the width of x, "
            "times a weight",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 1,
    .define = rmsnorm_define,
    .need = rmsnorm_need,
    .forward = rmsnorm_forward,
    .backward = rmsnorm_backward,
    .write = rmsnorm_write,
};

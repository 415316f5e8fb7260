/* LayerNorm over the width (Ba and others, 2016): (x - mean) / sqrt(variance + eps), times w,
 * plus b. The variance is the biased one, as in PyTorch. saved keeps mean and 1 / deviation of
 * each row, from which backward computes the normalised row again instead of keeping it.
 * affine=0 leaves w and b out; the kernel then gets NULL for both. */
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"

#define LAYERNORM_WEIGHT 0
#define LAYERNORM_BIAS 1
#define LAYERNORM_EPS 1e-5

static void layernorm_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->args.layernorm.affine = lnspi_arg_flag(b, "affine", 1);
  node->args.layernorm.eps = lnspi_arg_real(b, "eps", 1e-30, 1, LAYERNORM_EPS);
  if (!node->args.layernorm.affine) return;
  lnspi_weight shape = lnspi_declare_flat_shape(node->width, 0, LNSPI_INIT_ONE, 0);
  lnspi_declare_weight(b, node, LAYERNORM_WEIGHT, ".weight", &shape);
  shape.init = LNSPI_INIT_ZERO;
  lnspi_declare_weight(b, node, LAYERNORM_BIAS, ".bias", &shape);
}

static void layernorm_need(const lnspi_extent *e, lnspi_need *need) {
  need->saved_floats = 2 * e->rows; /* mean, 1 / deviation */
  need->scratch_floats = lnspi_round16(e->node->width); /* a gradient nobody wants */
  need->rows_apart = 1;
}

static void layernorm_forward(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    c->k->layernorm(c->out + r * c->out_ld, c->in[0] + r * c->in_ld[0],
                    c->weight[LAYERNORM_WEIGHT], c->weight[LAYERNORM_BIAS], c->node->width,
                    c->node->args.layernorm.eps, c->saved + 2 * (c->row0 + r));
}

static void layernorm_backward(const lnspi_call *c) {
  float *gw = c->dweight[LAYERNORM_WEIGHT], *gb = c->dweight[LAYERNORM_BIAS];
  float *dx = c->din[0];
  const int64_t n = c->node->width;
  if (gw || gb) { /* the kernel makes both; one alone may be frozen */
    if (!gw || !gb) memset(c->scratch, 0, (size_t)n * sizeof(float));
    if (!gw) gw = c->scratch;
    if (!gb) gb = c->scratch;
  }
  if (!dx && !gw) return;
  for (int64_t r = 0; r < c->rows; r++)
    c->k->layernorm_dx(dx ? dx + r * c->in_ld[0] : NULL, c->dout + r * c->out_ld,
                       c->in[0] + r * c->in_ld[0], c->weight[LAYERNORM_WEIGHT],
                       c->saved + 2 * (c->row0 + r), n, gw, gb);
  if (dx) lnspi_layer_zero_pads(dx, c->in_ld[0], c->rows, n);
}

static void layernorm_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  if (node->args.layernorm.affine)
    lnspi_graph_text_weight(graph, node, LAYERNORM_WEIGHT, ".weight", text);
  else
    lnspi_text_add(text, " affine=0");
  lnspi_graph_text_real(text, "eps", node->args.layernorm.eps, LAYERNORM_EPS);
}

const lnspi_layer lnspi_layer_layernorm = {
    .name = "layernorm",
    .help = "y = layernorm x w=NAME [affine=1] [eps=1e-5]: over the width of x",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 2,
    .define = layernorm_define,
    .need = layernorm_need,
    .forward = layernorm_forward,
    .backward = layernorm_backward,
    .write = layernorm_write,
};

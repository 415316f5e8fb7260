/* y = x W^T + b.
 *
 * W may hold several matrices of equal size, one below the other, as PyTorch writes what it
 * then takes apart by chunk (Mamba's in_proj, say). A line takes one of them with parts=N
 * part=I; lines that name the same tensor share it. Each part is packed by itself, and its
 * share of the bias begins at a multiple of 16 floats (linear_offset).
 *
 * The gradient of W is not computed here: backward hands x and dy to `use`, and the update
 * forms their product tile by tile (layer.h). The gradient of the bias is a sum over rows,
 * unless the graph knows that it is exactly zero (zero_grad.c). */
#include <math.h>

#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"
#include "graph/product.h"

#define LINEAR_WEIGHT 0
#define LINEAR_BIAS 1
#define LINEAR_MOST_PARTS 64

static const int32_t linear_bias_init[] = {LNSPI_INIT_UNIFORM, LNSPI_INIT_ZERO, LNSPI_INIT_ONE};

static void linear_define(lnspi_builder *b, lnspi_node *node) {
  struct lnspi_linear_args *a = &node->args.linear;
  const int64_t in = b->graph->nodes[node->input[0]].width;
  node->width = lnspi_arg_size(b, "width of the result");
  a->bias = lnspi_arg_flag(b, "bias", 1);
  a->init = lnspi_arg_choice(b, "init", "uniform,zero", 0);
  const int32_t parts = (int32_t)lnspi_arg_integer(b, "parts", 1, LINEAR_MOST_PARTS, 1);
  a->parts = parts;
  a->part = (int32_t)lnspi_arg_integer(b, "part", 0, parts - 1, 0);
  a->bias_init = lnspi_arg_choice(b, "bias_init", "uniform,zero,one", a->init);
  if (parts * node->width > LNSPI_MAX_WIDTH)
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, lnspi_arg_place(b, "parts"),
                     "%d parts of width %lld are more rows than a tensor may have (%d)", parts,
                     (long long)node->width, LNSPI_MAX_WIDTH);
  lnspi_weight shape =
      lnspi_declare_matrix_shape(parts, node->width, in, (float)(1.0 / sqrt((double)in)));
  if (a->init) shape.init = LNSPI_INIT_ZERO;
  lnspi_declare_weight(b, node, LINEAR_WEIGHT, ".weight", &shape);
  if (!a->bias) return;
  shape.kind = LNSPI_FLAT;
  shape.init = linear_bias_init[a->bias_init];
  shape.rank = 1;
  shape.dims[1] = 0;
  lnspi_declare_weight(b, node, LINEAR_BIAS, ".bias", &shape);
}

static void linear_need(const lnspi_extent *e, lnspi_need *need) {
  (void)e;
  need->uses = 1;
}

/* Where the part's numbers start in the bias or its gradient. */
static int64_t linear_offset(const lnspi_call *c) {
  return c->node->args.linear.part * lnspi_round16(c->node->width);
}

static void linear_forward(const lnspi_call *c) {
  const float *bias = c->weight[LINEAR_BIAS];
  lnspi_product(c, LINEAR_WEIGHT, c->node->args.linear.part,
                bias ? bias + linear_offset(c) : NULL, c->in[0], c->in_ld[0], c->out, c->out_ld,
                c->rows);
}

static void linear_backward(const lnspi_call *c) {
  const int32_t part = c->node->args.linear.part;
  if (c->din[0]) {
    lnspi_product_dx(c, LINEAR_WEIGHT, part, c->dout, c->out_ld, c->din[0], c->in_ld[0],
                     c->rows, 1);
    lnspi_layer_zero_pads(c->din[0], c->in_ld[0], c->rows, lnspi_round16(c->in_width[0]));
  }
  if (c->dweight[LINEAR_BIAS] && !c->node->constant_lost)
    c->k->column_sum(c->dweight[LINEAR_BIAS] + linear_offset(c), c->dout, c->out_ld, c->rows,
                     c->node->width);
  if (c->use)
    c->use(c, LINEAR_WEIGHT, part, c->in[0], c->in_ld[0], c->dout, c->out_ld, c->rows);
}

static int64_t linear_flops(const lnspi_extent *e) {
  return 2 * e->graph->nodes[e->node->input[0]].width * e->node->width * e->concepts;
}

static void linear_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  static const char *const bias_init[] = {"uniform", "zero", "one"};
  const struct lnspi_linear_args *a = &node->args.linear;
  lnspi_text_add(text, " %lld", (long long)node->width);
  lnspi_graph_text_weight(graph, node, LINEAR_WEIGHT, ".weight", text);
  if (!a->bias) lnspi_text_add(text, " bias=0");
  if (a->init) lnspi_text_add(text, " init=zero");
  if (a->bias_init != a->init) lnspi_text_add(text, " bias_init=%s", bias_init[a->bias_init]);
  if (a->parts > 1) lnspi_text_add(text, " parts=%d part=%d", a->parts, a->part);
}

const lnspi_layer lnspi_layer_linear = {
    .name = "linear",
    .help =
        "y = linear x WIDTH w=NAME [bias=1] [init=uniform|zero] [bias_init=uniform|zero|one]"
        " [parts=1 part=0]: x W^T + b, W a part of a tensor [parts * WIDTH, width of x]",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 2,
    .define = linear_define,
    .need = linear_need,
    .forward = linear_forward,
    .backward = linear_backward,
    .flops = linear_flops,
    .write = linear_write,
};

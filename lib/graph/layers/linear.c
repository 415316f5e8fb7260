/* y = x W^T + b. */
#include <math.h>

#include "graph/builder.h"
#include "graph/product.h"

#define LINEAR_WEIGHT 0
#define LINEAR_BIAS 1

static void linear_define(lnspi_builder *b, lnspi_node *node) {
  const int64_t in = b->graph->nodes[node->input[0]].width;
  lnspi_weight shape;
  memset(&shape, 0, sizeof shape);
  node->width = lnspi_arg_size(b, "width of the result");
  node->number[0] = lnspi_arg_flag(b, "bias", 1);
  node->number[1] = lnspi_arg_choice(b, "init", "uniform,zero", 0);
  shape.kind = LNSPI_MATRIX;
  shape.parts = 1;
  shape.init = node->number[1] ? LNSPI_INIT_ZERO : LNSPI_INIT_UNIFORM;
  shape.amount = (float)(1.0 / sqrt((double)in));
  shape.rank = 2;
  shape.dims[0] = node->width;
  shape.dims[1] = in;
  lnspi_build_weight(b, node, LINEAR_WEIGHT, ".weight", &shape);
  if (!node->number[0]) return;
  shape.kind = LNSPI_FLAT;
  shape.rank = 1;
  shape.dims[1] = 0;
  lnspi_build_weight(b, node, LINEAR_BIAS, ".bias", &shape);
}

static void linear_need(const lnspi_extent *e, lnspi_need *need) {
  (void)e;
  need->uses = 1;
}

static void linear_forward(const lnspi_call *c) {
  lnspi_product(c, LINEAR_WEIGHT, 0, c->weight[LINEAR_BIAS], c->in[0], c->in_ld[0], c->out,
                c->out_ld, c->rows);
}

static void linear_backward(const lnspi_call *c) {
  if (c->din[0]) {
    lnspi_product_dx(c, LINEAR_WEIGHT, 0, c->dout, c->out_ld, c->din[0], c->in_ld[0], c->rows,
                     1);
    lnspi_zero_pads(c->din[0], c->in_ld[0], c->rows, lnspi_round16(c->in_width[0]));
  }
  if (c->dweight[LINEAR_BIAS] && !c->node->number[LNSPI_LINEAR_STILL_BIAS])
    c->k->column_sum(c->dweight[LINEAR_BIAS], c->dout, c->out_ld, c->rows, c->node->width);
  if (c->use)
    c->use(c, LINEAR_WEIGHT, 0, c->in[0], c->in_ld[0], c->dout, c->out_ld, c->rows);
}

static int64_t linear_flops(const lnspi_extent *e) {
  return 2 * e->graph->nodes[e->node->input[0]].width * e->node->width * e->concepts;
}

static size_t linear_write(const lnsp_graph *graph, const lnspi_node *node, char *to,
                           size_t capacity) {
  size_t used = lnspi_format(to, capacity, " %lld", (long long)node->width);
  used = lnspi_write_weight(graph, node, LINEAR_WEIGHT, ".weight", to, capacity, used);
  if (!node->number[0]) used = LNSPI_APPEND(to, capacity, used, " bias=0");
  return node->number[1] ? LNSPI_APPEND(to, capacity, used, " init=zero") : used;
}

static const char *const linear_examples[] = {
    "lnsp 1\nx = input 17\ny = linear x 5 w=a\noutput output=y",
    "lnsp 1\nx = input 33; y = linear x 70 w=a bias=0 init=zero; output output=y",
    "lnsp 1\nx = input 20\nh = linear x 20 w=a\nh = linear h 20 w=a\noutput output=h", NULL};

const lnspi_layer lnspi_layer_linear = {
    .name = "linear",
    .help = "y = linear x WIDTH w=NAME [bias=1] [init=uniform|zero]: x W^T + b, W [WIDTH, width of x]",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 2,
    .define = linear_define,
    .need = linear_need,
    .forward = linear_forward,
    .backward = linear_backward,
    .flops = linear_flops,
    .write = linear_write,
    .examples = linear_examples,
};

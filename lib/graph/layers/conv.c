/* Causal convolution over the concepts of a sequence, each channel by itself ("depthwise"):
 * y_t = bias + sum over j of w[j] x_(t - kernel + 1 + j), zeros before the first concept. The
 * last tap is the concept's own, as in Mamba's conv1d with its right end cut off.
 *
 * Concepts that the mask leaves out are passed over, as if the sequence were shorter: the
 * window (conv_window) holds the rows of the last `kernel` concepts that count, wherever they
 * are. Their rows of y are 0. The tensor is [width][1][kernel] in files; conv_taps turns it
 * into kernel rows of the whole width, so that each tap is one multiply-add over a row. */
#include <math.h>

#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"

#define CONV_WEIGHT 0
#define CONV_BIAS 1
#define CONV_KERNEL 4

static void conv_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->args.conv.kernel =
      (int32_t)lnspi_arg_integer(b, "kernel", 1, LNSPI_MAX_KERNEL, CONV_KERNEL);
  const int32_t kernel = node->args.conv.kernel;
  const float amount = (float)(1.0 / sqrt((double)kernel));
  const lnspi_weight bias =
      lnspi_declare_flat_shape(node->width, 0, LNSPI_INIT_UNIFORM, amount);
  lnspi_weight taps = bias;
  taps.rank = 3;
  taps.dims[1] = 1;
  taps.dims[2] = kernel;
  lnspi_declare_weight(b, node, CONV_WEIGHT, ".weight", &taps);
  lnspi_declare_weight(b, node, CONV_BIAS, ".bias", &bias);
}

static void conv_need(const lnspi_extent *e, lnspi_need *need) {
  need->scratch_floats = 2 * e->node->args.conv.kernel * lnspi_round16(e->node->width);
  need->rows_apart = 1;
}

/* The rows that the kernel sees at a concept, oldest first; -1 before the first one. */
typedef struct conv_window {
  int64_t row[LNSPI_MAX_KERNEL];
} conv_window;

static void conv_clear(const lnspi_call *c, conv_window *window) {
  for (int32_t j = 0; j < c->node->args.conv.kernel; j++) window->row[j] = -1;
}

/* Moves on to concept t of sequence s; 0 if that is masked. */
static int conv_step(const lnspi_call *c, conv_window *window, int64_t s, int64_t t) {
  const int32_t kernel = c->node->args.conv.kernel;
  if (lnspi_layer_masked(c, s * c->concepts + t)) return 0;
  for (int32_t j = 0; j + 1 < kernel; j++) window->row[j] = window->row[j + 1];
  window->row[kernel - 1] = s * c->concepts + t;
  return 1;
}

/* w[j], each of the whole width, from [width][1][kernel]. */
static const float *conv_taps(const lnspi_call *c, float *taps) {
  const float *w = c->weight[CONV_WEIGHT];
  const int64_t n = c->node->width, kernel = c->node->args.conv.kernel, ld = lnspi_round16(n);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < kernel; j++) taps[j * ld + i] = w[i * kernel + j];
  return taps;
}

static void conv_forward(const lnspi_call *c) {
  const int64_t n = c->node->width, ld = lnspi_round16(n);
  const float *taps = conv_taps(c, c->scratch);
  conv_window window;
  for (int64_t s = 0; s < c->batch; s++) {
    conv_clear(c, &window);
    for (int64_t t = 0; t < c->concepts; t++) {
      float *y = c->out + (s * c->concepts + t) * c->out_ld;
      if (!conv_step(c, &window, s, t)) {
        memset(y, 0, (size_t)n * sizeof *y);
        continue;
      }
      memcpy(y, c->weight[CONV_BIAS], (size_t)n * sizeof *y);
      for (int32_t j = 0; j < c->node->args.conv.kernel; j++)
        if (window.row[j] >= 0)
          c->k->mul_add(y, taps + j * ld, c->in[0] + window.row[j] * c->in_ld[0], n);
    }
  }
}

/* What one concept's gradient gives to the inputs and weights that it saw. */
static void conv_step_backward(const lnspi_call *c, const conv_window *window, const float *dy,
                               const float *taps, float *dtaps) {
  const int64_t n = c->node->width, ld = lnspi_round16(n);
  for (int32_t j = 0; j < c->node->args.conv.kernel; j++) {
    const int64_t row = window->row[j];
    if (row < 0) continue;
    if (c->din[0]) c->k->mul_add(c->din[0] + row * c->in_ld[0], taps + j * ld, dy, n);
    if (dtaps) c->k->mul_add(dtaps + j * ld, dy, c->in[0] + row * c->in_ld[0], n);
  }
  if (c->dweight[CONV_BIAS]) c->k->add(c->dweight[CONV_BIAS], c->dweight[CONV_BIAS], dy, n);
}

static void conv_backward(const lnspi_call *c) {
  const int64_t n = c->node->width, kernel = c->node->args.conv.kernel, ld = lnspi_round16(n);
  const float *taps = conv_taps(c, c->scratch);
  float *gw = c->dweight[CONV_WEIGHT], *dtaps = gw ? c->scratch + kernel * ld : NULL;
  conv_window window;
  if (dtaps) memset(dtaps, 0, (size_t)(kernel * ld) * sizeof *dtaps);
  if (c->din[0]) memset(c->din[0], 0, (size_t)(c->rows * c->in_ld[0]) * sizeof(float));
  for (int64_t s = 0; s < c->batch; s++) {
    conv_clear(c, &window);
    for (int64_t t = 0; t < c->concepts; t++)
      if (conv_step(c, &window, s, t))
        conv_step_backward(c, &window, c->dout + (s * c->concepts + t) * c->out_ld, taps,
                           dtaps);
  }
  if (!gw) return;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < kernel; j++) gw[i * kernel + j] += dtaps[j * ld + i];
}

static int64_t conv_flops(const lnspi_extent *e) {
  return 2 * e->node->args.conv.kernel * e->node->width * e->concepts;
}

static void conv_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  const int32_t kernel = node->args.conv.kernel;
  lnspi_graph_text_weight(graph, node, CONV_WEIGHT, ".weight", text);
  if (kernel != CONV_KERNEL) lnspi_text_add(text, " kernel=%d", kernel);
}

const lnspi_layer lnspi_layer_conv = {
    .name = "conv",
    .help = "y = conv x w=NAME [kernel=4]: causal convolution over the concepts, each channel "
            "by itself",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 2,
    .define = conv_define,
    .need = conv_need,
    .forward = conv_forward,
    .backward = conv_backward,
    .flops = conv_flops,
    .write = conv_write,
    .masks = LNSPI_MASKS,
};

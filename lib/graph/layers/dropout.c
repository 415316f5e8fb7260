/* Dropout (Srivastava and others, 2014): in a training pass each number is zero with
 * probability p, and the others are divided by 1 - p, so that the expected value is that of x;
 * otherwise y = x.
 *
 * Which numbers are dropped is no state: it is a function of seed, pass, node and element,
 * through the counter generator Philox. So backward makes the same choice again instead of
 * keeping it, a replay of the training makes it, too, and it does not depend on batch splits
 * or tasks. One call of the generator gives four 32-bit words, for four elements in a row. */
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/graph_text.h"
#include "kernels/random.h"

static void dropout_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->args.dropout.p = lnspi_arg_real(b, "p", 0, .99, -1);
}

static void dropout_run(const lnspi_call *c, const float *x, int64_t ldx, float *y,
                        int64_t ldy) {
  const float factor = 1.0f / (1.0f - c->node->args.dropout.p);
  const uint32_t key[2] = {(uint32_t)c->seed, (uint32_t)(c->seed >> 32)};
  const uint32_t bound = (uint32_t)((double)c->node->args.dropout.p * 4294967296.0);
  uint32_t words[4], block = 0;
  int fresh = 1;
  for (int64_t r = 0; r < c->rows; r++)
    for (int64_t i = 0; i < c->node->width; i++) {
      const uint64_t element = (uint64_t)(c->row0 + r) * (uint64_t)c->node->width + (uint64_t)i;
      if (fresh || block != (uint32_t)(element / 4)) {
        const uint32_t counter[4] = {block = (uint32_t)(element / 4), (uint32_t)c->number,
                                     (uint32_t)c->pass, (uint32_t)(c->pass >> 32)};
        lnspi_random_philox(counter, key, words);
        fresh = 0;
      }
      y[r * ldy + i] = words[element % 4] < bound ? 0.0f : x[r * ldx + i] * factor;
    }
}

static void dropout_pass(const lnspi_call *c, const float *x, int64_t ldx, float *y,
                         int64_t ldy) {
  if (c->training && c->node->args.dropout.p > 0)
    dropout_run(c, x, ldx, y, ldy);
  else
    lnspi_layer_copy(y, ldy, x, ldx, c->rows, c->node->width);
  lnspi_layer_zero_pads(y, ldy, c->rows, c->node->width);
}

static void dropout_forward(const lnspi_call *c) {
  dropout_pass(c, c->in[0], c->in_ld[0], c->out, c->out_ld);
}

static void dropout_backward(const lnspi_call *c) {
  if (c->din[0]) dropout_pass(c, c->dout, c->out_ld, c->din[0], c->in_ld[0]);
}

static void dropout_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  (void)graph;
  lnspi_graph_text_real(text, "p", node->args.dropout.p, LNSPI_GRAPH_TEXT_ALWAYS);
}

const lnspi_layer lnspi_layer_dropout = {
    .name = "dropout",
    .help = "y = dropout x p=P: in training, zeros with probability P, the rest / (1 - P)",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = dropout_define,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .write = dropout_write,
};

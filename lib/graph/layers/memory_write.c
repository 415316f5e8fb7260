/* Writes what a network said into the memory that it reads (layer memory_read), once per
 * update:
 *
 *   memory <- .9 memory + .1 outer(mean of softmax(write_gate h), mean of x)
 *
 * over the rows of the batch. As a function the layer is the identity: y = x, and dx = dy. The
 * write happens in `update`, when the trainer updates, with the values of the last pass; the
 * memory is part of the state, so that marks, rollback, deltas and stores cover it. Before it
 * writes, the trainer asks for the largest magnitude that would go in (tensor NULL) and
 * refuses the step if it is not finite, as it refuses gradients.
 *
 * write_gate gets no gradient: the write is no function of the output. Per-example clipping
 * (clip_each) is refused, since a single example could write without being clipped. */
#include <math.h>

#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"
#include "graph/product.h"

#define MEMORY_WRITE_MEMORY 0
#define MEMORY_WRITE_GATE 1
#define MEMORY_WRITE_GATE_BIAS 2
#define MEMORY_WRITE_KEEP .9f
#define MEMORY_WRITE_ADD .1f

static const char *const memory_write_gate[2] = {".write_gate.weight", ".write_gate.bias"};

static void memory_write_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *x = &b->graph->nodes[node->input[0]], *h = &b->graph->nodes[node->input[1]];
  const int64_t slots = lnspi_arg_size(b, "number of slots");
  lnspi_declare_same_length(b, node);
  node->width = x->width;
  node->args.memory_write.slots = (int32_t)slots;
  lnspi_weight memory = lnspi_declare_flat_shape(slots, x->width, LNSPI_INIT_NORMAL, .01f);
  memory.fixed = 1;
  lnspi_declare_weight(b, node, MEMORY_WRITE_MEMORY, ".memory", &memory);
  lnspi_declare_linear(b, node, MEMORY_WRITE_GATE, memory_write_gate, slots, h->width);
}

static void memory_write_need(const lnspi_extent *e, lnspi_need *need) {
  need->scratch_floats = (e->rows + 1) * lnspi_round16(e->node->args.memory_write.slots) +
                         lnspi_round16(e->node->width);
}

static void memory_write_forward(const lnspi_call *c) {
  lnspi_layer_copy(c->out, c->out_ld, c->in[0], c->in_ld[0], c->rows, c->node->width);
}

static void memory_write_backward(const lnspi_call *c) {
  float *dx = c->din[0];
  if (c->din[1]) memset(c->din[1], 0, (size_t)(c->in_rows[1] * c->in_ld[1]) * sizeof(float));
  if (!dx) return;
  lnspi_layer_copy(dx, c->in_ld[0], c->dout, c->out_ld, c->rows, c->node->width);
  lnspi_layer_zero_pads(dx, c->in_ld[0], c->rows, c->node->width);
}

/* Where the means are in scratch: of the rows' softmax, and of x. */
static float memory_write_means(const lnspi_call *c, float **slots, float **mean) {
  const int64_t n = c->node->args.memory_write.slots, ld = lnspi_round16(n),
                width = c->node->width;
  float *rows = c->scratch;
  *slots = rows + c->rows * ld;
  *mean = *slots + ld;
  memset(*slots, 0, (size_t)(ld + lnspi_round16(width)) * sizeof(float));
  lnspi_product(c, MEMORY_WRITE_GATE, 0, c->weight[MEMORY_WRITE_GATE_BIAS], c->in[1],
                c->in_ld[1], rows, ld, c->rows);
  for (int64_t r = 0; r < c->rows; r++) c->k->softmax(rows + r * ld, rows + r * ld, n);
  c->k->column_sum(*slots, rows, ld, c->rows, n);
  c->k->column_sum(*mean, c->in[0], c->in_ld[0], c->rows, width);
  c->k->scale(*slots, 1.0f / (float)c->rows, *slots, n);
  c->k->scale(*mean, 1.0f / (float)c->rows, *mean, width);
  return c->k->max_abs(*mean, width);
}

static float memory_write_update(const lnspi_call *c, float *memory) {
  const int64_t n = c->node->args.memory_write.slots, width = c->node->width;
  float *slots, *mean;
  const float most = memory_write_means(c, &slots, &mean);
  if (!memory) return most;
  for (int64_t i = 0; i < n; i++) {
    float *row = memory + i * width;
    c->k->scale(row, MEMORY_WRITE_KEEP, row, width);
    c->k->axpy(row, MEMORY_WRITE_ADD * slots[i], mean, width);
    c->k->flush(row, row, width);
  }
  return most;
}

static void memory_write_write(const lnsp_graph *graph, const lnspi_node *node,
                               lnspi_text *text) {
  lnspi_text_add(text, " %d", node->args.memory_write.slots);
  lnspi_graph_text_weight(graph, node, MEMORY_WRITE_MEMORY, ".memory", text);
}

const lnspi_layer lnspi_layer_memory_write = {
    .name = "memory_write",
    .old_name = "remember",
    .help =
        "y = memory_write x h SLOTS w=NAME: y is x; each update of a trainer writes the mean "
        "of x into "
        "NAME.memory, weighted by NAME.write_gate of h",
    .inputs_low = 2,
    .inputs_high = 2,
    .weights_high = 3,
    .define = memory_write_define,
    .need = memory_write_need,
    .forward = memory_write_forward,
    .backward = memory_write_backward,
    .write = memory_write_write,
    .no_dweight_only = 1, /* what is written is not clipped by example */
    .untrained =
        1u << MEMORY_WRITE_MEMORY | 1u << MEMORY_WRITE_GATE | 1u << MEMORY_WRITE_GATE_BIAS,
    .update = memory_write_update,
};

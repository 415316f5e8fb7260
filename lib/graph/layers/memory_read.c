/* A memory that is read by content: a weighted sum of its slots, weighted by how much they
 * resemble the query.
 *
 *   p = query_proj q;   w = softmax over the slots of cos(p, slot);   y = sum of w slot
 *
 * The memory is a fixed tensor: no gradient reaches it. It changes only where a line
 * memory_write with the same w= writes into it, at an update. write_gate is declared here,
 * too, because files of such networks carry it also where nothing is written; it gets no
 * gradient. With zero=N the query is N zeros, which reads the same mixture (that of the bias)
 * in every sequence: this is how the origin's network starts before it has seen anything.
 *
 * saved has for each row: p / |p|, over which backward puts the gradient of p; |p|, 16 floats;
 * w; and the zeros of the query, which the update wants as rows of x like any other. |slot| is
 * computed for each call, since the memory may have changed in between, and is at least
 * MEMORY_READ_EPS, so that an empty slot counts as cosine 0. */
#include <math.h>

#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"
#include "graph/product.h"

#define MEMORY_READ_SLOTS 0 /* the tensors */
#define MEMORY_READ_QUERY 1
#define MEMORY_READ_QUERY_BIAS 2
#define MEMORY_READ_GATE 3
#define MEMORY_READ_GATE_BIAS 4
#define MEMORY_READ_EPS 1e-12f

static const char *const memory_read_query[2] = {".query_proj.weight", ".query_proj.bias"};
static const char *const memory_read_gate[2] = {".write_gate.weight", ".write_gate.bias"};

static void memory_read_define(lnspi_builder *b, lnspi_node *node) {
  const int64_t slots = lnspi_arg_size(b, "number of slots");
  int64_t in = b->graph->nodes[node->input[0]].width;
  node->width = lnspi_arg_size(b, "width of a slot");
  node->args.memory_read.slots = (int32_t)slots;
  node->args.memory_read.zero = (int32_t)lnspi_arg_integer(b, "zero", 0, LNSPI_MAX_WIDTH, 0);
  if (node->args.memory_read.zero) {
    in = node->args.memory_read.zero;
    node->every = 0;
  }
  lnspi_weight memory = lnspi_declare_flat_shape(slots, node->width, LNSPI_INIT_NORMAL, .01f);
  memory.fixed = 1;
  lnspi_declare_weight(b, node, MEMORY_READ_SLOTS, ".memory", &memory);
  lnspi_declare_linear(b, node, MEMORY_READ_QUERY, memory_read_query, node->width, in);
  lnspi_declare_linear(b, node, MEMORY_READ_GATE, memory_read_gate, slots, in);
}

typedef struct memory_read_parts {
  const lnspi_kernels *k;
  const float *memory; /* [slots, width] */
  int64_t slots, width, ld, stride;
  int64_t zeros; /* where the query of zeros is in a row of saved */
  float *saved;
  float *lengths; /* of the slots */
} memory_read_parts;

static memory_read_parts memory_read_measure(const lnspi_node *node) {
  memory_read_parts p;
  memset(&p, 0, sizeof p);
  p.slots = node->args.memory_read.slots;
  p.width = node->width;
  p.ld = lnspi_round16(p.width);
  p.zeros = p.ld + 16 + lnspi_round16(p.slots);
  p.stride = p.zeros + lnspi_round16(node->args.memory_read.zero);
  return p;
}

static void memory_read_need(const lnspi_extent *e, lnspi_need *need) {
  const memory_read_parts p = memory_read_measure(e->node);
  need->saved_floats = e->rows * p.stride;
  need->scratch_floats = 2 * lnspi_round16(p.slots) + p.ld;
  need->uses = 1;
  need->rows_apart = 1;
}

static memory_read_parts memory_read_open(const lnspi_call *c) {
  memory_read_parts p = memory_read_measure(c->node);
  p.k = c->k;
  p.memory = c->weight[MEMORY_READ_SLOTS];
  p.saved = c->saved + c->row0 * p.stride;
  p.lengths = c->scratch;
  if (c->dweight_only) return p; /* nobody reads them */
  for (int64_t i = 0; i < p.slots; i++) {
    const float *slot = p.memory + i * p.width;
    const float length = sqrtf(p.k->dot(slot, slot, p.width));
    p.lengths[i] = length > MEMORY_READ_EPS ? length : MEMORY_READ_EPS;
  }
  return p;
}

/* ---- forward ------------------------------------------------------------- */

static void memory_read_row(const memory_read_parts *p, float *row, float *out) {
  float *weights = row + p->ld + 16;
  row[p->ld] = p->k->unit(row, row, p->width, MEMORY_READ_EPS);
  for (int64_t i = 0; i < p->slots; i++)
    weights[i] = p->k->dot(row, p->memory + i * p->width, p->width) / p->lengths[i];
  p->k->softmax(weights, weights, p->slots);
  memset(out, 0, (size_t)p->width * sizeof(float));
  for (int64_t i = 0; i < p->slots; i++)
    p->k->axpy(out, weights[i], p->memory + i * p->width, p->width);
}

static void memory_read_forward(const lnspi_call *c) {
  const memory_read_parts p = memory_read_open(c);
  const float *bias = c->weight[MEMORY_READ_QUERY_BIAS];
  if (!c->node->args.memory_read.zero)
    lnspi_product(c, MEMORY_READ_QUERY, 0, bias, c->in[0], c->in_ld[0], p.saved, p.stride,
                  c->rows);
  for (int64_t r = 0; r < c->rows; r++) {
    float *row = p.saved + r * p.stride;
    if (p.stride > p.zeros) {
      memset(row + p.zeros, 0, (size_t)(p.stride - p.zeros) * sizeof(float));
      memcpy(row, bias, (size_t)p.ld * sizeof(float));
    }
    memory_read_row(&p, row, c->out + r * c->out_ld);
  }
}

/* ---- backward ------------------------------------------------------------ */

static void memory_read_row_dx(const memory_read_parts *p, float *row, const float *dout,
                               float *ds, float *du) {
  const float *weights = row + p->ld + 16;
  for (int64_t i = 0; i < p->slots; i++)
    ds[i] = p->k->dot(dout, p->memory + i * p->width, p->width);
  p->k->softmax_dx(ds, ds, weights, p->slots);
  memset(du, 0, (size_t)p->width * sizeof(float));
  for (int64_t i = 0; i < p->slots; i++)
    p->k->axpy(du, ds[i] / p->lengths[i], p->memory + i * p->width, p->width);
  p->k->unit_dx(du, du, row, row[p->ld], p->width, MEMORY_READ_EPS);
  p->k->flush(row, du, p->width);
}

static void memory_read_backward(const lnspi_call *c) {
  const memory_read_parts p = memory_read_open(c);
  float *ds = p.lengths + lnspi_round16(p.slots), *du = ds + lnspi_round16(p.slots);
  const int zero = c->node->args.memory_read.zero != 0;
  if (!c->dweight_only)
    for (int64_t r = 0; r < c->rows; r++)
      memory_read_row_dx(&p, p.saved + r * p.stride, c->dout + r * c->out_ld, ds, du);
  if (c->dweight[MEMORY_READ_QUERY_BIAS])
    c->k->column_sum(c->dweight[MEMORY_READ_QUERY_BIAS], p.saved, p.stride, c->rows, p.width);
  if (c->dweight_only) return;
  if (c->use)
    c->use(c, MEMORY_READ_QUERY, 0, zero ? p.saved + p.zeros : c->in[0],
           zero ? p.stride : c->in_ld[0], p.saved, p.stride, c->rows);
  if (!c->din[0]) return;
  if (zero)
    memset(c->din[0], 0, (size_t)(c->in_rows[0] * c->in_ld[0]) * sizeof(float));
  else {
    lnspi_product_dx(c, MEMORY_READ_QUERY, 0, p.saved, p.stride, c->din[0], c->in_ld[0],
                     c->rows, 1);
    lnspi_layer_zero_pads(c->din[0], c->in_ld[0], c->rows, lnspi_round16(c->in_width[0]));
  }
}

static int64_t memory_read_flops(const lnspi_extent *e) {
  const struct lnspi_memory_read_args *a = &e->node->args.memory_read;
  const int64_t in = e->graph->nodes[e->node->input[0]].width, width = e->node->width;
  const int64_t read = 4 * a->slots * width;
  return (read + (a->zero ? 0 : 2 * in * width)) * e->concepts;
}

static void memory_read_write(const lnsp_graph *graph, const lnspi_node *node,
                              lnspi_text *text) {
  const struct lnspi_memory_read_args *a = &node->args.memory_read;
  lnspi_text_add(text, " %d %lld", a->slots, (long long)node->width);
  lnspi_graph_text_weight(graph, node, MEMORY_READ_SLOTS, ".memory", text);
  if (a->zero) lnspi_text_add(text, " zero=%d", a->zero);
}

const lnspi_layer lnspi_layer_memory_read = {
    .name = "memory_read",
    .old_name = "memory",
    .help = "y = memory_read q SLOTS WIDTH w=NAME [zero=N]: the sum of the slots, weighted by "
            "their cosine with a projection of q; zero: q is N zeros, one row per sequence",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 5,
    .define = memory_read_define,
    .need = memory_read_need,
    .forward = memory_read_forward,
    .backward = memory_read_backward,
    .flops = memory_read_flops,
    .write = memory_read_write,
    .untrained = 1u << MEMORY_READ_SLOTS | 1u << MEMORY_READ_GATE | 1u << MEMORY_READ_GATE_BIAS,
};

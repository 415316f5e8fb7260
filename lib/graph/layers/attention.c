/* Multi-head self-attention over the concepts of a sequence, without mask or
 * positions. q, k, v = parts of in_proj x; for each head, w = softmax over keys of
 * q k^T / sqrt(width of a head); o = w v; y = out_proj o.
 *
 * For sequences of one concept the softmax is exactly 1: o = v, and neither q and k
 * nor their gradients (exactly zero) are computed. The bits are those of the general
 * path. */
#include <math.h>

#include "graph/builder.h"
#include "graph/product.h"

#define ATTENTION_IN 0
#define ATTENTION_IN_BIAS 1
#define ATTENTION_OUT 2
#define ATTENTION_OUT_BIAS 3

static void attention_define(lnspi_builder *b, lnspi_node *node) {
  const int64_t d = b->graph->nodes[node->input[0]].width;
  lnspi_weight shape;
  memset(&shape, 0, sizeof shape);
  node->width = d;
  node->number[0] = (int32_t)lnspi_arg_integer(b, "heads", 1, LNSPI_MAX_WIDTH, 0);
  node->number[1] = lnspi_arg_flag(b, "bias", 1);
  if (3 * d > LNSPI_MAX_WIDTH || d % node->number[0])
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, "heads"),
                     "attention works on a width up to %d that heads= divides: the width "
                     "here is %lld, heads=%d",
                     LNSPI_MAX_WIDTH / 3, (long long)d, node->number[0]);
  shape.kind = LNSPI_MATRIX;
  shape.parts = 3;
  shape.init = LNSPI_INIT_UNIFORM;
  shape.amount = (float)sqrt(6.0 / (double)(4 * d)); /* Xavier, of the whole tensor */
  shape.rank = 2;
  shape.dims[0] = 3 * d;
  shape.dims[1] = d;
  lnspi_build_weight(b, node, ATTENTION_IN, ".in_proj_weight", &shape);
  if (node->number[1]) {
    lnspi_weight bias = shape;
    bias.kind = LNSPI_FLAT;
    bias.init = LNSPI_INIT_ZERO;
    bias.amount = 0;
    bias.rank = 1;
    bias.dims[1] = 0;
    lnspi_build_weight(b, node, ATTENTION_IN_BIAS, ".in_proj_bias", &bias);
  }
  shape.parts = 1;
  shape.amount = (float)(1.0 / sqrt((double)d));
  shape.dims[0] = d;
  lnspi_build_weight(b, node, ATTENTION_OUT, ".out_proj.weight", &shape);
  if (!node->number[1]) return;
  shape.kind = LNSPI_FLAT;
  shape.init = LNSPI_INIT_ZERO;
  shape.amount = 0;
  shape.rank = 1;
  shape.dims[1] = 0;
  lnspi_build_weight(b, node, ATTENTION_OUT_BIAS, ".out_proj.bias", &shape);
}

/* What lies in saved. Backward writes the gradients of v, k and q over v, k and dq
 * as soon as these are no longer read. */
typedef struct attention_parts {
  int64_t d, ld, rows, length, heads, head; /* head: width of one */
  float factor;
  float *v, *o, *dq; /* [rows, ld]; dq holds do first */
  float *q, *k;      /* [rows, ld]; not with one concept */
  float *w;          /* [batch, heads, length, length]; not with one concept */
} attention_parts;

static int64_t attention_saved(int64_t ld, int64_t heads, int64_t batch, int64_t concepts) {
  const int64_t rows = batch * concepts;
  return concepts == 1 ? 3 * rows * ld : 5 * rows * ld + rows * heads * concepts;
}

static void attention_need(const lnspi_extent *e, lnspi_need *need) {
  const lnspi_node *node = e->node;
  const int64_t concepts = e->concepts;
  need->saved_floats = attention_saved(lnspi_round16(node->width), node->number[0], e->batch,
                                       concepts);
  /* a row of zeros or the scores' gradient; shorter calls must fit in it too */
  need->scratch_floats = lnspi_round16(node->width);
  if (need->scratch_floats < concepts * concepts) need->scratch_floats = concepts * concepts;
  need->uses = concepts == 1 ? 2 : 4;
  need->rows_apart = 1;
}

static attention_parts attention_open(const lnspi_call *c) {
  attention_parts p;
  p.d = c->node->width;
  p.ld = lnspi_round16(p.d);
  p.rows = c->rows;
  p.length = c->concepts;
  p.heads = c->node->number[0];
  p.head = p.d / p.heads;
  p.factor = 1.0f / sqrtf((float)p.head);
  p.v = c->saved + c->row0 * p.ld;
  p.o = p.v + c->all_rows * p.ld;
  p.dq = p.o + c->all_rows * p.ld;
  p.q = p.dq + c->all_rows * p.ld;
  p.k = p.q + c->all_rows * p.ld;
  p.w = c->saved + 5 * c->all_rows * p.ld + c->row0 * p.heads * p.length;
  return p;
}

/* part 0, 1, 2: q, k, v */
static void attention_project(const lnspi_call *c, const attention_parts *p, int part,
                              float *to) {
  const float *bias = c->weight[ATTENTION_IN_BIAS];
  lnspi_product(c, ATTENTION_IN, part, bias ? bias + part * p->ld : NULL, c->in[0],
                c->in_ld[0], to, p->ld, p->rows);
}

static void attention_zero(const attention_parts *p, float *x) {
  memset(x, 0, (size_t)(p->rows * p->ld) * sizeof(float));
}

/* One head of one sequence; first: its first row's lane of this head. */
static void attention_head_forward(const lnspi_call *c, const attention_parts *p, int64_t first,
                                   float *w) {
  const int64_t n = p->length;
  for (int64_t i = 0; i < n; i++, w += n) {
    const float *q = p->q + first + i * p->ld;
    float *o = p->o + first + i * p->ld;
    for (int64_t j = 0; j < n; j++) w[j] = c->k->dot(q, p->k + first + j * p->ld, p->head);
    c->k->scale(w, p->factor, w, n);
    c->k->softmax(w, w, n);
    c->k->flush(w, w, n); /* so that no denormal slows what follows */
    for (int64_t j = 0; j < n; j++) c->k->axpy(o, w[j], p->v + first + j * p->ld, p->head);
  }
}

/* o from the projections, for any length; and the short way for length 1. */
static void attention_mix(const lnspi_call *c, const attention_parts *p) {
  attention_project(c, p, 0, p->q);
  attention_project(c, p, 1, p->k);
  for (int64_t b = 0; b < c->batch; b++)
    for (int64_t h = 0; h < p->heads; h++)
      attention_head_forward(c, p, b * p->length * p->ld + h * p->head,
                             p->w + (b * p->heads + h) * p->length * p->length);
}

static void attention_mix_one(const lnspi_call *c, const attention_parts *p) {
  for (int64_t r = 0; r < p->rows; r++)
    c->k->axpy(p->o + r * p->ld, 1.0f, p->v + r * p->ld, p->d);
}

static void attention_forward(const lnspi_call *c) {
  const attention_parts p = attention_open(c);
  attention_project(c, &p, 2, p.v);
  attention_zero(&p, p.o);
  if (p.length == 1)
    attention_mix_one(c, &p);
  else
    attention_mix(c, &p);
  lnspi_product(c, ATTENTION_OUT, 0, c->weight[ATTENTION_OUT_BIAS], p.o, p.ld, c->out,
                c->out_ld, p.rows);
}

static void attention_zero_head(const attention_parts *p, float *x) {
  for (int64_t i = 0; i < p->length; i++)
    memset(x + i * p->ld, 0, (size_t)p->head * sizeof(float));
}

/* One head of one sequence: the gradients of v, q and k, over v, do and k. */
static void attention_head_backward(const lnspi_call *c, const attention_parts *p,
                                    int64_t first, const float *w) {
  const int64_t n = p->length, ld = p->ld;
  float *ds = c->scratch;
  for (int64_t i = 0; i < n; i++) {
    float *row = ds + i * n;
    for (int64_t j = 0; j < n; j++)
      row[j] = c->k->dot(p->dq + first + i * ld, p->v + first + j * ld, p->head);
    c->k->softmax_dx(row, row, w + i * n, n);
    c->k->scale(row, p->factor, row, n);
    c->k->flush(row, row, n);
  }
  attention_zero_head(p, p->v + first);
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < n; i++)
      c->k->axpy(p->v + first + j * ld, w[i * n + j], p->dq + first + i * ld, p->head);
  attention_zero_head(p, p->dq + first);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      c->k->axpy(p->dq + first + i * ld, ds[i * n + j], p->k + first + j * ld, p->head);
  attention_zero_head(p, p->k + first);
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < n; i++)
      c->k->axpy(p->k + first + j * ld, ds[i * n + j], p->q + first + i * ld, p->head);
}

/* Bias, input and weight gradient of one part of in_proj; add: din has something. */
static void attention_part_backward(const lnspi_call *c, const attention_parts *p, int part,
                                    const float *d, int add) {
  float *bias = c->dweight[ATTENTION_IN_BIAS], *din = c->din[0];
  /* a bias on every key moves all scores of a row alike, which softmax does not
   * see: its gradient is exactly zero, where the sum would give rounding noise
   * that Adam then magnifies */
  if (bias && part != 1)
    c->k->column_sum(bias + part * p->ld, d, p->ld, p->rows, p->d);
  if (c->use) c->use(c, ATTENTION_IN, part, c->in[0], c->in_ld[0], d, p->ld, p->rows);
  if (!din) return;
  if (!add) {
    lnspi_product_dx(c, ATTENTION_IN, part, d, p->ld, din, c->in_ld[0], p->rows, 1);
    lnspi_zero_pads(din, c->in_ld[0], p->rows, p->ld);
    return;
  }
  /* q itself is no longer read: its place takes this part's share */
  lnspi_product_dx(c, ATTENTION_IN, part, d, p->ld, p->q, p->ld, p->rows, 1);
  for (int64_t r = 0; r < p->rows; r++)
    c->k->add(din + r * c->in_ld[0], din + r * c->in_ld[0], p->q + r * p->ld, p->d);
}

static void attention_mix_backward(const lnspi_call *c, const attention_parts *p) {
  for (int64_t b = 0; b < c->batch; b++)
    for (int64_t h = 0; h < p->heads; h++)
      attention_head_backward(c, p, b * p->length * p->ld + h * p->head,
                              p->w + (b * p->heads + h) * p->length * p->length);
  attention_part_backward(c, p, 0, p->dq, 0);
  attention_part_backward(c, p, 1, p->k, 1);
  attention_part_backward(c, p, 2, p->v, 1);
}

/* One concept: the gradient of v is do, those of q and k are zero. */
static void attention_mix_one_backward(const lnspi_call *c, const attention_parts *p) {
  attention_zero(p, p->v);
  for (int64_t r = 0; r < p->rows; r++)
    c->k->axpy(p->v + r * p->ld, 1.0f, p->dq + r * p->ld, p->d);
  attention_part_backward(c, p, 2, p->v, 0);
  if (!c->din[0]) return;
  /* plus the zeros of q and k: -0 becomes +0, as in the general path */
  memset(c->scratch, 0, (size_t)p->d * sizeof(float));
  for (int64_t r = 0; r < p->rows; r++)
    c->k->add(c->din[0] + r * c->in_ld[0], c->din[0] + r * c->in_ld[0], c->scratch, p->d);
}

/* The sums of the biases alone, of the gradients that backward left. */
static void attention_again(const lnspi_call *c, const attention_parts *p) {
  float *in = c->dweight[ATTENTION_IN_BIAS], *out = c->dweight[ATTENTION_OUT_BIAS];
  if (out) c->k->column_sum(out, c->dout, c->out_ld, p->rows, p->d);
  if (!in) return;
  if (p->length > 1) c->k->column_sum(in, p->dq, p->ld, p->rows, p->d);
  c->k->column_sum(in + 2 * p->ld, p->v, p->ld, p->rows, p->d);
}

static void attention_backward(const lnspi_call *c) {
  const attention_parts p = attention_open(c);
  if (c->again) {
    attention_again(c, &p);
    return;
  }
  lnspi_product_dx(c, ATTENTION_OUT, 0, c->dout, c->out_ld, p.dq, p.ld, p.rows, 1);
  if (c->dweight[ATTENTION_OUT_BIAS])
    c->k->column_sum(c->dweight[ATTENTION_OUT_BIAS], c->dout, c->out_ld, p.rows, p.d);
  if (c->use) c->use(c, ATTENTION_OUT, 0, p.o, p.ld, c->dout, c->out_ld, p.rows);
  if (p.length == 1)
    attention_mix_one_backward(c, &p);
  else
    attention_mix_backward(c, &p);
}

/* All four projections, scores and sums; with one concept less is done. */
static int64_t attention_flops(const lnspi_extent *e) {
  const int64_t d = e->node->width;
  return 8 * d * d * e->concepts + 4 * d * e->concepts * e->concepts;
}

static size_t attention_write(const lnsp_graph *graph, const lnspi_node *node, char *to,
                              size_t capacity) {
  size_t used = lnspi_format(to, capacity, " heads=%d", node->number[0]);
  used = lnspi_write_weight(graph, node, ATTENTION_IN, ".in_proj_weight", to, capacity, used);
  return node->number[1] ? used : LNSPI_APPEND(to, capacity, used, " bias=0");
}

static const char *const attention_examples[] = {
    "lnsp 1\nx = input 12\ny = attention x heads=3 w=a\noutput output=y",
    "lnsp 1\nx = input 35; y = attention x heads=5 w=a bias=0; output output=y",
    "lnsp 1\nx = input 24; y = attention x heads=24 w=a; output output=y",
    "lnsp 1\nx = input 16; y = attention x heads=1 w=a; output output=y", NULL};

const lnspi_layer lnspi_layer_attention = {
    .name = "attention",
    .help = "y = attention x heads=N w=NAME [bias=1]: self-attention over a row's concepts",
    .inputs_low = 1,
    .inputs_high = 1,
    .weights_high = 4,
    .define = attention_define,
    .need = attention_need,
    .forward = attention_forward,
    .backward = attention_backward,
    .flops = attention_flops,
    .write = attention_write,
    .examples = attention_examples,
    .masks = LNSPI_NO_MASK,
};

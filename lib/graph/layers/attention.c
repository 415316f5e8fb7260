/* Multi-head attention over the concepts of a sequence (Vaswani and others, 2017), with its
 * four projections as torch.nn.MultiheadAttention has them:
 *
 *   q = in_proj part 0 of x;  k, v = parts 1 and 2 of the memory, which is x or a second input
 *   o = softmax(q k^T / sqrt(width of a head)) v, for each head: lnspi_sdpa_forward
 *   y = out_proj o
 *
 * in_proj is one tensor of three matrices or, in files of DistilBERT and BERT, three tensors;
 * attention_slot and attention_part hide the difference.
 *
 * Memory. A trainer needs q, k, v and the softmax weights again, so that they are in saved.
 * The gradients of v, k and q are then written over v, k and the gradient of o, each as soon
 * as its old contents are no longer read (the order is that of sdpa_head_backward), and stay
 * there until the update, which reads them as factors of the matrices' gradients. q itself
 * becomes scratch. attention_parts is the map of saved; sequences are laid out one after the
 * other in each of its arrays, so that a call for some sequences of a batch finds its own by
 * c->first.
 *
 * The bias of k has no gradient: a constant on every key adds the same number to all scores of
 * a query, which softmax does not see. Its sum over rows would be rounding noise that Adam
 * turns into steps, so that it is left out, as zero_grad.c does it for attention written out
 * in lines.
 *
 * For sequences of one concept the softmax is exactly 1: o = v, and neither q and k nor their
 * gradients (exactly zero) are computed, which is the usual case of a student that gets one
 * vector at a time. The bits are those of the general path; a test compares both. That is why
 * attention_mix_one adds v to zeros instead of copying it, and why its backward adds zeros: -0
 * becomes +0, as it does in sums. */
#include <math.h>

#include "base/min_max.h"
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"
#include "graph/layers/sdpa.h"
#include "graph/product.h"

#define ATTENTION_IN 0
#define ATTENTION_IN_BIAS 1 /* the bias of a matrix is in the next slot */
#define ATTENTION_OUT 2
#define ATTENTION_OUT_BIAS 3
#define ATTENTION_ADDED 4
#define ATTENTION_KEY 5 /* these where in_proj is in three tensors; biases follow */
#define ATTENTION_VALUE 7

/* Suffixes of the tensors: PyTorch's, those of one layer qkv, and those of Hugging Face's
 * DistilBERT and BERT, which have three layers. */
#define ATTENTION_CHOICES "in_proj,qkv,distilbert,bert"
#define ATTENTION_SPLIT 2 /* from here on */
static const char *const attention_names[] = {"in_proj", "qkv", "distilbert", "bert"};
typedef struct attention_suffixes {
  const char *in[3][2], *out[2];
} attention_suffixes;
static const attention_suffixes attention_suffix[] =
    {{{{".in_proj_weight", ".in_proj_bias"}}, {".out_proj.weight", ".out_proj.bias"}},
     {{{".qkv.weight", ".qkv.bias"}}, {".out_proj.weight", ".out_proj.bias"}},
     {{{".q_lin.weight", ".q_lin.bias"},
       {".k_lin.weight", ".k_lin.bias"},
       {".v_lin.weight", ".v_lin.bias"}},
      {".out_lin.weight", ".out_lin.bias"}},
     {{{".self.query.weight", ".self.query.bias"},
       {".self.key.weight", ".self.key.bias"},
       {".self.value.weight", ".self.value.bias"}},
      {".output.dense.weight", ".output.dense.bias"}}};

/* Where part 0, 1 or 2 (q, k, v) of in_proj is: its slot, that of its bias being the next. */
static int32_t attention_slot(const lnspi_node *node, int part) {
  static const int32_t slots[3] = {ATTENTION_IN, ATTENTION_KEY, ATTENTION_VALUE};
  return node->args.attention.names < ATTENTION_SPLIT ? ATTENTION_IN : slots[part];
}

/* ... its number in that tensor, and in the bias. */
static int32_t attention_part(const lnspi_node *node, int part) {
  return node->args.attention.names < ATTENTION_SPLIT ? part : 0;
}

static void attention_check(lnspi_builder *b, const lnspi_node *node) {
  const int64_t d = node->width;
  const lnspi_node *memory = &b->graph->nodes[node->input[node->input_count - 1]];
  if (3 * d > LNSPI_MAX_WIDTH || d % node->args.attention.heads)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, "heads"),
                     "attention needs a width of at most %d that heads= divides, but the width "
                     "is %lld and heads=%d",
                     LNSPI_MAX_WIDTH / 3, (long long)d, node->args.attention.heads);
  if (memory->width != d)
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.input[1],
        "the memory '%s' has width %lld, but the queries have %lld: make them equal",
        memory->name, (long long)memory->width, (long long)d);
}

/* A matrix of dims[0] rows in parts, and its bias. */
static void attention_declare(lnspi_builder *b, lnspi_node *node, int32_t slot,
                              const char *const suffix[2], int32_t parts, float amount,
                              float bias_amount) {
  const lnspi_weight matrix =
      lnspi_declare_matrix_shape(parts, node->width, node->width, amount);
  lnspi_weight bias =
      lnspi_declare_flat_shape(parts * node->width, 0, LNSPI_INIT_UNIFORM, bias_amount);
  bias.parts = parts;
  if (!(bias_amount > 0)) bias.init = LNSPI_INIT_ZERO;
  lnspi_declare_weight(b, node, slot, suffix[0], &matrix);
  if (node->args.attention.bias) lnspi_declare_weight(b, node, slot + 1, suffix[1], &bias);
}

/* PyTorch's in_proj has Xavier's distribution, as a whole, and biases of 0; other names are
 * those of its Linear. */
static void attention_define(lnspi_builder *b, lnspi_node *node) {
  struct lnspi_attention_args *a = &node->args.attention;
  const int64_t d = b->graph->nodes[node->input[0]].width;
  const float linear = (float)(1.0 / sqrt((double)d));
  node->width = d;
  a->heads = (int32_t)lnspi_arg_integer(b, "heads", 1, LNSPI_MAX_WIDTH, 0);
  a->bias = lnspi_arg_flag(b, "bias", 1);
  a->names = lnspi_arg_choice(b, "names", ATTENTION_CHOICES, 0);
  attention_check(b, node);
  const attention_suffixes *suffix = &attention_suffix[a->names];
  const float amount = a->names ? linear : (float)sqrt(6.0 / (double)(4 * d));
  const float bias = a->names ? linear : 0;
  for (int part = 0; part < (a->names < ATTENTION_SPLIT ? 1 : 3); part++)
    attention_declare(b, node, attention_slot(node, part), suffix->in[part],
                      a->names < ATTENTION_SPLIT ? 3 : 1, amount, bias);
  attention_declare(b, node, ATTENTION_OUT, suffix->out, 1, linear, bias);
  lnspi_sdpa_pattern_define(b, node, &a->pattern, ATTENTION_ADDED, node->input_count - 1);
}

static int32_t attention_weights(const lnspi_builder *b) {
  return 4 + lnspi_arg_given(b, "added") + 4 * lnspi_arg_given(b, "names");
}

/* What is in saved. Backward writes the gradients of v, k and q over v, k and dq
 * as soon as these are no longer read. */
typedef struct attention_parts {
  int64_t d, ld, heads;
  int64_t length, rows; /* queries of a sequence, of all */
  int64_t memory, memory_rows; /* keys */
  int32_t from; /* the input that keys and values come from */
  int32_t one; /* 1: one query and one key a sequence */
  float *v; /* [memory_rows, ld] */
  float *o, *dq; /* [rows, ld]; dq holds do first */
  float *q, *k; /* [rows, ld], [memory_rows, ld]; not with one */
  float *share; /* [memory_rows, ld]: q, where that is as long */
  float *w; /* [batch, heads, length, memory]; not with one */
} attention_parts;

static void attention_need(const lnspi_extent *e, lnspi_need *need) {
  const lnspi_node *node = e->node;
  const int64_t ld = lnspi_round16(node->width), length = e->concepts;
  const int64_t memory = e->in_concepts[node->input_count - 1];
  int64_t rows = 2 * length + memory;
  need->scratch_floats = ld; /* a row of zeros, or the scores' gradient */
  need->rows_apart = 1;
  if (length == 1 && memory == 1) {
    need->saved_floats = e->batch * rows * ld;
    need->uses = 2;
    return;
  }
  rows += length + memory + (memory > length ? memory : 0);
  need->saved_floats = e->batch * (rows * ld + node->args.attention.heads * length * memory);
  /* shorter calls must fit in it too */
  need->scratch_floats = lnspi_max_i64(ld, length * memory);
  need->uses = 4;
}

static attention_parts attention_open(const lnspi_call *c) {
  attention_parts p;
  p.d = c->node->width;
  p.ld = lnspi_round16(p.d);
  p.heads = c->node->args.attention.heads;
  p.from = c->node->input_count - 1;
  p.length = c->concepts;
  p.rows = c->rows;
  p.memory = c->in_concepts[p.from];
  p.memory_rows = c->in_rows[p.from];
  p.one = p.length == 1 && p.memory == 1;
  float *at = c->saved;
  p.v = at + c->first * p.memory * p.ld;
  at += c->all_batch * p.memory * p.ld;
  p.o = at + c->first * p.length * p.ld;
  at += c->all_batch * p.length * p.ld;
  p.dq = at + c->first * p.length * p.ld;
  at += c->all_batch * p.length * p.ld;
  p.share = p.q = at + c->first * p.length * p.ld;
  at += c->all_batch * p.length * p.ld;
  p.k = at + c->first * p.memory * p.ld;
  at += c->all_batch * p.memory * p.ld;
  if (p.memory > p.length) {
    p.share = at + c->first * p.memory * p.ld;
    at += c->all_batch * p.memory * p.ld;
  }
  p.w = at + c->first * p.heads * p.length * p.memory;
  return p;
}

static lnspi_sdpa attention_core(const lnspi_call *c, const attention_parts *p) {
  lnspi_sdpa a;
  memset(&a, 0, sizeof a);
  a.k = c->k;
  a.batch = c->batch;
  a.queries = p->length;
  a.keys = p->memory;
  a.heads = p->heads;
  a.head = a.value_head = p->d / p->heads;
  a.pattern = c->node->args.attention.pattern;
  a.factor = 1.0f / sqrtf((float)a.head);
  if (c->graph->nodes[c->node->input[p->from]].every == 1) a.mask = c->mask;
  a.mask_ld = c->mask_ld;
  a.added = c->weight[ATTENTION_ADDED];
  a.q = p->q;
  a.key = p->k;
  a.v = p->v;
  a.o = p->o;
  a.q_ld = a.key_ld = a.v_ld = a.o_ld = p->ld;
  a.w = p->w;
  a.d = a.dq = p->dq;
  a.dkey = p->k;
  a.dv = p->v;
  a.scratch = c->scratch;
  return a;
}

/* part 0, 1, 2: q, k, v */
static void attention_project(const lnspi_call *c, const attention_parts *p, int part,
                              float *to) {
  const int32_t slot = attention_slot(c->node, part), at = attention_part(c->node, part);
  const int32_t from = part ? p->from : 0;
  const float *bias = c->weight[slot + 1];
  lnspi_product(c, slot, at, bias ? bias + at * p->ld : NULL, c->in[from], c->in_ld[from], to,
                p->ld, part ? p->memory_rows : p->rows);
}

static void attention_zero(const attention_parts *p, float *x) {
  memset(x, 0, (size_t)(p->rows * p->ld) * sizeof(float));
}

/* o from the projections, for any length; and the short way for length 1. */
static void attention_mix(const lnspi_call *c, const attention_parts *p) {
  const lnspi_sdpa a = attention_core(c, p);
  attention_project(c, p, 0, p->q);
  attention_project(c, p, 1, p->k);
  lnspi_sdpa_forward(&a);
}

static void attention_mix_one(const lnspi_call *c, const attention_parts *p) {
  for (int64_t r = 0; r < p->rows; r++)
    c->k->axpy(p->o + r * p->ld, 1.0f, p->v + r * p->ld, p->d);
}

static void attention_forward(const lnspi_call *c) {
  const attention_parts p = attention_open(c);
  attention_project(c, &p, 2, p.v);
  attention_zero(&p, p.o);
  if (p.one)
    attention_mix_one(c, &p);
  else
    attention_mix(c, &p);
  lnspi_product(c, ATTENTION_OUT, 0, c->weight[ATTENTION_OUT_BIAS], p.o, p.ld, c->out,
                c->out_ld, p.rows);
}

/* Bias, input and weight gradient of one part of in_proj; add: din has something. */
static void attention_part_backward(const lnspi_call *c, const attention_parts *p, int part,
                                    const float *d, int add) {
  const int32_t slot = attention_slot(c->node, part), at = attention_part(c->node, part);
  const int32_t from = part ? p->from : 0;
  const int64_t rows = part ? p->memory_rows : p->rows, ld = c->in_ld[from];
  float *bias = c->dweight[slot + 1], *din = c->din[from];
  /* a bias on every key moves all scores of a row alike, which softmax does not
   * see: its gradient is exactly zero, where the sum would give rounding noise
   * that Adam then magnifies */
  if (bias && part != 1) c->k->column_sum(bias + at * p->ld, d, p->ld, rows, p->d);
  if (c->use) c->use(c, slot, at, c->in[from], ld, d, p->ld, rows);
  if (!din) return;
  if (!add) {
    lnspi_product_dx(c, slot, at, d, p->ld, din, ld, rows, 1);
    lnspi_layer_zero_pads(din, ld, rows, p->ld);
    return;
  }
  /* where q was, if there is room, goes this part's share: q is no longer read */
  lnspi_product_dx(c, slot, at, d, p->ld, p->share, p->ld, rows, 1);
  for (int64_t r = 0; r < rows; r++)
    c->k->add(din + r * ld, din + r * ld, p->share + r * p->ld, p->d);
}

static void attention_mix_backward(const lnspi_call *c, const attention_parts *p) {
  const lnspi_sdpa a = attention_core(c, p);
  lnspi_sdpa_backward(&a);
  attention_part_backward(c, p, 0, p->dq, 0);
  attention_part_backward(c, p, 1, p->k, p->from == 0);
  attention_part_backward(c, p, 2, p->v, 1);
}

/* One concept: the gradient of v is do, those of q and k are zero. */
static void attention_mix_one_backward(const lnspi_call *c, const attention_parts *p) {
  float *din = c->din[p->from];
  attention_zero(p, p->v);
  for (int64_t r = 0; r < p->rows; r++)
    c->k->axpy(p->v + r * p->ld, 1.0f, p->dq + r * p->ld, p->d);
  attention_part_backward(c, p, 2, p->v, 0);
  if (p->from && c->din[0])
    memset(c->din[0], 0, (size_t)(c->in_rows[0] * c->in_ld[0]) * sizeof(float));
  if (!din) return;
  /* plus the zeros of q and k: -0 becomes +0, as in the general path */
  memset(c->scratch, 0, (size_t)p->d * sizeof(float));
  for (int64_t r = 0; r < p->rows; r++)
    c->k->add(din + r * c->in_ld[p->from], din + r * c->in_ld[p->from], c->scratch, p->d);
}

/* The sums of the biases alone, of the gradients that backward left. */
static void attention_again(const lnspi_call *c, const attention_parts *p) {
  float *out = c->dweight[ATTENTION_OUT_BIAS];
  if (out) c->k->column_sum(out, c->dout, c->out_ld, p->rows, p->d);
  for (int part = p->one ? 2 : 0; part < 3; part += 2) {
    float *bias = c->dweight[attention_slot(c->node, part) + 1];
    if (bias)
      c->k->column_sum(bias + attention_part(c->node, part) * p->ld, part ? p->v : p->dq, p->ld,
                       part ? p->memory_rows : p->rows, p->d);
  }
}

static void attention_backward(const lnspi_call *c) {
  const attention_parts p = attention_open(c);
  if (c->dweight_only) {
    attention_again(c, &p);
    return;
  }
  lnspi_product_dx(c, ATTENTION_OUT, 0, c->dout, c->out_ld, p.dq, p.ld, p.rows, 1);
  if (c->dweight[ATTENTION_OUT_BIAS])
    c->k->column_sum(c->dweight[ATTENTION_OUT_BIAS], c->dout, c->out_ld, p.rows, p.d);
  if (c->use) c->use(c, ATTENTION_OUT, 0, p.o, p.ld, c->dout, c->out_ld, p.rows);
  if (p.one)
    attention_mix_one_backward(c, &p);
  else
    attention_mix_backward(c, &p);
}

/* All four projections, scores and sums; with one concept less is done. */
static int64_t attention_flops(const lnspi_extent *e) {
  const lnspi_node *node = e->node;
  const int64_t d = node->width, memory = e->in_concepts[node->input_count - 1];
  return 4 * d * d * (e->concepts + memory) +
         4 * d * lnspi_sdpa_pattern_pairs(node->args.attention.pattern, e->concepts, memory);
}

static void attention_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  const struct lnspi_attention_args *a = &node->args.attention;
  lnspi_sdpa_pattern_write_size(a->pattern, text);
  lnspi_text_add(text, " heads=%d", a->heads);
  lnspi_graph_text_weight(graph, node, ATTENTION_IN, attention_suffix[a->names].in[0][0], text);
  if (!a->bias) lnspi_text_add(text, " bias=0");
  if (a->names) lnspi_text_add(text, " names=%s", attention_names[a->names]);
  lnspi_sdpa_pattern_write(graph, node, a->pattern, ATTENTION_ADDED, text);
}

const lnspi_layer lnspi_layer_attention = {
    .name = "attention",
    .help =
        "y = attention x [memory] [SIZE] heads=N w=NAME [bias=1] [causal=0] [window=N] "
        "[added=NAME] [names=in_proj|qkv|distilbert|bert]: attention over the concepts of a "
        "row, or "
        "to memory",
    .inputs_low = 1,
    .inputs_high = 2,
    .weights_high = 9,
    .weights = attention_weights,
    .define = attention_define,
    .need = attention_need,
    .forward = attention_forward,
    .backward = attention_backward,
    .flops = attention_flops,
    .write = attention_write,
    .masks = LNSPI_MASKS,
};

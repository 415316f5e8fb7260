/* Attention without projections: o = softmax(q k^T / sqrt(width of a head)) v. Also the core
 * that attention.c runs; sdpa.h says what a query sees.
 *
 * Forward, per head and query i, with the visible keys in ascending order: scores are dot
 * products times the factor (then plus the added tensor), softmax makes weights of them, and o
 * is the sum of the values by the weights. The weights of a query are packed: the e-th visible
 * key has w[i * keys + e], and what is behind the last visible one is never read. A walk over
 * the keys of a query is an sdpa_keys, which gives j (which key) and e (its place).
 *
 * Backward, with d the gradient of o and w the weights:
 *   dv[j] = sum over i of w[i,e] d[i]
 *   dw[i,e] = d[i] . v[j];   ds = softmax_dx(dw, w) times the factor
 *   dq[i] = sum over e of ds[i,e] key[j];   dkey[j] = sum over i of ds[i,e] q[i]
 * ds of one head is all that needs scratch. Every sum runs over i or e in ascending order, one
 * axpy at a time, so that the bits do not depend on how many other rows there are.
 *
 * It computes by rows of one head, through dot and axpy, and not by blocked matrix products as
 * FlashAttention does: sequences here have few concepts (tens), and heads are narrow. */
#include "graph/layers/sdpa.h"

#include <math.h>

#include "base/min_max.h"
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"
#include "graph/graph_text.h"

/* ---- which keys a query sees ---- */

/* Query i sees from first on ... */
static int64_t sdpa_first(lnspi_sdpa_pattern s, int64_t i) {
  return s.window >= 0 && i > s.window ? i - s.window : 0;
}

/* ... to before end. */
static int64_t sdpa_end(lnspi_sdpa_pattern s, int64_t i, int64_t keys) {
  if (s.causal) keys = lnspi_min_i64(keys, i + 1);
  if (s.window >= 0) keys = lnspi_min_i64(keys, i + s.window + 1);
  return keys;
}

int64_t lnspi_sdpa_pattern_pairs(lnspi_sdpa_pattern s, int64_t queries, int64_t keys) {
  int64_t pairs = 0;
  for (int64_t i = 0; i < queries; i++)
    pairs += lnspi_max_i64(0, sdpa_end(s, i, keys) - sdpa_first(s, i));
  return pairs;
}

static void sdpa_limit(lnspi_builder *b, int64_t every, int64_t most) {
  if (every > 0) lnspi_declare_concepts(b, 1, most * every, 1);
}

void lnspi_sdpa_pattern_define(lnspi_builder *b, lnspi_node *node, lnspi_sdpa_pattern *pattern,
                               int32_t slot, int32_t memory) {
  const lnspi_node *nodes = b->graph->nodes;
  pattern->causal = lnspi_arg_flag(b, "causal", 0);
  pattern->window = (int32_t)lnspi_arg_integer(b, "window", -1, LNSPI_MAX_WIDTH, -1);
  if (!lnspi_arg_given(b, "added")) return;
  pattern->added = (int32_t)lnspi_arg_size(b, "size of the tensor that is added");
  lnspi_weight shape =
      lnspi_declare_flat_shape(pattern->added, pattern->added, LNSPI_INIT_ZERO, 0);
  shape.fixed = 1;
  lnspi_declare_tensor(b, node, slot, "added", "", &shape);
  sdpa_limit(b, nodes[node->input[0]].every, shape.dims[0]);
  sdpa_limit(b, nodes[node->input[memory]].every, shape.dims[0]);
}

void lnspi_sdpa_pattern_write_size(lnspi_sdpa_pattern s, lnspi_text *text) {
  if (s.added) lnspi_text_add(text, " %d", s.added);
}

void lnspi_sdpa_pattern_write(const lnsp_graph *graph, const lnspi_node *node,
                              lnspi_sdpa_pattern s, int32_t slot, lnspi_text *text) {
  if (s.causal) lnspi_text_add(text, " causal=1");
  if (s.window >= 0) lnspi_text_add(text, " window=%d", s.window);
  if (s.added) lnspi_graph_text_tensor(graph, node, slot, "added", "", text);
}

/* ---- the core ---- */

/* One head of one sequence. */
typedef struct sdpa_head {
  const lnspi_sdpa *a;
  const uint8_t *mask;
  const float *q, *key, *v, *d;
  float *w, *o, *dq, *dkey, *dv;
} sdpa_head;

static sdpa_head sdpa_open(const lnspi_sdpa *a, int64_t b, int64_t h) {
  const int64_t q = b * a->queries * a->q_ld + h * a->head;
  const int64_t key = b * a->keys * a->key_ld + h * a->head;
  const int64_t v = b * a->keys * a->v_ld + h * a->value_head;
  const int64_t o = b * a->queries * a->o_ld + h * a->value_head;
  sdpa_head t;
  t.a = a;
  t.mask = a->mask ? a->mask + b * a->mask_ld : NULL;
  t.w = a->w + (b * a->heads + h) * a->queries * a->keys;
  t.q = a->q + q;
  t.key = a->key + key;
  t.v = a->v + v;
  t.d = a->d ? a->d + o : NULL;
  t.o = a->o ? a->o + o : NULL;
  t.dq = a->dq ? a->dq + q : NULL;
  t.dkey = a->dkey ? a->dkey + key : NULL;
  t.dv = a->dv ? a->dv + v : NULL;
  return t;
}

/* The keys that a query sees, in ascending order: j is the key, e how many came before it,
 * which is the place of its weight in the query's row of w. */
typedef struct sdpa_keys {
  int64_t j, e, end;
} sdpa_keys;

static int64_t sdpa_unmasked(const sdpa_head *t, int64_t j, int64_t end) {
  while (t->mask && j < end && !t->mask[j]) j++;
  return j;
}

static sdpa_keys sdpa_start(const sdpa_head *t, int64_t i) {
  sdpa_keys s = {sdpa_first(t->a->pattern, i), 0, sdpa_end(t->a->pattern, i, t->a->keys)};
  s.j = sdpa_unmasked(t, s.j, s.end);
  return s;
}

static void sdpa_next(const sdpa_head *t, sdpa_keys *s) {
  s->j = sdpa_unmasked(t, s->j + 1, s->end);
  s->e++;
}

static void sdpa_head_forward(const sdpa_head *t) {
  const lnspi_sdpa *a = t->a;
  for (int64_t i = 0; i < a->queries; i++) {
    const float *q = t->q + i * a->q_ld;
    const float *added = a->added ? a->added + i * a->pattern.added : NULL;
    float *o = t->o + i * a->o_ld, *w = t->w + i * a->keys;
    sdpa_keys s = sdpa_start(t, i);
    for (; s.j < s.end; sdpa_next(t, &s))
      w[s.e] = a->k->dot(q, t->key + s.j * a->key_ld, a->head);
    const int64_t n = s.e;
    a->k->scale(w, a->factor, w, n);
    if (added)
      for (s = sdpa_start(t, i); s.j < s.end; sdpa_next(t, &s)) w[s.e] = w[s.e] + added[s.j];
    if (n) a->k->softmax(w, w, n);
    a->k->flush(w, w, n); /* so that no denormal slows what follows */
    for (s = sdpa_start(t, i); s.j < s.end; sdpa_next(t, &s))
      a->k->axpy(o, w[s.e], t->v + s.j * a->v_ld, a->value_head);
  }
}

void lnspi_sdpa_forward(const lnspi_sdpa *a) {
  for (int64_t b = 0; b < a->batch; b++)
    for (int64_t h = 0; h < a->heads; h++) {
      const sdpa_head t = sdpa_open(a, b, h);
      sdpa_head_forward(&t);
    }
}

static void sdpa_zero(float *x, int64_t ld, int64_t rows, int64_t width) {
  for (int64_t i = 0; i < rows; i++) memset(x + i * ld, 0, (size_t)width * sizeof(float));
}

/* The gradient of the scores, before their factor. */
static void sdpa_scores_backward(const sdpa_head *t, float *ds) {
  const lnspi_sdpa *a = t->a;
  for (int64_t i = 0; i < a->queries; i++) {
    float *row = ds + i * a->keys;
    sdpa_keys s = sdpa_start(t, i);
    for (; s.j < s.end; sdpa_next(t, &s))
      row[s.e] = a->k->dot(t->d + i * a->o_ld, t->v + s.j * a->v_ld, a->value_head);
    a->k->softmax_dx(row, row, t->w + i * a->keys, s.e);
    a->k->scale(row, a->factor, row, s.e);
    a->k->flush(row, row, s.e);
  }
}

/* dv = w^T d */
static void sdpa_values_backward(const sdpa_head *t) {
  const lnspi_sdpa *a = t->a;
  sdpa_zero(t->dv, a->v_ld, a->keys, a->value_head);
  for (int64_t i = 0; i < a->queries; i++)
    for (sdpa_keys s = sdpa_start(t, i); s.j < s.end; sdpa_next(t, &s))
      a->k->axpy(t->dv + s.j * a->v_ld, t->w[i * a->keys + s.e], t->d + i * a->o_ld,
                 a->value_head);
}

/* dq = ds key */
static void sdpa_queries_backward(const sdpa_head *t, const float *ds) {
  const lnspi_sdpa *a = t->a;
  sdpa_zero(t->dq, a->q_ld, a->queries, a->head);
  for (int64_t i = 0; i < a->queries; i++)
    for (sdpa_keys s = sdpa_start(t, i); s.j < s.end; sdpa_next(t, &s))
      a->k->axpy(t->dq + i * a->q_ld, ds[i * a->keys + s.e], t->key + s.j * a->key_ld, a->head);
}

/* dkey = ds^T q */
static void sdpa_keys_backward(const sdpa_head *t, const float *ds) {
  const lnspi_sdpa *a = t->a;
  sdpa_zero(t->dkey, a->key_ld, a->keys, a->head);
  for (int64_t i = 0; i < a->queries; i++)
    for (sdpa_keys s = sdpa_start(t, i); s.j < s.end; sdpa_next(t, &s))
      a->k->axpy(t->dkey + s.j * a->key_ld, ds[i * a->keys + s.e], t->q + i * a->q_ld, a->head);
}

/* The order matters: dv may be written over v, dq over d and dkey over key, each of which the
 * steps after it no longer read. */
static void sdpa_head_backward(const sdpa_head *t) {
  float *ds = t->a->scratch;
  if (t->dq || t->dkey) sdpa_scores_backward(t, ds);
  if (t->dv) sdpa_values_backward(t);
  if (t->dq) sdpa_queries_backward(t, ds);
  if (t->dkey) sdpa_keys_backward(t, ds);
}

void lnspi_sdpa_backward(const lnspi_sdpa *a) {
  for (int64_t b = 0; b < a->batch; b++)
    for (int64_t h = 0; h < a->heads; h++) {
      const sdpa_head t = sdpa_open(a, b, h);
      sdpa_head_backward(&t);
    }
}

/* ---- the layer ---- */

#define SDPA_ADDED 0

static void sdpa_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *nodes = b->graph->nodes;
  const lnspi_node *q = &nodes[node->input[0]], *k = &nodes[node->input[1]];
  const lnspi_node *v = &nodes[node->input[2]];
  node->width = v->width;
  node->args.sdpa.heads = (int32_t)lnspi_arg_integer(b, "heads", 1, LNSPI_MAX_WIDTH, 0);
  lnspi_sdpa_pattern_define(b, node, &node->args.sdpa.pattern, SDPA_ADDED, 1);
  if (q->width != k->width)
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.input[1],
        "the queries '%s' have width %lld, but the keys '%s' have %lld: make them equal",
        q->name, (long long)q->width, k->name, (long long)k->width);
  if (k->every != v->every)
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.input[2],
        "the keys '%s' and the values '%s' have different numbers of rows per sequence",
        k->name, v->name);
  if (q->width % node->args.sdpa.heads || v->width % node->args.sdpa.heads)
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, lnspi_arg_place(b, "heads"),
        "heads=%d does not divide the widths %lld of the keys and %lld of the values",
        node->args.sdpa.heads, (long long)k->width, (long long)v->width);
}

static int64_t sdpa_pairs(const lnspi_extent *e) { return e->concepts * e->in_concepts[1]; }

static void sdpa_need(const lnspi_extent *e, lnspi_need *need) {
  need->saved_floats = e->batch * e->node->args.sdpa.heads * sdpa_pairs(e);
  need->scratch_floats = sdpa_pairs(e);
  need->rows_apart = 1;
}

static lnspi_sdpa sdpa_of(const lnspi_call *c) {
  const lnspi_node *node = c->node;
  lnspi_sdpa a;
  memset(&a, 0, sizeof a);
  a.k = c->k;
  a.batch = c->batch;
  a.queries = c->concepts;
  a.keys = c->in_concepts[1];
  a.heads = node->args.sdpa.heads;
  a.head = c->in_width[0] / a.heads;
  a.value_head = c->in_width[2] / a.heads;
  a.pattern = node->args.sdpa.pattern;
  a.factor = 1.0f / sqrtf((float)a.head);
  if (c->graph->nodes[node->input[1]].every == 1) a.mask = c->mask;
  a.mask_ld = c->mask_ld;
  a.added = c->weight[SDPA_ADDED];
  a.q = c->in[0];
  a.key = c->in[1];
  a.v = c->in[2];
  a.q_ld = c->in_ld[0];
  a.key_ld = c->in_ld[1];
  a.v_ld = c->in_ld[2];
  a.o_ld = c->out_ld;
  a.w = c->saved + c->first * a.heads * a.queries * a.keys;
  a.scratch = c->scratch;
  return a;
}

static void sdpa_forward(const lnspi_call *c) {
  lnspi_sdpa a = sdpa_of(c);
  a.o = c->out;
  memset(c->out, 0, (size_t)(c->rows * c->out_ld) * sizeof(float));
  lnspi_sdpa_forward(&a);
}

static void sdpa_backward(const lnspi_call *c) {
  lnspi_sdpa a = sdpa_of(c);
  if (c->dweight_only) return;
  a.d = c->dout;
  a.dq = c->din[0];
  a.dkey = c->din[1];
  a.dv = c->din[2];
  lnspi_sdpa_backward(&a);
  for (int32_t i = 0; i < 3; i++)
    if (c->din[i]) lnspi_layer_zero_pads(c->din[i], c->in_ld[i], c->in_rows[i], c->in_width[i]);
}

static int64_t sdpa_flops(const lnspi_extent *e) {
  const lnspi_node *nodes = e->graph->nodes;
  return 2 * (nodes[e->node->input[0]].width + e->node->width) *
         lnspi_sdpa_pattern_pairs(e->node->args.sdpa.pattern, e->concepts, e->in_concepts[1]);
}

static void sdpa_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  const struct lnspi_sdpa_args *a = &node->args.sdpa;
  lnspi_sdpa_pattern_write_size(a->pattern, text);
  lnspi_text_add(text, " heads=%d", a->heads);
  lnspi_sdpa_pattern_write(graph, node, a->pattern, SDPA_ADDED, text);
}

const lnspi_layer lnspi_layer_sdpa = {
    .name = "sdpa",
    .old_name = "attend",
    .help = "y = sdpa q k v [SIZE] heads=N [causal=0] [window=N] [added=NAME]: attention "
            "without projections",
    .inputs_low = 3,
    .inputs_high = 3,
    .weights_high = 1,
    .define = sdpa_define,
    .need = sdpa_need,
    .forward = sdpa_forward,
    .backward = sdpa_backward,
    .flops = sdpa_flops,
    .write = sdpa_write,
    .masks = LNSPI_MASKS,
};

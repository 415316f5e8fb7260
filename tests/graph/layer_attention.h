/* References in double for attention, positions and embeddings: see layer_net.h. */
#ifndef TESTS_LAYER_ATTENTION_H
#define TESTS_LAYER_ATTENTION_H

/* The core: rows of q, k and v stand one behind the other. */
typedef struct ref_sdpa {
  const double *q, *k, *v, *added;
  double *o;
  const uint8_t *mask;
  int64_t mask_ld, batch, queries, keys, heads, width, value_width;
  lnspi_sdpa_pattern pattern;
} ref_sdpa;

static int ref_sees(const ref_sdpa *a, int64_t b, int64_t i, int64_t j) {
  if (a->pattern.causal && j > i) return 0;
  if (a->pattern.window >= 0 && llabs(i - j) > a->pattern.window) return 0;
  return !a->mask || a->mask[b * a->mask_ld + j];
}

static void ref_sdpa_row(const ref_sdpa *a, int64_t b, int64_t h, int64_t i, double *p) {
  const int64_t head = a->width / a->heads, wide = a->value_width / a->heads;
  const double *q = a->q + (b * a->queries + i) * a->width + h * head;
  double *o = a->o + (b * a->queries + i) * a->value_width + h * wide, total = 0;
  for (int64_t e = 0; e < wide; e++) o[e] = 0;
  for (int64_t j = 0; j < a->keys; j++) {
    const double *k = a->k + (b * a->keys + j) * a->width + h * head;
    double s = 0;
    for (int64_t e = 0; e < head; e++) s += q[e] * k[e];
    s /= sqrt((double)head);
    if (a->added) s += a->added[i * a->pattern.added + j];
    total += p[j] = ref_sees(a, b, i, j) ? exp(s) : 0;
  }
  for (int64_t j = 0; j < a->keys && total > 0; j++)
    for (int64_t e = 0; e < wide; e++)
      o[e] += p[j] / total * a->v[(b * a->keys + j) * a->value_width + h * wide + e];
}

static void ref_sdpa_all(const ref_sdpa *a) {
  double *p = zeros(a->keys, sizeof *p);
  for (int64_t b = 0; b < a->batch; b++)
    for (int64_t h = 0; h < a->heads; h++)
      for (int64_t i = 0; i < a->queries; i++) ref_sdpa_row(a, b, h, i, p);
  free(p);
}

static ref_sdpa ref_sdpa_of(const ref_call *c, int32_t memory, int32_t heads,
                            lnspi_sdpa_pattern pattern) {
  ref_sdpa a;
  memset(&a, 0, sizeof a);
  a.batch = c->batch;
  a.queries = c->concepts;
  a.keys = c->in_concepts[memory];
  a.heads = heads;
  a.pattern = pattern;
  if (c->n->graph->nodes[c->node->input[memory]].every == 1) a.mask = c->mask;
  a.mask_ld = c->n->concepts;
  return a;
}

static void ref_layer_sdpa(const ref_call *c) {
  ref_sdpa a = ref_sdpa_of(c, 1, c->node->args.sdpa.heads, c->node->args.sdpa.pattern);
  a.q = c->in[0];
  a.k = c->in[1];
  a.v = c->in[2];
  a.o = c->y;
  a.width = c->in_width[0];
  a.value_width = c->in_width[2];
  a.added = ref_weight(c, 0);
  ref_sdpa_all(&a);
}

static void ref_layer_attention(const ref_call *c) {
  const int32_t from = c->node->input_count - 1, split = c->node->args.attention.names >= 2;
  const int64_t d = c->width, rows = c->rows, other = c->in_rows[from];
  double *q = zeros(rows * d, sizeof *q), *k = zeros(other * d, sizeof *k);
  double *v = zeros(other * d, sizeof *v), *o = zeros(rows * d, sizeof *o);
  double *to[3] = {q, k, v};
  ref_sdpa a =
      ref_sdpa_of(c, from, c->node->args.attention.heads, c->node->args.attention.pattern);
  for (int part = 0; part < 3; part++) {
    const int slot = split && part ? 3 + 2 * part : 0;
    const double *w = ref_weight(c, slot), *bias = ref_weight(c, slot + 1);
    if (!split) w += part * d * d;
    if (!split && bias) bias += part * d;
    ref_linear(to[part], c->in[part ? from : 0], w, bias, part ? other : rows, d, d);
  }
  a.q = q;
  a.k = k;
  a.v = v;
  a.o = o;
  a.width = a.value_width = d;
  a.added = ref_weight(c, 4);
  ref_sdpa_all(&a);
  ref_linear(c->y, o, ref_weight(c, 2), ref_weight(c, 3), rows, d, d);
  free(q), free(k), free(v), free(o);
}

static void ref_layer_position(const ref_call *c) {
  const double *table = ref_weight(c, 0);
  for (int64_t r = 0; r < c->rows; r++) {
    const int64_t row =
        c->node->args.position.row < 0 ? r % c->concepts : c->node->args.position.row;
    for (int64_t e = 0; e < c->width; e++)
      c->y[r * c->width + e] = c->in[0][r * c->width + e] + table[row * c->width + e];
  }
}

static void ref_layer_embedding(const ref_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    for (int64_t e = 0; e < c->width; e++)
      c->y[r * c->width + e] = ref_weight(c, 0)[(int64_t)c->in[0][r] * c->width + e];
}

#define REF_ATTENTION(X)            \
  X(attention, ref_layer_attention) \
  X(sdpa, ref_layer_sdpa) X(position, ref_layer_position) X(embedding, ref_layer_embedding)

#endif

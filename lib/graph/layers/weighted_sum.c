/* The concepts of a sequence, weighted and summed to one row. The weights are one number per
 * concept (of softmax over=concepts), or one row with a number for each concept, which then
 * fixes how many concepts a sequence has. Padding is left out, whatever its weight, and gets
 * no gradient. */
#include "graph/builder.h"
#include "graph/declare.h"

static void weighted_sum_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *s = &b->graph->nodes[node->input[0]], *x = &b->graph->nodes[node->input[1]];
  node->width = x->width;
  node->every = 0;
  if (!x->every || (s->every && (s->every != x->every || s->width != 1)))
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.input[0],
        "weighted_sum needs one weight for each row of '%s': '%s' must have width 1 and as "
        "many rows, or one row per sequence with a weight for each",
        x->name, s->name);
  if (!s->every) lnspi_declare_concepts(b, s->width * x->every, s->width * x->every, x->every);
}

/* Where the weight of concept t of sequence b is; -1: padding. */
static int64_t weighted_sum_at(const lnspi_call *c, int64_t b, int64_t t) {
  const int64_t length = c->in_concepts[1];
  if (c->mask && length == c->mask_ld && !c->mask[b * length + t]) return -1;
  return c->in_concepts[0] == length && c->in_width[0] == 1 ? (b * length + t) * c->in_ld[0]
                                                            : b * c->in_ld[0] + t;
}

static void weighted_sum_forward(const lnspi_call *c) {
  const int64_t length = c->in_concepts[1];
  for (int64_t b = 0; b < c->batch; b++) {
    float *y = c->out + b * c->out_ld;
    memset(y, 0, (size_t)c->out_ld * sizeof(float));
    for (int64_t t = 0; t < length; t++)
      if (weighted_sum_at(c, b, t) >= 0)
        c->k->axpy(y, c->in[0][weighted_sum_at(c, b, t)],
                   c->in[1] + (b * length + t) * c->in_ld[1], c->node->width);
  }
}

static void weighted_sum_backward(const lnspi_call *c) {
  const int64_t length = c->in_concepts[1], n = c->node->width;
  for (int i = 0; i < 2; i++)
    if (c->din[i]) memset(c->din[i], 0, (size_t)(c->in_rows[i] * c->in_ld[i]) * sizeof(float));
  for (int64_t b = 0; b < c->batch; b++)
    for (int64_t t = 0; t < length; t++) {
      const int64_t at = weighted_sum_at(c, b, t), x = (b * length + t) * c->in_ld[1];
      const float *d = c->dout + b * c->out_ld;
      if (at < 0) continue;
      if (c->din[0]) c->din[0][at] = c->k->dot(d, c->in[1] + x, n);
      if (c->din[1]) c->k->scale(c->din[1] + x, c->in[0][at], d, n);
    }
}

static int64_t weighted_sum_flops(const lnspi_extent *e) {
  return 2 * e->node->width * e->in_concepts[1];
}

const lnspi_layer lnspi_layer_weighted_sum = {
    .name = "weighted_sum",
    .old_name = "mix",
    .help = "y = weighted_sum s x: the sum of a sequence's rows of x, times its weights s",
    .inputs_low = 2,
    .inputs_high = 2,
    .define = weighted_sum_define,
    .forward = weighted_sum_forward,
    .backward = weighted_sum_backward,
    .flops = weighted_sum_flops,
    .masks = LNSPI_MASKS,
};

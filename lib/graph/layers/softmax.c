/* Softmax over the width, or of a width of one over the concepts of a sequence, where padding
 * gets nothing: the numbers that count are gathered side by side, so that a padded sequence
 * has the bits of the short one, and padding is set to zero. The second form, between dot and
 * weighted_sum, is attention with one query, written out in lines. */
#include "graph/arg.h"
#include "graph/builder.h"

static void softmax_define(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *x = &b->graph->nodes[node->input[0]];
  node->width = x->width;
  node->args.softmax.over_concepts = lnspi_arg_choice(b, "over", "width,concepts", 0);
  if (node->args.softmax.over_concepts) node->shift = LNSPI_SHIFT_LOST;
  if (node->args.softmax.over_concepts && (x->width != 1 || !x->every))
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, "over"),
                     "over=concepts needs one number a concept, but '%s' has width %lld%s",
                     x->name, (long long)x->width, x->every ? "" : " and one row per sequence");
}

static void softmax_need(const lnspi_extent *e, lnspi_need *need) {
  if (e->node->args.softmax.over_concepts) need->scratch_floats = 2 * e->concepts;
}

/* The numbers of sequence b that count, side by side; how many. */
static int64_t softmax_gather(const lnspi_call *c, const float *from, int64_t b, float *to) {
  int64_t n = 0;
  for (int64_t t = 0; t < c->concepts; t++)
    if (!c->mask || c->concepts != c->mask_ld || c->mask[b * c->mask_ld + t])
      to[n++] = from[(b * c->concepts + t) * c->out_ld];
  return n;
}

static void softmax_scatter(const lnspi_call *c, const float *from, int64_t b, float *to) {
  int64_t n = 0;
  for (int64_t t = 0; t < c->concepts; t++)
    to[(b * c->concepts + t) * c->out_ld] =
        !c->mask || c->concepts != c->mask_ld || c->mask[b * c->mask_ld + t] ? from[n++] : 0.0f;
}

/* Over the width: each row by itself. */
static void softmax_rows(const lnspi_call *c) {
  for (int64_t r = 0; r < c->rows; r++) {
    float *y = c->out + r * c->out_ld;
    c->k->softmax(y, c->in[0] + r * c->in_ld[0], c->node->width);
    c->k->flush(y, y, c->node->width); /* so that no denormal slows what follows */
  }
}

static void softmax_sequences(const lnspi_call *c) {
  for (int64_t b = 0; b < c->batch; b++) {
    const int64_t count = softmax_gather(c, c->in[0], b, c->scratch);
    c->k->softmax(c->scratch, c->scratch, count);
    c->k->flush(c->scratch, c->scratch, count);
    softmax_scatter(c, c->scratch, b, c->out);
  }
}

static void softmax_forward(const lnspi_call *c) {
  if (c->node->args.softmax.over_concepts)
    softmax_sequences(c);
  else
    softmax_rows(c);
  lnspi_layer_zero_pads(c->out, c->out_ld, c->rows, c->node->width);
}

static void softmax_rows_dx(const lnspi_call *c, float *dx) {
  for (int64_t r = 0; r < c->rows; r++)
    c->k->softmax_dx(dx + r * c->in_ld[0], c->dout + r * c->out_ld, c->out + r * c->out_ld,
                     c->node->width);
}

static void softmax_sequences_dx(const lnspi_call *c, float *dx) {
  float *dy = c->scratch, *y = c->scratch + c->concepts;
  for (int64_t b = 0; b < c->batch; b++) {
    const int64_t count = softmax_gather(c, c->dout, b, dy);
    (void)softmax_gather(c, c->out, b, y);
    c->k->softmax_dx(dy, dy, y, count);
    softmax_scatter(c, dy, b, dx);
  }
}

static void softmax_backward(const lnspi_call *c) {
  float *dx = c->din[0];
  if (!dx) return;
  if (c->node->args.softmax.over_concepts)
    softmax_sequences_dx(c, dx);
  else
    softmax_rows_dx(c, dx);
  lnspi_layer_zero_pads(dx, c->in_ld[0], c->rows, c->node->width);
}

static void softmax_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  (void)graph;
  if (node->args.softmax.over_concepts) lnspi_text_add(text, " over=concepts");
}

const lnspi_layer lnspi_layer_softmax = {
    .name = "softmax",
    .help = "y = softmax x [over=width|concepts]: concepts needs a width of 1",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = softmax_define,
    .need = softmax_need,
    .forward = softmax_forward,
    .backward = softmax_backward,
    .write = softmax_write,
    .masks = LNSPI_MASKS,
};

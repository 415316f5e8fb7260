/* The mean over the concepts of a sequence, one row per sequence. Padding does not count: the
 * sum is over what the mask keeps, in order, and is divided by their number, so that a padded
 * sequence has the bits of the short one. skip_last=1 leaves the last unmasked concept out
 * (the origin's service means "the context before the present one"), unless it is the only
 * one. */
#include "graph/arg.h"
#include "graph/builder.h"
#include "graph/declare.h"

static void mean_define(lnspi_builder *b, lnspi_node *node) {
  node->width = b->graph->nodes[node->input[0]].width;
  node->every = 0;
  node->args.mean.skip_last = lnspi_arg_flag(b, "skip_last", 0);
  if (node->args.mean.skip_last && b->graph->nodes[node->input[0]].every != 1)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.input[0],
                     "skip_last= needs a value with one row per concept");
  if (node->args.mean.skip_last) lnspi_declare_concepts(b, 2, 0, 1);
}

static int mean_unmasked(const lnspi_call *c, int64_t sequence, int64_t concept) {
  return !c->mask || c->in_concepts[0] != c->mask_ld ||
         c->mask[sequence * c->mask_ld + concept];
}

/* Whether a concept counts. A sequence of one, behind a mask, keeps it. */
static int mean_keeps(const lnspi_call *c, int64_t sequence, int64_t concept) {
  if (!mean_unmasked(c, sequence, concept)) return 0;
  if (!c->node->args.mean.skip_last) return 1;
  for (int64_t t = concept + 1; t < c->in_concepts[0]; t++)
    if (mean_unmasked(c, sequence, t)) return 1;
  for (int64_t t = 0; t < concept; t++)
    if (mean_unmasked(c, sequence, t)) return 0;
  return 1;
}

/* One over the number of concepts that count. */
static float mean_share(const lnspi_call *c, int64_t sequence) {
  int64_t kept = 0;
  for (int64_t t = 0; t < c->in_concepts[0]; t++) kept += mean_keeps(c, sequence, t);
  return 1.0f / (float)kept;
}

static void mean_forward(const lnspi_call *c) {
  const int64_t length = c->in_concepts[0], n = c->node->width;
  for (int64_t r = 0; r < c->rows; r++) {
    const float *x = c->in[0] + r * length * c->in_ld[0];
    float *y = c->out + r * c->out_ld;
    memset(y, 0, (size_t)c->out_ld * sizeof(float));
    for (int64_t t = 0; t < length; t++)
      if (mean_keeps(c, r, t)) c->k->add(y, y, x + t * c->in_ld[0], n);
    c->k->scale(y, mean_share(c, r), y, n);
  }
}

static void mean_backward(const lnspi_call *c) {
  const int64_t length = c->in_concepts[0];
  if (!c->din[0]) return;
  memset(c->din[0], 0, (size_t)(c->in_rows[0] * c->in_ld[0]) * sizeof(float));
  for (int64_t r = 0; r < c->rows; r++)
    for (int64_t t = 0; t < length; t++)
      if (mean_keeps(c, r, t))
        c->k->scale(c->din[0] + (r * length + t) * c->in_ld[0], mean_share(c, r),
                    c->dout + r * c->out_ld, c->node->width);
}

static void mean_write(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  (void)graph;
  if (node->args.mean.skip_last) lnspi_text_add(text, " skip_last=1");
}

const lnspi_layer lnspi_layer_mean = {
    .name = "mean",
    .help = "y = mean x [skip_last=0]: the mean over a sequence's concepts, without padding",
    .inputs_low = 1,
    .inputs_high = 1,
    .define = mean_define,
    .forward = mean_forward,
    .backward = mean_backward,
    .write = mean_write,
    .masks = LNSPI_MASKS,
};

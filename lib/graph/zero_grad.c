/* Which values may have the same constant added to all their rows without any output changing.
 *
 * A trained bias that adds such a constant has a gradient of exactly zero: no loss depends on
 * it. The sum over rows that a layer forms is only nearly zero, for each of its terms is
 * rounded; Adam divides by the size of the gradient, would make full steps out of this noise,
 * and the bias would wander. So the layer that adds the bias (linear) leaves the sum out
 * where lnspi_node.constant_lost is set.
 *
 * The pattern that is found is that of attention written out in lines: keys, their dot
 * products with one query, perhaps positions, softmax over the concepts. The same constant
 * on all keys adds the same number to all scores, which softmax takes out again:
 *
 *   k = linear x 8 w=k     shift of the rows: the bias
 *   s = dot q k            LNSPI_SHIFT_KEYS: q . bias, the same in all rows
 *   s = position s 5 ...   LNSPI_SHIFT_PASSES (any number of such lines)
 *   a = softmax s over=concepts   LNSPI_SHIFT_LOST
 *
 * Every value on the way must have one reader and be no output, or the constant would be seen
 * elsewhere. Which layers do what is said by their own define, in node->shift; this file knows
 * no layer by name. Longer patterns could be found by the same means, but each one found
 * changes the bits of trained weights, and with them LNSP_ARITHMETIC_VERSION. */
#include "graph/zero_grad.h"

/* The only node that reads a value, or -1. */
static int32_t zero_grad_reader(const lnsp_graph *g, int32_t value) {
  int32_t reader = -1;
  for (int32_t o = 0; o < g->output_count; o++)
    if (g->outputs[o].node == value) return -1;
  for (int32_t n = value + 1; n < g->node_count; n++)
    for (int32_t i = 0; i < g->nodes[n].input_count; i++)
      if (g->nodes[n].input[i] == value) {
        if (reader >= 0) return -1;
        reader = n;
      }
  return reader;
}

static int zero_grad_constant_lost(const lnsp_graph *g, int32_t keys) {
  int32_t n = zero_grad_reader(g, keys);
  if (n < 0 || g->nodes[n].shift != LNSPI_SHIFT_KEYS || g->nodes[n].input[1] != keys) return 0;
  do n = zero_grad_reader(g, n);
  while (n >= 0 && g->nodes[n].shift == LNSPI_SHIFT_PASSES);
  return n >= 0 && g->nodes[n].shift == LNSPI_SHIFT_LOST;
}

void lnspi_zero_grad_mark(lnsp_graph *g) {
  for (int32_t n = 1; n < g->node_count; n++)
    g->nodes[n].constant_lost = zero_grad_constant_lost(g, n);
}

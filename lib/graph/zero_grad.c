/* What only the whole graph tells its layers. */
#include "graph/zero_grad.h"

#include "base/str.h"
#include "graph/layer.h"

static const char *zero_grad_layer(const lnsp_graph *g, int32_t node) {
  return lnspi_layer_at(g->nodes[node].layer)->name;
}

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

/* A bias on all keys moves all scores of a sequence alike, which softmax over them does
 * not see: its gradient is exactly zero, where a sum would give rounding noise that Adam
 * then magnifies. */
static int zero_grad_moves_all_scores(const lnsp_graph *g, int32_t keys) {
  int32_t n = zero_grad_reader(g, keys);
  if (n < 0 || !lnspi_str_equal(zero_grad_layer(g, n), "score") || g->nodes[n].input[1] != keys)
    return 0;
  do n = zero_grad_reader(g, n);
  while (n >= 0 && lnspi_str_equal(zero_grad_layer(g, n), "position"));
  return n >= 0 && lnspi_str_equal(zero_grad_layer(g, n), "softmax") && g->nodes[n].number[0];
}

void lnspi_zero_grad_mark(lnsp_graph *g) {
  for (int32_t n = 1; n < g->node_count; n++)
    if (lnspi_str_equal(zero_grad_layer(g, n), "linear"))
      g->nodes[n].number[LNSPI_LINEAR_ZERO_GRAD_BIAS] = zero_grad_moves_all_scores(g, n);
}

/* Writes of layers into fixed tensors at an update (lnspi_layer.update).
 *
 * A memory layer stores rows of the last pass in a tensor that no gradient changes. Like all
 * of an update it must not fail half-way, so each layer is asked twice: first how large what
 * it would store is, then, when every check has passed, to store it. Gradients that the caller
 * made elsewhere come without a pass, and store nothing. */
#include "train/memory_writes.h"

/* The largest magnitude written so; tensors are only written to if write is 1. */
static double memory_writes_each(lnsp_trainer *t, int write) {
  double most = 0;
  if (t->grad.given) return 0; /* no pass made them */
  for (int32_t n = 1; n < t->graph->node_count; n++) {
    const lnspi_node *node = &t->graph->nodes[n];
    const lnspi_layer *layer = lnspi_layer_at(node->layer);
    lnspi_call call;
    float *tensor = NULL;
    if (!layer->update) continue;
    lnspi_engine_fill_call(&t->engine, t->state, n, &call);
    if (write) tensor = t->state + t->graph->weights[node->slot[0]].at / (int64_t)sizeof(float);
    const double one = (double)layer->update(&call, tensor);
    if (!(one <= most)) most = one;
  }
  return most;
}

double lnspi_memory_writes_bound(lnsp_trainer *t) { return memory_writes_each(t, 0); }

void lnspi_memory_writes_apply(lnsp_trainer *t) { (void)memory_writes_each(t, 1); }

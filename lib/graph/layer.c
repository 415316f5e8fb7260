/* The table of layers, made from the list. */
#include "graph/layer.h"

#include "base/min_max.h"
#include "graph/layers/list.h"

#define LAYER_DECLARE(name) extern const lnspi_layer lnspi_layer_##name;
LNSPI_LAYER_LIST(LAYER_DECLARE)
#undef LAYER_DECLARE

static const void *const layer_table[] = {
#define LAYER_ENTRY(name) &lnspi_layer_##name,
    LNSPI_LAYER_LIST(LAYER_ENTRY)
#undef LAYER_ENTRY
        NULL,
};

const lnspi_layer *lnspi_layer_at(int32_t index) {
  const int32_t count = (int32_t)(sizeof layer_table / sizeof *layer_table) - 1;
  return index >= 0 && index < count ? layer_table[index] : NULL;
}

int32_t lnspi_layer_find(lnspi_unknown *name) {
  const lnspi_layer *layer;
  for (int32_t i = 0; (layer = lnspi_layer_at(i)) != NULL; i++)
    if (lnspi_token_is(name->word, layer->name) ||
        (layer->old_name && lnspi_token_is(name->word, layer->old_name)))
      return i;
  return lnspi_unknown_find(layer_table, name);
}

lnspi_extent lnspi_layer_extent(const lnsp_graph *graph, const lnspi_node *node, int64_t batch,
                                int64_t concepts) {
  lnspi_extent e;
  memset(&e, 0, sizeof e);
  e.graph = graph;
  e.node = node;
  e.batch = batch;
  e.concepts = lnspi_graph_rows(graph, (int32_t)(node - graph->nodes), concepts);
  e.rows = batch * e.concepts;
  e.most_rows = e.rows;
  for (int32_t i = 0; i < node->input_count; i++) {
    e.in_concepts[i] = lnspi_graph_rows(graph, node->input[i], concepts);
    e.most_rows = lnspi_max_i64(e.most_rows, batch * e.in_concepts[i]);
  }
  return e;
}

lnspi_need lnspi_layer_need(const lnspi_extent *e) {
  const lnspi_layer *layer = lnspi_layer_at(e->node->layer);
  lnspi_need need = {0, 0, 0, 0};
  if (layer->need) layer->need(e, &need);
  return need;
}

int64_t lnspi_layer_flops(const lnspi_extent *e) {
  const lnspi_layer *layer = lnspi_layer_at(e->node->layer);
  return layer->flops ? layer->flops(e) : 0;
}

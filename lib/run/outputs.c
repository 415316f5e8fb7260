/* Wanted outputs: checked against the network, and copied out. */
#include "run/outputs.h"

#include "base/error.h"
#include "run/tensor.h"

int32_t lnspi_outputs_check_or_store(const lnspi_engine *engine, const lnsp_tensor *outputs,
                                     int32_t output_count, int64_t batch, int64_t concepts,
                                     int store, lnsp_error *error) {
  const lnsp_graph *graph = engine->graph;
  for (int32_t i = 0; i < output_count; i++) {
    const char *name = outputs[i].name ? outputs[i].name : "";
    int32_t output = lnspi_graph_find_output(graph, name);
    if (output < 0)
      return lnspi_error_set(error, LNSP_E_MISSING, name,
                             "the network has no output '%s'; its first is '%s'", name,
                             graph->outputs[0].name);
    int32_t node = graph->outputs[output].node;
    int64_t rows = lnspi_graph_rows(graph, node, concepts);
    int32_t status =
        lnspi_tensor_check(&outputs[i], name, graph->nodes[node].width, &batch, &rows, error);
    if (status != LNSP_OK) return status;
    if (store)
      lnspi_tensor_store(&outputs[i], &engine->tasks, lnspi_engine_value(engine, node),
                         lnspi_node_ld(graph, node));
  }
  return LNSP_OK;
}

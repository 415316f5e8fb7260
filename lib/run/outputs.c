/* Outputs that a caller wants: checked against the network, and copied out.
 *
 * Checking comes before the run and storing after it, so that a refused output costs nothing
 * and changes nothing. A stored output was checked, so storing cannot fail. */
#include "run/outputs.h"

#include "base/error.h"
#include "run/batch.h"
#include "run/tensor.h"

int32_t lnspi_outputs_check(const lnspi_engine *engine, const lnsp_tensor *outputs,
                            int32_t output_count, int64_t rows, int64_t concepts,
                            lnsp_error *error) {
  const lnsp_graph *graph = engine->graph;
  for (int32_t i = 0; i < output_count; i++) {
    const char *name = outputs[i].name ? outputs[i].name : "";
    const int32_t output = lnspi_graph_find_output(graph, name);
    if (output < 0)
      return lnspi_error_set(error, LNSP_E_MISSING, name,
                             "the network has no output '%s'; its first is '%s'", name,
                             graph->outputs[0].name);
    const int32_t node = graph->outputs[output].node;
    int64_t length = lnspi_graph_rows(graph, node, concepts);
    int32_t status = lnspi_batch_check_tensor(&outputs[i], name, graph->nodes[node].width,
                                              &rows, &length, error);
    if (status) return status;
  }
  return LNSP_OK;
}

void lnspi_outputs_store(const lnspi_engine *engine, const lnsp_tensor *outputs,
                         int32_t output_count) {
  const lnsp_graph *graph = engine->graph;
  for (int32_t i = 0; i < output_count; i++) {
    const int32_t output = lnspi_graph_find_output(graph, outputs[i].name);
    const int32_t node = graph->outputs[output].node;
    lnspi_tensor_store(&outputs[i], &engine->tasks, lnspi_engine_value(engine, node),
                       lnspi_node_ld(graph, node));
  }
}

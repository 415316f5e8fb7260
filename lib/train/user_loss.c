/* A step with the caller's own loss: forward, the caller's gradients of outputs, backward.
 *
 * For losses that no text can say. The trainer runs forward as it does for its own losses,
 * with dropout and the same numbering of calls; the caller computes a loss from the outputs
 * and hands back its gradients. Phases keep the order: backward only after forward, apply only
 * after backward. Two names of one value cannot both be given a gradient, since loading the
 * second would overwrite the first. */
#include "train/user_loss.h"

#include "base/error.h"
#include "run/inputs.h"
#include "run/outputs.h"
#include "run/tensor.h"
#include "train/backward.h"

int32_t lnspi_user_loss_forward(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                                const lnsp_tensor *outputs, int32_t output_count,
                                lnsp_error *error) {
  lnspi_engine *engine = &t->engine;
  lnspi_batch_needs needs;
  lnspi_batch batch;
  lnspi_batch_need_input(t->graph, &needs);
  int32_t status = lnspi_batch_bind(t->graph, &needs, t->limits.max_rows, engine->plan.concepts,
                                    inputs, input_count, &batch, error);
  if (!status)
    status =
        lnspi_outputs_check(engine, outputs, output_count, batch.rows, batch.concepts, error);
  if (status) return status;
  t->pass.phase = LNSPI_PHASE_IDLE; /* from here on, values of the last pass are overwritten */
  status = lnspi_inputs_load(engine, &batch, error);
  if (status) return status;
  lnspi_trainer_seed_layers(t, 1);
  status = lnspi_engine_forward(engine, t->state, batch.rows, batch.concepts, error);
  if (status) return status;
  lnspi_outputs_store(engine, outputs, output_count);
  t->pass.rows = batch.rows;
  t->pass.concepts = batch.concepts;
  t->pass.phase = LNSPI_PHASE_FORWARD;
  return LNSP_OK;
}

/* Gradient number index of a list: of an output that the ones before it are not of. */
static int32_t user_loss_check(const lnsp_trainer *t, const lnsp_tensor *gradients,
                               int32_t index, lnsp_error *error) {
  const lnsp_graph *graph = t->graph;
  const char *name = gradients[index].name ? gradients[index].name : "";
  const int32_t output = lnspi_graph_find_output(graph, name);
  if (output < 0)
    return lnspi_error_set(error, LNSP_E_MISSING, name, "the network has no output '%s'", name);
  for (int32_t i = 0; i < index; i++)
    if (lnspi_str_equal(gradients[i].name, name))
      return lnspi_error_set(error, LNSP_E_ARGUMENT, name, "'%s' is given twice: leave one out",
                             name);
  const int32_t node = graph->outputs[output].node;
  int64_t rows = t->pass.rows, concepts = lnspi_graph_rows(graph, node, t->pass.concepts);
  return lnspi_batch_check_tensor(&gradients[index], name, graph->nodes[node].width, &rows,
                                  &concepts, error);
}

int32_t lnspi_user_loss_backward(lnsp_trainer *t, const lnsp_tensor *gradients,
                                 int32_t gradient_count, lnsp_error *error) {
  for (int32_t i = 0; i < gradient_count; i++) {
    int32_t status = user_loss_check(t, gradients, i, error);
    if (status) return status;
  }
  lnspi_backward_start(t);
  for (int32_t i = 0; i < gradient_count; i++) {
    const char *name = gradients[i].name;
    const int32_t node = t->graph->outputs[lnspi_graph_find_output(t->graph, name)].node;
    float *dvalue = t->grad.values + t->engine.plan.value_offset[node];
    const lnspi_tensor_rows rows = {&gradients[i], name, dvalue, lnspi_node_ld(t->graph, node)};
    if (t->grad.reached[node])
      return lnspi_error_set(
          error, LNSP_E_ARGUMENT, name,
          "'%s' is the same value as another output in the list: add up their gradients and "
          "give one",
          name);
    int32_t status = lnspi_tensor_load(&rows, 1, t->engine.k, &t->engine.tasks, error);
    if (status) return status;
    t->grad.reached[node] = 1;
  }
  lnspi_backward(t);
  return LNSP_OK;
}

/* lnsp_session_*: working memory that runs a model, or a trainer's live weights.
 *
 * A session has an engine (a graph, a plan of its buffers, a kernel set) and something to run
 * it with. Of a model it holds one reference, which lnsp_session_destroy drops: models may be
 * destroyed first, in whatever order a garbage collector likes. Of a trainer it holds nothing
 * but the address of the pointer to its weights, or to their average, since rollback moves
 * them (train/history.c). So a live session sees each step without being told, and must end
 * before its trainer.
 *
 * After create a session allocates nothing. lnsp_session_run checks the inputs and the outputs
 * before it computes, and copies outputs out only after every value was found finite, so the
 * caller's arrays keep what they held if it fails. Values of the nodes, which
 * lnsp_session_node shows, are overwritten by then. */
#include "api/api.h"
#include "base/struct.h"
#include "run/session.h"
#include "train/trainer.h"

LNSP_API int32_t lnsp_session_measure(const lnsp_graph *graph, const lnsp_size_options *sizes,
                                      lnsp_memory_info *out, lnsp_error *error) {
  lnsp_size_options read;
  lnsp_memory_info memory;
  API_NEED(graph, error);
  API_NEED(out, error);
  int32_t status = API_SIZES(sizes, 0, &read, error);
  if (!status) status = lnspi_session_measure(graph, &read, &memory, error);
  if (status) return status;
  return lnspi_struct_write(out, &memory, sizeof memory, "lnsp_memory_info", error);
}

LNSP_API int32_t lnsp_session_create(lnsp_model *model, const lnsp_size_options *sizes,
                                     const lnsp_options *options, lnsp_session **out,
                                     lnsp_error *error) {
  lnsp_size_options read_sizes;
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(model, error);
  int32_t status = API_SIZES(sizes, 0, &read_sizes, error);
  if (!status) status = API_OPTIONS(options, LNSPI_OPTIONS_RUN, &read, error);
  if (status) return status;
  return lnspi_session_open(model, model->graph, NULL, &read_sizes, &read, out, error);
}

LNSP_API int32_t lnsp_session_create_live(lnsp_trainer *trainer, int32_t average,
                                          const lnsp_size_options *sizes,
                                          const lnsp_options *options, lnsp_session **out,
                                          lnsp_error *error) {
  lnsp_size_options read_sizes;
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(trainer, error);
  API_FLAG(average, error);
  if (average && !trainer->average)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "this trainer keeps no moving average: add ema=.999 to its optimizer text");
  int32_t status = API_SIZES(sizes, 0, &read_sizes, error);
  if (!status) status = API_OPTIONS(options, LNSPI_OPTIONS_RUN, &read, error);
  if (status) return status;
  return lnspi_session_open(NULL, trainer->graph, average ? &trainer->average : &trainer->state,
                            &read_sizes, &read, out, error);
}

LNSP_API int32_t lnsp_session_rebind(lnsp_session *session, lnsp_model *model,
                                     lnsp_error *error) {
  API_NEED(session, error);
  API_NEED(model, error);
  return lnspi_session_rebind(session, model, error);
}

LNSP_API int32_t lnsp_session_run(lnsp_session *session, const lnsp_tensor *inputs,
                                  int32_t input_count, const lnsp_tensor *outputs,
                                  int32_t output_count, lnsp_error *error) {
  API_NEED(session, error);
  API_NEED(inputs, error);
  if (output_count > 0) API_NEED(outputs, error);
  API_RETURN(lnspi_session_run(session, inputs, input_count, outputs, output_count, error));
}

/* Shows the value where the engine has it: rows are padded to 16 floats, so the strides are
 * those of the buffer and nothing is copied. Only a session with keep_nodes has a buffer for
 * each node; others reuse them as soon as a value was read for the last time. */
LNSP_API int32_t lnsp_session_node(const lnsp_session *session, int32_t index, lnsp_tensor *out,
                                   lnsp_error *error) {
  API_NEED(session, error);
  API_NEED(out, error);
  const lnspi_engine *engine = &session->engine;
  if (index < 0 || index >= engine->graph->node_count)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "there is no node %d; the last is %d",
                           index, engine->graph->node_count - 1);
  if (engine->plan.mode != LNSPI_MODE_KEEP || !engine->batch)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "there are no node values: create the session with keep_nodes in its sizes, and run "
        "it");
  int64_t ld = lnspi_node_ld(engine->graph, index);
  memset(out, 0, sizeof *out);
  out->name = engine->graph->nodes[index].name;
  out->dtype = LNSP_F32;
  out->rank = 3;
  out->dims[0] = engine->batch;
  const int64_t concepts = lnspi_graph_rows(engine->graph, index, engine->concepts);
  out->dims[1] = concepts;
  out->dims[2] = engine->graph->nodes[index].width;
  out->strides[0] = concepts * ld;
  out->strides[1] = ld;
  out->strides[2] = 1;
  out->data = lnspi_engine_value(engine, index);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_session_memory(const lnsp_session *session, lnsp_memory_info *out,
                                     lnsp_error *error) {
  lnsp_memory_info memory;
  API_NEED(session, error);
  API_NEED(out, error);
  lnspi_session_memory(session, &memory);
  return lnspi_struct_write(out, &memory, sizeof memory, "lnsp_memory_info", error);
}

LNSP_API const char *lnsp_session_isa(const lnsp_session *session) {
  return session ? session->engine.k->name : NULL;
}

LNSP_API void lnsp_session_destroy(lnsp_session *session) {
  if (!session) return;
  lnspi_model_release(session->model);
  lnspi_block_close(&session->block);
}

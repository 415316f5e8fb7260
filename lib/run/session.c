/* Sessions: working memory to run a model, or the live weights of a trainer.
 *
 * A session owns a plan and buffers, never weights. It holds a model by its reference count,
 * so that the model can be destroyed first; rebind exchanges it for another of the same graph
 * without allocating. A live session keeps the address of the trainer's pointer instead of the
 * pointer, because rollback moves the weights (history.c).
 *
 * The struct is built on the stack and copied into its block as the last step: until then
 * nothing has to be undone but the block itself. */
#include "run/session.h"

#include "base/error.h"
#include "base/refcount.h"
#include "graph/graph_text.h"
#include "run/inputs.h"
#include "run/outputs.h"

static void session_layout(lnsp_session *session, lnspi_arena *arena) {
  (void)LNSPI_ARENA_STRUCT(arena, lnsp_session, LNSPI_SESSION_BYTES);
  lnspi_engine_layout(&session->engine, arena);
}

int32_t lnspi_session_measure(const lnsp_graph *graph, const lnsp_size_options *limits,
                              lnsp_memory_info *out, lnsp_error *error) {
  lnsp_session session;
  lnspi_arena arena = {NULL, 0, 0, 0};
  memset(&session, 0, sizeof session);
  session.engine.graph = graph;
  int32_t mode = limits->keep_nodes ? LNSPI_MODE_KEEP : LNSPI_MODE_REUSE;
  int32_t status = lnspi_plan_make(graph, limits, mode, &session.engine.plan, error);
  if (status) return status;
  session_layout(&session, &arena);
  session.block.bytes = arena.used;
  lnspi_session_memory(&session, out);
  return LNSP_OK;
}

void lnspi_session_memory(const lnsp_session *session, lnsp_memory_info *out) {
  const lnspi_plan *plan = &session->engine.plan;
  memset(out, 0, sizeof *out);
  out->total_bytes = session->block.bytes;
  out->activation_bytes = (uint64_t)plan->value_floats * sizeof(float);
  out->workspace_bytes =
      (uint64_t)(plan->saved_floats + plan->scratch_floats + plan->product_floats) *
      sizeof(float);
  out->plan_bytes = out->total_bytes - out->activation_bytes - out->workspace_bytes;
}

int32_t lnspi_session_open(lnsp_model *model, const lnsp_graph *graph, float *const *live,
                           const lnsp_size_options *limits, const lnsp_options *options,
                           lnsp_session **out, lnsp_error *error) {
  lnsp_session fresh;
  lnsp_memory_info memory;
  memset(&fresh, 0, sizeof fresh);
  fresh.engine.graph = graph;
  int32_t status =
      lnspi_engine_choose_kernels(options->isa, lnspi_graph_storage(graph) == LNSP_I8,
                                  &fresh.engine.k, error);
  if (!status) status = lnspi_tasks_open(&fresh.engine.tasks, options, limits->tasks, error);
  if (!status) status = lnspi_session_measure(graph, limits, &memory, error);
  if (status) return status;
  status = lnspi_block_open(&fresh.block, options, memory.total_bytes, error);
  if (status) return status;
  int32_t mode = limits->keep_nodes ? LNSPI_MODE_KEEP : LNSPI_MODE_REUSE;
  lnspi_arena arena = {fresh.block.memory, 0, memory.total_bytes, 0};
  (void)lnspi_plan_make(graph, limits, mode, &fresh.engine.plan, NULL);
  session_layout(&fresh, &arena);
  (void)lnspi_plan_make(graph, limits, mode, &fresh.engine.plan, NULL);
  if (model) lnspi_refcount_increment(&model->owners);
  fresh.model = model;
  fresh.state = model ? model->state : NULL;
  fresh.live = live;
  *out = fresh.block.memory;
  **out = fresh;
  return LNSP_OK;
}

int32_t lnspi_session_rebind(lnsp_session *session, lnsp_model *model, lnsp_error *error) {
  lnspi_engine *engine = &session->engine;
  if (!lnspi_graph_equal(engine->graph, model->graph))
    return lnspi_graph_text_refuse(LNSP_E_MISMATCH, NULL, "the model",
                                   model->graph->architecture, engine->graph->architecture,
                                   error);
  if (lnspi_graph_storage(model->graph) == LNSP_I8 && engine->plan.product_floats == 0)
    return lnspi_error_set(
        error, LNSP_E_MISMATCH, NULL,
        "the model is stored as I8, which needs more memory than this session has: create a "
        "session for it");
  lnsp_model *old = session->model;
  lnspi_refcount_increment(&model->owners);
  session->model = model;
  session->state = model->state;
  session->live = NULL;
  engine->graph = model->graph;
  lnspi_model_release(old);
  return LNSP_OK;
}

int32_t lnspi_session_run(lnsp_session *session, const lnsp_tensor *inputs, int32_t input_count,
                          const lnsp_tensor *outputs, int32_t output_count, lnsp_error *error) {
  lnspi_engine *engine = &session->engine;
  lnspi_batch_needs needs;
  lnspi_batch batch;
  lnspi_batch_need_input(engine->graph, &needs);
  needs.nothing_else = 1;
  int32_t status = lnspi_batch_bind(engine->graph, &needs, engine->plan.batch,
                                    engine->plan.concepts, inputs, input_count, &batch, error);
  if (!status)
    status =
        lnspi_outputs_check(engine, outputs, output_count, batch.rows, batch.concepts, error);
  if (!status) status = lnspi_inputs_load(engine, &batch, error);
  if (!status)
    status = lnspi_engine_forward(engine, session->live ? *session->live : session->state,
                                  batch.rows, batch.concepts, error);
  if (status) return status;
  lnspi_outputs_store(engine, outputs, output_count);
  return LNSP_OK;
}

/* Sessions. */
#include "run/session.h"

#include "base/problem.h"
#include "base/text.h"

static void session_layout(lnsp_session *session, lnspi_arena *arena) {
  (void)LNSPI_TAKE_STRUCT(arena, lnsp_session, LNSPI_SESSION_BYTES);
  lnspi_engine_layout(&session->engine, arena);
}

int32_t lnspi_session_measure(const lnsp_graph *graph, const lnsp_limits *limits,
                              lnsp_memory *out, lnsp_problem *problem) {
  lnsp_session session;
  lnspi_arena arena = {NULL, 0, 0, 0};
  memset(&session, 0, sizeof session);
  session.engine.graph = graph;
  int32_t mode = limits->keep_nodes ? LNSPI_MODE_KEEP : LNSPI_MODE_REUSE;
  int32_t status = lnspi_plan_make(graph, limits, mode, &session.engine.plan, problem);
  if (status != LNSP_OK) return status;
  session_layout(&session, &arena);
  memset(out, 0, sizeof *out);
  out->total_bytes = arena.used;
  out->activation_bytes = (uint64_t)session.engine.plan.value_floats * sizeof(float);
  out->workspace_bytes = (uint64_t)(session.engine.plan.saved_floats +
                                    session.engine.plan.scratch_floats +
                                    session.engine.plan.product_floats) * sizeof(float);
  out->plan_bytes = out->total_bytes - out->activation_bytes - out->workspace_bytes;
  return LNSP_OK;
}

int32_t lnspi_session_open(lnsp_model *model, const lnsp_graph *graph, float *const *live,
                           const lnsp_limits *limits, const lnsp_options *options,
                           lnsp_session **out, lnsp_problem *problem) {
  lnsp_session fresh;
  lnsp_memory memory;
  memset(&fresh, 0, sizeof fresh);
  fresh.engine.graph = graph;
  int32_t status = lnspi_kernels_choose(options->isa, lnspi_graph_type(graph) == LNSP_I8,
                                        &fresh.engine.k, problem);
  if (status == LNSP_OK)
    status = lnspi_tasks_open(&fresh.engine.tasks, options, limits->tasks, problem);
  if (status == LNSP_OK) status = lnspi_session_measure(graph, limits, &memory, problem);
  if (status == LNSP_OK)
    status = lnspi_block_open(&fresh.block, options, memory.total_bytes, problem);
  if (status != LNSP_OK) return status;
  int32_t mode = limits->keep_nodes ? LNSPI_MODE_KEEP : LNSPI_MODE_REUSE;
  lnspi_arena arena = {fresh.block.memory, 0, memory.total_bytes, 0};
  (void)lnspi_plan_make(graph, limits, mode, &fresh.engine.plan, NULL);
  session_layout(&fresh, &arena);
  (void)lnspi_plan_make(graph, limits, mode, &fresh.engine.plan, NULL);
  if (model) lnspi_count_up(&model->owners);
  fresh.model = model;
  fresh.state = model ? model->state : NULL;
  fresh.live = live;
  *out = fresh.block.memory;
  **out = fresh;
  return LNSP_OK;
}

int32_t lnspi_session_rebind(lnsp_session *session, lnsp_model *model,
                             lnsp_problem *problem) {
  lnspi_engine *engine = &session->engine;
  if (!lnspi_graph_equal(engine->graph, model->graph))
    return lnspi_fail(problem, LNSP_E_MISMATCH, NULL,
                      "the model has another architecture than the session: create a session "
                      "for it");
  if (lnspi_graph_type(model->graph) == LNSP_I8 && engine->plan.product_floats == 0)
    return lnspi_fail(problem, LNSP_E_MISMATCH, NULL,
                      "the model is stored as I8, for which this session has no scratch: "
                      "create a session for it");
  lnsp_model *old = session->model;
  lnspi_count_up(&model->owners);
  session->model = model;
  session->state = model->state;
  session->live = NULL;
  engine->graph = model->graph;
  lnspi_model_release(old);
  return LNSP_OK;
}

int32_t lnspi_engine_input(const lnspi_engine *engine, const lnsp_tensor *inputs,
                           int32_t input_count, int64_t most_rows, int64_t *batch,
                           int64_t *concepts, lnsp_problem *problem) {
  const char *name = lnspi_engine_input_name(engine->graph);
  const lnsp_tensor *input = lnspi_tensor_find(inputs, input_count, name);
  *batch = *concepts = 0;
  if (!input)
    return lnspi_fail(problem, LNSP_E_MISSING, name, "no tensor named '%s' was given", name);
  int32_t status = lnspi_engine_check(engine, input, name, batch, concepts, problem);
  if (status != LNSP_OK) return status;
  if (*batch > most_rows || *concepts > engine->plan.concepts)
    return lnspi_fail(problem, LNSP_E_LIMIT, name,
                      "'%s' has %lld rows of %lld concepts, but this handle was made for at "
                      "most %lld of %lld: raise max_rows or max_concepts, or run it in parts",
                      name, (long long)*batch, (long long)*concepts, (long long)most_rows,
                      (long long)engine->plan.concepts);
  return LNSP_OK;
}

int32_t lnspi_engine_take(lnspi_engine *engine, const lnsp_tensor *inputs, int32_t input_count,
                          int64_t batch, int64_t concepts, lnsp_problem *problem) {
  const char *name = lnspi_engine_input_name(engine->graph);
  const int32_t status =
      lnspi_engine_load(engine, lnspi_tensor_find(inputs, input_count, name), name,
                        lnspi_engine_value(engine, 0), problem);
  engine->has_mask = 0;
  if (status != LNSP_OK) return status;
  return lnspi_engine_load_mask(engine, inputs, input_count, "mask", 0, batch, concepts, problem);
}

int32_t lnspi_engine_outputs(const lnspi_engine *engine, const lnsp_tensor *outputs,
                             int32_t output_count, int64_t batch, int64_t concepts,
                             int store, lnsp_problem *problem) {
  const lnsp_graph *graph = engine->graph;
  for (int32_t i = 0; i < output_count; i++) {
    const char *name = outputs[i].name ? outputs[i].name : "";
    int32_t output = lnspi_graph_find_output(graph, name);
    if (output < 0)
      return lnspi_fail(problem, LNSP_E_MISSING, name,
                        "the network has no output '%s'; its first is '%s'", name,
                        graph->outputs[0].name);
    int32_t node = graph->outputs[output].node;
    int64_t rows = lnspi_length_of(graph, node, concepts);
    int32_t status = lnspi_tensor_check(&outputs[i], name, graph->nodes[node].width, &batch,
                                        &rows, problem);
    if (status != LNSP_OK) return status;
    if (store)
      lnspi_tensor_store(&outputs[i], &engine->tasks, lnspi_engine_value(engine, node),
                         lnspi_node_ld(graph, node));
  }
  return LNSP_OK;
}

/* An input of another name would be left out in silence: a mask under its wrong name, say. */
static int32_t session_names(const lnsp_graph *graph, const lnsp_tensor *inputs, int32_t count,
                             lnsp_problem *problem) {
  const char *input = lnspi_engine_input_name(graph);
  for (int32_t i = 0; i < count; i++)
    if (inputs[i].name && !lnspi_equal(inputs[i].name, input) &&
        !lnspi_equal(inputs[i].name, "mask"))
      return lnspi_fail(problem, LNSP_E_ARGUMENT, inputs[i].name,
                        "a session takes '%s' and 'mask', but '%.80s' was given", input,
                        inputs[i].name);
  return LNSP_OK;
}

int32_t lnspi_session_run(lnsp_session *session, const lnsp_tensor *inputs,
                          int32_t input_count, const lnsp_tensor *outputs,
                          int32_t output_count, lnsp_problem *problem) {
  lnspi_engine *engine = &session->engine;
  int64_t batch, concepts;
  int32_t status = lnspi_engine_input(engine, inputs, input_count, engine->plan.batch, &batch,
                                      &concepts, problem);
  if (status == LNSP_OK)
    status = session_names(engine->graph, inputs, input_count, problem);
  if (status == LNSP_OK)
    status = lnspi_engine_outputs(engine, outputs, output_count, batch, concepts, 0, problem);
  if (status == LNSP_OK)
    status = lnspi_engine_take(engine, inputs, input_count, batch, concepts, problem);
  if (status != LNSP_OK) return status;
  status = lnspi_engine_forward(engine, session->live ? *session->live : session->state, batch,
                                concepts, problem);
  if (status == LNSP_OK)
    status = lnspi_engine_outputs(engine, outputs, output_count, batch, concepts, 1, problem);
  return status;
}

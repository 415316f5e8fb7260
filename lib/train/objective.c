/* A loss text against a graph: which outputs it looks at, which inputs it needs;
 * and its evaluation, which ends with the outputs' gradients in place. */
#include <float.h>
#include <math.h>

#include "base/problem.h"
#include "run/session.h"
#include "train/trainer.h"

/* The replay term compares the output for a drawn vector with that vector. */
static const lnspi_loss *objective_replay_loss(void) {
  for (int32_t i = 0; lnspi_loss_at(i); i++)
    if (lnspi_equal(lnspi_loss_at(i)->name, "cosine")) return lnspi_loss_at(i);
  return NULL;
}

static int32_t objective_group(lnspi_objective *objective, const char *name,
                               lnsp_problem *problem) {
  for (int32_t g = 1; g < objective->group_count; g++)
    if (lnspi_equal(objective->group[g], name)) return LNSP_OK;
  if (objective->group_count == LNSPI_GROUPS)
    return lnspi_fail(problem, LNSP_E_LIMIT, name, "the loss runs the network on more than %d "
                      "inputs", LNSPI_GROUPS);
  objective->group[objective->group_count++] = name;
  return LNSP_OK;
}

/* For an output, a node; most: vectors of a set, 0 for one vector a row. */
static int32_t objective_data(lnspi_objective *objective, const char *name,
                              const lnspi_node *output, int64_t most,
                              lnsp_problem *problem) {
  const int64_t width = output->width;
  for (int32_t d = 0; d < objective->data_count; d++)
    if (lnspi_equal(objective->data[d], name)) {
      if (most > objective->data_most[d]) objective->data_most[d] = (int32_t)most;
      if (objective->data_every[d] != output->every)
        return lnspi_fail(problem, LNSP_E_SHAPE, name,
                          "two loss terms need '%s' for outputs with different numbers of rows "
                          "a sequence", name);
      if (objective->data_width[d] == width) return LNSP_OK;
      return lnspi_fail(problem, LNSP_E_SHAPE, name,
                        "two loss terms need '%s' at different widths, %lld and %lld", name,
                        (long long)objective->data_width[d], (long long)width);
    }
  if (objective->data_count == LNSPI_DATA)
    return lnspi_fail(problem, LNSP_E_LIMIT, name, "the loss needs more than %d data tensors",
                      LNSPI_DATA);
  objective->data[objective->data_count] = name;
  objective->data_most[objective->data_count] = (int32_t)most;
  objective->data_every[objective->data_count] = (int32_t)output->every;
  objective->data_width[objective->data_count++] = (int32_t)width;
  return LNSP_OK;
}

/* What a set holds at most, as the term's argument says. */
static int64_t objective_most(const lnspi_loss_term *term, int32_t o) {
  return (int64_t)term->real[term->loss->operand[o].argument - 1];
}

/* Operand o of a term that looks at this output. */
static int32_t objective_reads(lnspi_objective *objective, const lnspi_loss_term *term,
                               int32_t o, const lnspi_node *output, const lnsp_graph *graph,
                               lnsp_problem *problem) {
  const int64_t width = output->width;
  const char *name = term->loss->operand[o].name;
  switch (term->loss->operand[o].kind) {
    case LNSPI_OPERAND_MODEL:
      return objective_group(objective, name, problem);
    case LNSPI_OPERAND_SET:
      return objective_data(objective, name, output, objective_most(term, o), problem);
    case LNSPI_OPERAND_CONTEXT:
      if (width == graph->nodes[0].width) return LNSP_OK;
      return lnspi_fail(problem, LNSP_E_SHAPE, term->on,
                        "%s compares output '%s' (width %lld) with the input (width %lld): "
                        "their widths must be equal", term->loss->name, term->on,
                        (long long)width, (long long)graph->nodes[0].width);
    default:
      return objective_data(objective, name, output, 0, problem);
  }
}

static int32_t objective_term(lnspi_objective *objective, int32_t index,
                              const lnsp_graph *graph, lnsp_problem *problem) {
  lnspi_loss_term *term = &objective->terms[index];
  int32_t output = lnspi_graph_find_output(graph, term->on), status = LNSP_OK;
  if (output < 0)
    return lnspi_fail(problem, LNSP_E_MISSING, term->on,
                      "the loss looks at output '%s', which the network does not have; set "
                      "on=NAME", term->on);
  const lnspi_node *node = &graph->nodes[graph->outputs[output].node];
  int64_t width = node->width;
  objective->output[index] = output;
  if (!term->loss) {
    if (objective->replay_rows)
      return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL, "a loss has at most one replay term");
    if (width != graph->nodes[0].width || node->every != 1)
      return lnspi_fail(problem, LNSP_E_SHAPE, term->on,
                        "replay compares output '%s' (width %lld) with the input (width %lld): "
                        "they must be equal, and each concept have its output", term->on,
                        (long long)width, (long long)graph->nodes[0].width);
    objective->replay_rows = term->rows;
    objective->replay_seed = term->seed;
    objective->replay_term = index;
    return LNSP_OK;
  }
  for (int32_t o = 1; status == LNSP_OK && o < term->loss->operand_count; o++)
    if (lnspi_loss_uses(term->loss, term->real, o))
      status = objective_reads(objective, term, o, node, graph, problem);
  return status;
}

int32_t lnspi_objective_parse(const char *text, const lnsp_graph *graph,
                              lnspi_objective *objective, lnsp_problem *problem) {
  memset(objective, 0, sizeof *objective);
  objective->group_count = 1;
  objective->replay_term = -1;
  int32_t status = LNSP_OK;
  if (text) status = lnspi_loss_parse(text, objective->terms, &objective->term_count, problem);
  for (int32_t i = 0; status == LNSP_OK && i < objective->term_count; i++)
    status = objective_term(objective, i, graph, problem);
  if (status == LNSP_OK && objective->term_count == 1 && objective->replay_rows)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "replay alone teaches nothing new: add a loss for the new vectors");
  objective->group[0] =
      objective->group_count > 1 ? "anchor" : lnspi_engine_input_name(graph);
  return status;
}

int64_t lnspi_objective_scratch(const lnspi_objective *objective, const lnsp_graph *graph,
                                int64_t batch, int64_t concepts, int64_t replay_rows) {
  int64_t most = 2 * lnspi_round16(graph->nodes[0].width); /* a draw */
  for (int32_t i = 0; i < objective->term_count; i++) {
    const lnspi_loss_term *term = &objective->terms[i];
    const lnspi_loss *loss = term->loss ? term->loss : objective_replay_loss();
    int64_t floats = 0;
    lnspi_loss_call shape;
    lnspi_loss_start(&shape);
    const int32_t node = graph->outputs[objective->output[i]].node;
    shape.rows = term->loss ? batch * lnspi_length_of(graph, node, concepts) : replay_rows;
    shape.width = graph->nodes[node].width;
    shape.real = term->real;
    for (int32_t o = 1; term->loss && o < loss->operand_count; o++) {
      if (!lnspi_loss_uses(loss, term->real, o)) continue;
      if (loss->operand[o].kind == LNSPI_OPERAND_SET) shape.each[o] = objective_most(term, o);
      if (loss->operand[o].kind == LNSPI_OPERAND_CONTEXT) shape.each[o] = concepts;
    }
    if (loss && loss->scratch_floats) floats = loss->scratch_floats(&shape);
    if (floats > most) most = floats;
  }
  return most;
}

/* ---- evaluation ---- */

/* A set: [rows, n, width] for one vector n or more. */
static int32_t objective_check_set(lnsp_trainer *t, int32_t data, const lnsp_tensor *tensor,
                                   int64_t rows, lnsp_problem *problem) {
  const char *name = t->objective.data[data];
  int64_t most = t->objective.data_most[data], each = 0;
  int32_t status = lnspi_tensor_check(tensor, name, t->objective.data_width[data], &rows, &each,
                                      problem);
  if (status == LNSP_OK && each > most)
    return lnspi_fail(problem, LNSP_E_LIMIT, name,
                      "'%s' has %lld vectors a row, but the loss was made for at most %lld: say "
                      "so in its text (lnsp list tells the key)", name, (long long)each,
                      (long long)most);
  t->data_each[data] = each;
  return status;
}

/* One vector for each row of an output, of which a sequence has so many. */
static int32_t objective_check_data(lnsp_trainer *t, int32_t data, const lnsp_tensor *tensor,
                                    int64_t batch, int64_t each, lnsp_problem *problem) {
  const char *name = t->objective.data[data];
  t->data_each[data] = 1;
  if (each > 1 && tensor->rank == 2 && tensor->dims[0] == batch)
    return lnspi_fail(problem, LNSP_E_SHAPE, name,
                      "'%s' has one vector a row, but the output has %lld: look at an output "
                      "with one, as in on=last, or give [%lld, %lld, %lld]",
                      name, (long long)each, (long long)batch, (long long)each,
                      (long long)t->objective.data_width[data]);
  return lnspi_tensor_check(tensor, name, t->objective.data_width[data], &batch, &each, problem);
}

static int32_t objective_check_inputs(lnsp_trainer *t, const lnsp_tensor *inputs,
                                      int32_t input_count, int64_t *batch, int64_t *concepts,
                                      lnsp_problem *problem) {
  const lnspi_objective *objective = &t->objective;
  *batch = *concepts = 0;
  for (int32_t i = 0; i < objective->group_count + objective->data_count; i++) {
    int is_group = i < objective->group_count, data = i - objective->group_count;
    const char *name = is_group ? objective->group[i] : objective->data[data];
    const lnsp_tensor *tensor = lnspi_tensor_find(inputs, input_count, name);
    if (!tensor)
      return lnspi_fail(problem, LNSP_E_MISSING, name,
                        "the loss needs a tensor named '%s', which was not given", name);
    int32_t status;
    if (is_group) {
      status = lnspi_engine_check(&t->engine, tensor, name, batch, concepts, problem);
    } else {
      const int64_t every = objective->data_every[data];
      int64_t each = every ? *concepts / every : 1;
      if (objective->data_most[data])
        status = objective_check_set(t, data, tensor, *batch * each, problem);
      else
        status = objective_check_data(t, data, tensor, *batch, each, problem);
    }
    if (status != LNSP_OK) return status;
  }
  if (*batch > t->limits.max_rows || *concepts > t->limits.max_concepts)
    return lnspi_fail(problem, LNSP_E_LIMIT, objective->group[0],
                      "'%s' has %lld rows of %lld concepts, but this trainer was made for at "
                      "most %d of %d: raise max_rows or max_concepts", objective->group[0],
                      (long long)*batch, (long long)*concepts, t->limits.max_rows,
                      t->limits.max_concepts);
  for (int32_t i = 0; i < objective->term_count; i++) {
    const lnspi_loss *loss = objective->terms[i].loss;
    const int32_t node = t->graph->outputs[objective->output[i]].node;
    if (loss && *batch * lnspi_length_of(t->graph, node, *concepts) < loss->minimum_rows)
      return lnspi_fail(problem, LNSP_E_SHAPE, loss->name,
                        "the loss %s needs a batch of at least %d rows", loss->name,
                        loss->minimum_rows);
  }
  return LNSP_OK;
}

/* "mask", or one a group: "anchor_mask". */
static int32_t objective_load_mask(lnsp_trainer *t, int32_t group, const lnsp_tensor *inputs,
                                   int32_t input_count, lnsp_problem *problem) {
  char name[32] = "mask";
  if (group == 0) t->engine.has_mask = 0;
  if (t->objective.group_count > 1)
    lnspi_format(name, sizeof name, "%s_mask", t->objective.group[group]);
  return lnspi_engine_load_mask(&t->engine, inputs, input_count, name, group * t->batch,
                                t->batch, t->concepts, problem);
}

static int32_t objective_load(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                              lnsp_problem *problem) {
  const lnspi_objective *objective = &t->objective;
  int64_t rows = t->batch * t->concepts, ld = lnspi_node_ld(t->graph, 0);
  float *x = lnspi_engine_value(&t->engine, 0);
  for (int32_t g = 0; g < objective->group_count; g++, x += rows * ld) {
    const char *name = objective->group[g];
    int32_t status = lnspi_engine_load(&t->engine, lnspi_tensor_find(inputs, input_count, name),
                                       name, x, problem);
    if (status == LNSP_OK) status = objective_load_mask(t, g, inputs, input_count, problem);
    if (status != LNSP_OK) return status;
  }
  if (objective->replay_rows) /* drawn rows have no padding */
    (void)lnspi_engine_load_mask(&t->engine, NULL, 0, "", objective->group_count * t->batch,
                                 objective->replay_rows, t->concepts, NULL);
  for (int32_t d = 0; d < objective->data_count; d++) {
    const char *name = objective->data[d];
    int32_t status = lnspi_tensor_load(lnspi_tensor_find(inputs, input_count, name), name,
                                       t->engine.k, &t->engine.tasks, t->data[d],
                                       lnspi_round16(objective->data_width[d]), problem);
    if (status != LNSP_OK) return status;
  }
  if (objective->replay_rows)
    lnspi_replay_draw(t->engine.k, t->replay, t->graph->nodes[0].width, objective->replay_seed,
                      lnspi_trainer_pass(t), objective->replay_rows * t->concepts, x, ld, t->loss_scratch);
  return LNSP_OK;
}

/* Points operand number o of a term at its rows, and at its gradient. */
static void objective_operand(lnsp_trainer *t, const lnspi_loss *loss, int32_t o,
                              int32_t node, lnspi_loss_call *call) {
  const lnspi_objective *objective = &t->objective;
  const int64_t length = lnspi_length_of(t->graph, node, t->concepts);
  int64_t rows = t->batch * length, ld = lnspi_node_ld(t->graph, node);
  int32_t group = 0;
  call->ld[o] = ld;
  if (o > 0 && loss->operand[o].kind == LNSPI_OPERAND_CONTEXT) {
    call->x[o] = lnspi_engine_value(&t->engine, 0);
    call->ld[o] = lnspi_node_ld(t->graph, 0);
    call->each[o] = t->concepts;
    call->share[o] = length;
    return;
  }
  if (o > 0 && loss->operand[o].kind != LNSPI_OPERAND_MODEL) {
    for (int32_t d = 0; d < objective->data_count; d++)
      if (lnspi_equal(objective->data[d], loss->operand[o].name)) {
        call->x[o] = t->data[d];
        call->each[o] = t->data_each[d];
      }
    return;
  }
  for (int32_t g = 1; o > 0 && g < objective->group_count; g++)
    if (lnspi_equal(objective->group[g], loss->operand[o].name)) group = g;
  call->x[o] = lnspi_engine_value(&t->engine, node) + group * rows * ld;
  call->d[o] = t->dvalues + t->engine.plan.value_offset[node] + group * rows * ld;
}

static double objective_evaluate_term(lnsp_trainer *t, int32_t index) {
  const lnspi_loss_term *term = &t->objective.terms[index];
  const lnspi_loss *loss = term->loss ? term->loss : objective_replay_loss();
  int32_t node = t->graph->outputs[t->objective.output[index]].node;
  int64_t rows = t->batch * lnspi_length_of(t->graph, node, t->concepts);
  int64_t first = t->objective.group_count * rows;
  lnspi_loss_call call;
  lnspi_loss_start(&call);
  call.k = t->engine.k;
  call.rows = rows;
  call.width = t->graph->nodes[node].width;
  call.weight = term->weight;
  call.real = term->real;
  call.scratch = t->loss_scratch;
  lnspi_backward_seed(t, node);
  if (term->loss) {
    for (int32_t o = 0; o < loss->operand_count; o++)
      if (lnspi_loss_uses(loss, term->real, o)) objective_operand(t, loss, o, node, &call);
  } else {
    int64_t ld = lnspi_node_ld(t->graph, node);
    call.rows = t->objective.replay_rows * t->concepts;
    call.ld[0] = call.ld[1] = ld;
    call.x[0] = lnspi_engine_value(&t->engine, node) + first * ld;
    call.d[0] = t->dvalues + t->engine.plan.value_offset[node] + first * ld;
    call.x[1] = lnspi_engine_value(&t->engine, 0) + first * lnspi_node_ld(t->graph, 0);
  }
  return (double)term->weight * loss->evaluate(&call);
}

/* Values of the inputs, and of the terms: with them the outputs' gradients. learning 0: no
 * layer draws by chance. */
static int32_t objective_run(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                             const float *state, int learning, double *loss,
                             lnsp_problem *problem) {
  int64_t batch, concepts;
  double total = 0;
  if (t->objective.term_count == 0)
    return lnspi_fail(problem, LNSP_E_STATE, NULL,
                      "this trainer has no loss: use forward, backward and apply, or create "
                      "it with a loss text");
  if (t->objective.replay_rows && !t->has_replay)
    return lnspi_fail(problem, LNSP_E_STATE, NULL,
                      "the loss has a replay term, but no statistics were set: call "
                      "lnsp_trainer_set_replay");
  int32_t status = objective_check_inputs(t, inputs, input_count, &batch, &concepts, problem);
  if (status != LNSP_OK) return status;
  t->phase = LNSPI_PHASE_IDLE; /* from here on, values of the last pass are overwritten */
  t->batch = batch;
  t->concepts = concepts;
  status = objective_load(t, inputs, input_count, problem);
  if (status != LNSP_OK) return status;
  lnspi_trainer_draw(t, learning);
  status = lnspi_engine_forward(&t->engine, state,
                                t->objective.group_count * batch + t->objective.replay_rows,
                                concepts, problem);
  if (status != LNSP_OK) return status;
  lnspi_backward_start(t);
  for (int32_t i = 0; i < t->objective.term_count; i++)
    total += objective_evaluate_term(t, i);
  if (!(fabs(total) <= (double)FLT_MAX)) /* the caller gets it as a float */
    return lnspi_fail(problem, LNSP_E_NOT_FINITE, NULL,
                      "the loss is not finite: check the scale of the data");
  *loss = total;
  return LNSP_OK;
}

int32_t lnspi_objective_evaluate(lnsp_trainer *t, const lnsp_tensor *inputs,
                                 int32_t input_count, double *loss, lnsp_problem *problem) {
  int32_t status = objective_run(t, inputs, input_count, t->state, 1, loss, problem);
  if (status == LNSP_OK) lnspi_backward(t);
  return status;
}

int32_t lnspi_objective_validate(lnsp_trainer *t, const lnsp_tensor *inputs,
                                 int32_t input_count, int average, double *loss,
                                 lnsp_problem *problem) {
  return objective_run(t, inputs, input_count, average ? t->average : t->state, 0, loss,
                       problem);
}

/* The evaluation of a loss: from the caller's tensors to the outputs' gradients. */
#include <float.h>
#include <math.h>

#include "base/host.h"
#include "base/problem.h"
#include "run/session.h"
#include "train/trainer.h"

/* A set: [rows, n, width] for one vector n or more. */
static int32_t evaluate_check_set(lnsp_trainer *t, int32_t data, const lnsp_tensor *tensor,
                                   int64_t rows, lnsp_problem *problem) {
  const char *name = t->objective->data[data];
  int64_t most = t->objective->data_most[data], each = 0;
  int32_t status = lnspi_tensor_check(tensor, name, t->objective->data_width[data], &rows, &each,
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
static int32_t evaluate_check_data(lnsp_trainer *t, int32_t data, const lnsp_tensor *tensor,
                                    int64_t batch, int64_t each, lnsp_problem *problem) {
  const char *name = t->objective->data[data];
  t->data_each[data] = 1;
  if (each > 1 && tensor->rank == 2 && tensor->dims[0] == batch)
    return lnspi_fail(problem, LNSP_E_SHAPE, name,
                      "'%s' has one vector a row, but the output has %lld: look at an output "
                      "with one, as in on=last, or give [%lld, %lld, %lld]",
                      name, (long long)each, (long long)batch, (long long)each,
                      (long long)t->objective->data_width[data]);
  return lnspi_tensor_check(tensor, name, t->objective->data_width[data], &batch, &each, problem);
}

static int32_t evaluate_check_inputs(lnsp_trainer *t, const lnsp_tensor *inputs,
                                      int32_t input_count, int64_t *batch, int64_t *concepts,
                                      lnsp_problem *problem) {
  const lnspi_objective *objective = t->objective;
  *batch = *concepts = 0;
  for (int32_t i = 0; i < objective->group_count + objective->data_count; i++) {
    int is_group = i < objective->group_count, data = i - objective->group_count;
    const char *name = is_group ? objective->group[i] : objective->data[data];
    const lnsp_tensor *tensor = lnspi_tensor_find(inputs, input_count, name);
    if (!is_group && lnspi_trainer_echoes(t, data)) {
      t->data_each[data] = 1;
      continue;
    }
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
        status = evaluate_check_set(t, data, tensor, *batch * each, problem);
      else
        status = evaluate_check_data(t, data, tensor, *batch, each, problem);
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
static int32_t evaluate_load_mask(lnsp_trainer *t, int32_t group, const lnsp_tensor *inputs,
                                   int32_t input_count, lnsp_problem *problem) {
  char name[32] = "mask";
  if (group == 0) t->engine.has_mask = 0;
  if (t->objective->group_count > 1)
    lnspi_format(name, sizeof name, "%s_mask", t->objective->group[group]);
  return lnspi_engine_load_mask(&t->engine, inputs, input_count, name, group * t->batch,
                                t->batch, t->concepts, problem);
}

static int32_t evaluate_load(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                              lnsp_problem *problem) {
  const lnspi_objective *objective = t->objective;
  int64_t rows = t->batch * t->concepts, ld = lnspi_node_ld(t->graph, 0);
  float *x = lnspi_engine_value(&t->engine, 0);
  for (int32_t g = 0; g < objective->group_count; g++, x += rows * ld) {
    const char *name = objective->group[g];
    int32_t status = lnspi_engine_load(&t->engine, lnspi_tensor_find(inputs, input_count, name),
                                       name, x, problem);
    if (status == LNSP_OK) status = evaluate_load_mask(t, g, inputs, input_count, problem);
    if (status != LNSP_OK) return status;
  }
  if (objective->replay_rows) /* drawn rows have no padding */
    (void)lnspi_engine_load_mask(&t->engine, NULL, 0, "", objective->group_count * t->batch,
                                 objective->replay_rows, t->concepts, NULL);
  for (int32_t d = 0; d < objective->data_count; d++) {
    const char *name = objective->data[d];
    if (lnspi_trainer_echoes(t, d)) continue;
    int32_t status = lnspi_tensor_load(lnspi_tensor_find(inputs, input_count, name), name,
                                       t->engine.k, &t->engine.tasks, t->data[d],
                                       lnspi_round16(objective->data_width[d]), problem);
    if (status != LNSP_OK) return status;
  }
  if (objective->replay_rows)
    lnspi_replay_draw(t->engine.k, t->replay, t->graph->nodes[0].width, objective->replay_seed,
                      lnspi_trainer_pass(t), objective->replay_rows * t->concepts, x, ld,
                      t->loss_scratch);
  return LNSP_OK;
}

static int32_t evaluate_find(const lnspi_objective *objective, const char *name) {
  int32_t d = 0;
  while (d < objective->data_count && !lnspi_equal(objective->data[d], name)) d++;
  return d;
}

/* The caller's tensor of that name. */
static void evaluate_take(const lnsp_trainer *t, const char *name, int32_t o,
                          lnspi_loss_call *call) {
  const int32_t d = evaluate_find(t->objective, name);
  call->x[o] = t->data[d];
  call->ld[o] = lnspi_round16(t->objective->data_width[d]);
  call->each[o] = t->data_each[d];
}

static void evaluate_context(const lnsp_trainer *t, int64_t length, int32_t o,
                             lnspi_loss_call *call) {
  call->x[o] = lnspi_engine_value(&t->engine, 0);
  call->ld[o] = lnspi_node_ld(t->graph, 0);
  call->each[o] = t->concepts;
  call->share[o] = length;
}

/* The network's run that an operand looks at: the first has no name. */
static int32_t evaluate_group(const lnspi_objective *objective, const char *name) {
  for (int32_t g = 1; name && g < objective->group_count; g++)
    if (lnspi_equal(objective->group[g], name)) return g;
  return 0;
}

/* Points operand number o of a term at its rows, and at its gradient. */
static void evaluate_operand(lnsp_trainer *t, int32_t index, int32_t o, int32_t node,
                             lnspi_loss_call *call) {
  const lnspi_objective *objective = t->objective;
  const lnspi_loss_term *term = &objective->terms[index];
  const char *name = term->loss->operand[o].name;
  const int turned = lnspi_term_turns(term, o);
  const int32_t kind = turned ? LNSPI_OPERAND_MODEL : term->loss->operand[o].kind;
  if (kind == LNSPI_OPERAND_CONTEXT) {
    evaluate_context(t, call->length, o, call);
    return;
  }
  if (kind != LNSPI_OPERAND_MODEL) {
    evaluate_take(t, name, o, call);
    return;
  }
  if (turned) {
    name = "positive";
    node = t->graph->outputs[objective->against[index]].node;
    if (!term->stop) lnspi_backward_seed(t, node);
  }
  const int64_t ld = lnspi_node_ld(t->graph, node);
  const int64_t skip = evaluate_group(objective, name) * call->rows * ld;
  call->ld[o] = ld;
  call->x[o] = lnspi_engine_value(&t->engine, node) + skip;
  if (!turned || !term->stop)
    call->d[o] = t->dvalues + t->engine.plan.value_offset[node] + skip;
}

static lnspi_loss_call evaluate_gate(lnsp_trainer *t, const lnspi_loss_call *term) {
  lnspi_loss_call gate;
  lnspi_loss_start(&gate);
  gate.k = term->k;
  gate.rows = term->rows;
  gate.width = t->graph->nodes[0].width;
  gate.scratch = term->scratch;
  for (int32_t o = 0; o < 2; o++) evaluate_take(t, lnspi_gate_names[o], o, &gate);
  evaluate_context(t, term->length, 2, &gate);
  return gate;
}

/* The caller's echoes of a term's rows. */
static int32_t evaluate_echo(lnsp_trainer *t, const lnspi_loss_call *call,
                             lnsp_problem *problem) {
  const int32_t d = evaluate_find(t->objective, "echo");
  const int64_t rows = lnspi_echo_rows(call);
  lnsp_tensor output, echo;
  memset(t->data[d], 0, (size_t)(rows * call->ld[1]) * sizeof(float));
  output = lnsp_tensor_f32("output", NULL, 2, rows, call->width, 0);
  output.data = (void *)(uintptr_t)call->x[0]; /* only read */
  output.strides[0] = call->ld[0];
  output.strides[1] = 1;
  echo = output;
  echo.name = "echo";
  echo.data = t->data[d];
  echo.strides[0] = call->ld[1];
  const int32_t refused = t->echo.echo(t->echo.user, &output, &echo);
  (void)lnspi_fp_enter(); /* whatever it did to this thread's */
  if (refused)
    return lnspi_fail(problem, LNSP_E_REFUSED, "echo",
                      "the echo function refused (it returned %d), so nothing was changed",
                      (int)refused);
  if (t->engine.k->finite(t->data[d], rows * call->ld[1])) return LNSP_OK;
  return lnspi_fail(problem, LNSP_E_NOT_FINITE, "echo",
                    "the echo function gave NaN or infinity");
}

/* The drawn rows come after those of the groups. */
static void evaluate_replay(lnsp_trainer *t, int32_t node, lnspi_loss_call *call) {
  const int64_t ld = lnspi_node_ld(t->graph, node);
  const int64_t first = t->objective->group_count * call->rows;
  call->rows = t->objective->replay_rows * t->concepts;
  call->ld[0] = call->ld[1] = ld;
  call->x[0] = lnspi_engine_value(&t->engine, node) + first * ld;
  call->d[0] = t->dvalues + t->engine.plan.value_offset[node] + first * ld;
  call->x[1] = lnspi_engine_value(&t->engine, 0) + first * lnspi_node_ld(t->graph, 0);
}

static int32_t evaluate_term(lnsp_trainer *t, int32_t index, double first, double *value,
                             lnsp_problem *problem) {
  const lnspi_loss_term *term = &t->objective->terms[index];
  const lnspi_loss *loss = lnspi_objective_loss(term);
  const int32_t node = t->graph->outputs[t->objective->output[index]].node;
  int32_t status = LNSP_OK;
  lnspi_loss_call call, gate;
  lnspi_loss_start(&call);
  call.k = t->engine.k;
  call.length = lnspi_length_of(t->graph, node, t->concepts);
  call.rows = t->batch * call.length;
  call.width = t->graph->nodes[node].width;
  call.real = term->real;
  call.scratch = t->loss_scratch;
  call.pass = lnspi_trainer_pass(t);
  lnspi_backward_seed(t, node);
  if (!term->loss) {
    evaluate_replay(t, node, &call);
  } else {
    for (int32_t o = 0; o < loss->operand_count; o++)
      if (lnspi_loss_uses(loss, term->real, o)) evaluate_operand(t, index, o, node, &call);
  }
  if (term->loss && lnspi_loss_echoes(loss) && t->echo.echo)
    status = evaluate_echo(t, &call, problem);
  if (term->gated) gate = evaluate_gate(t, &call);
  if (status == LNSP_OK)
    *value = lnspi_term_evaluate(term, loss, &call, term->gated ? &gate : NULL, first);
  return status;
}

/* All that count now. */
static int32_t evaluate_terms(lnsp_trainer *t, int learning, double *total,
                              lnsp_problem *problem) {
  double first = 0;
  *total = 0;
  lnspi_backward_start(t);
  for (int32_t i = 0; i < t->objective->term_count; i++) {
    const uint64_t pass = learning ? lnspi_trainer_pass(t) : 0;
    double value = 0;
    if (!lnspi_term_counts(&t->objective->terms[i], t->step, pass)) continue;
    int32_t status = evaluate_term(t, i, first, &value, problem);
    if (status != LNSP_OK) return status;
    if (i == 0) first = value;
    *total += value;
  }
  return LNSP_OK;
}

/* Values of the inputs, and of the terms: with them the outputs' gradients. learning 0: no
 * layer draws by chance. */
static int32_t evaluate_run(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                             const float *state, int learning, double *loss,
                             lnsp_problem *problem) {
  int64_t batch, concepts;
  double total;
  if (t->objective->term_count == 0)
    return lnspi_fail(problem, LNSP_E_STATE, NULL,
                      "this trainer has no loss: use forward, backward and apply, or create "
                      "it with a loss text");
  if (t->objective->replay_rows && !t->has_replay)
    return lnspi_fail(problem, LNSP_E_STATE, NULL,
                      "the loss has a replay term, but no statistics were set: call "
                      "lnsp_trainer_set_replay");
  int32_t status = evaluate_check_inputs(t, inputs, input_count, &batch, &concepts, problem);
  if (status != LNSP_OK) return status;
  t->phase = LNSPI_PHASE_IDLE; /* from here on, values of the last pass are overwritten */
  t->batch = batch;
  t->concepts = concepts;
  status = evaluate_load(t, inputs, input_count, problem);
  if (status != LNSP_OK) return status;
  lnspi_trainer_draw(t, learning);
  status = lnspi_engine_forward(&t->engine, state,
                                t->objective->group_count * batch + t->objective->replay_rows,
                                concepts, problem);
  if (status != LNSP_OK) return status;
  status = evaluate_terms(t, learning, &total, problem);
  if (status != LNSP_OK) return status;
  if (!(fabs(total) <= (double)FLT_MAX)) /* the caller gets it as a float */
    return lnspi_fail(problem, LNSP_E_NOT_FINITE, NULL,
                      "the loss is not finite: check the scale of the data");
  *loss = total;
  return LNSP_OK;
}

int32_t lnspi_objective_evaluate(lnsp_trainer *t, const lnsp_tensor *inputs,
                                 int32_t input_count, double *loss, lnsp_problem *problem) {
  int32_t status = evaluate_run(t, inputs, input_count, t->state, 1, loss, problem);
  if (status == LNSP_OK) lnspi_backward(t);
  return status;
}

int32_t lnspi_objective_validate(lnsp_trainer *t, const lnsp_tensor *inputs,
                                 int32_t input_count, int average, double *loss,
                                 lnsp_problem *problem) {
  return evaluate_run(t, inputs, input_count, average ? t->average : t->state, 0, loss,
                       problem);
}

/* The evaluation of a loss: from the caller's tensors to the outputs' gradients.
 *
 * Bind, load, draw replayed rows, run forward, then evaluate the terms one after the other. A
 * term gets pointers to its operands: the prediction is an output of the network for the first
 * group; an operand of kind MODEL is the same output for another group (the positive of a
 * triplet), stored behind it in the same buffer; DATA is the caller's; CONTEXT is the
 * network's own input. Gradients are added to dvalues at the same places, so that terms that
 * share an output need no merging.
 *
 * Each term has the phase in which it is active (from, until, every) and a factor (gate, auto,
 * ramp: loss_weighting.c). auto compares with the first term's value, so terms run in the
 * order of the text. Scratch is reused from term to term.
 *
 * The value is summed in double and returned as a float. If it is not finite the call fails
 * and there are no gradients to apply. Weights are not touched here. Validation is the same
 * code without learning: no layer draws at random, the counters of calls stand still, and the
 * average may be evaluated in place of the weights. */
#include "train/loss_eval.h"

#include <float.h>
#include <math.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "run/inputs.h"
#include "train/backward.h"
#include "train/loss_weighting.h"
#include "train/losses/echo.h"
#include "train/replay.h"

static int32_t loss_eval_find(const lnspi_batch_needs *needs, const char *name) {
  int32_t d = 0;
  while (d < needs->data_count && !lnspi_str_equal(needs->data[d].name, name)) d++;
  return d;
}

/* The caller's tensor of that name. */
static void loss_eval_data_operand(const lnsp_trainer *t, const char *name, int32_t o,
                                   lnspi_loss_call *call) {
  const int32_t d = loss_eval_find(&t->loss.objective->needs, name);
  call->x[o] = t->loss.objective->needs.data[d].rows;
  call->ld[o] = lnspi_round16(t->loss.objective->needs.data[d].width);
  call->each[o] = t->pass.each[d];
}

static void loss_eval_context_operand(const lnsp_trainer *t, int64_t length, int32_t o,
                                      lnspi_loss_call *call) {
  call->x[o] = lnspi_engine_value(&t->engine, 0);
  call->ld[o] = lnspi_node_ld(t->graph, 0);
  call->each[o] = t->pass.concepts;
  call->share[o] = length;
}

/* The network's run that an operand looks at: the first has no name. */
static int32_t loss_eval_group(const lnspi_batch_needs *needs, const char *name) {
  if (!name) return 0;
  for (int32_t g = 1; g < needs->group_count; g++)
    if (lnspi_str_equal(needs->group[g], name)) return g;
  return 0;
}

/* Points operand number o of a term at its rows, and at its gradient. */
static void loss_eval_bind_operand(lnsp_trainer *t, int32_t index, int32_t o, int32_t node,
                                   lnspi_loss_call *call) {
  const lnspi_objective *objective = t->loss.objective;
  const lnspi_loss_term *term = &objective->terms[index];
  const char *name = term->loss->operand[o].name;
  const int turned = lnspi_loss_term_replaces(term, o);
  const int32_t kind = turned ? LNSPI_OPERAND_MODEL : term->loss->operand[o].kind;
  if (kind == LNSPI_OPERAND_CONTEXT) {
    loss_eval_context_operand(t, call->length, o, call);
    return;
  }
  if (kind != LNSPI_OPERAND_MODEL) {
    loss_eval_data_operand(t, name, o, call);
    return;
  }
  if (turned) {
    name = "positive";
    node = t->graph->outputs[objective->against[index]].node;
    if (!term->stop) lnspi_backward_seed(t, node);
  }
  const int64_t ld = lnspi_node_ld(t->graph, node);
  const int64_t skip = loss_eval_group(&objective->needs, name) * call->rows * ld;
  call->ld[o] = ld;
  call->x[o] = lnspi_engine_value(&t->engine, node) + skip;
  if (!turned || !term->stop)
    call->d[o] = t->grad.values + t->engine.plan.value_offset[node] + skip;
}

static lnspi_loss_call loss_eval_context_weight(lnsp_trainer *t, const lnspi_loss_call *term) {
  lnspi_loss_call gate;
  lnspi_loss_start(&gate);
  gate.k = term->k;
  gate.rows = term->rows;
  gate.width = t->graph->nodes[0].width;
  gate.scratch = term->scratch;
  for (int32_t o = 0; o < 2; o++)
    loss_eval_data_operand(t, lnspi_loss_weighting_operands[o], o, &gate);
  loss_eval_context_operand(t, term->length, 2, &gate);
  return gate;
}

/* The caller's echoes of a term's rows. */
static int32_t loss_eval_echo(lnsp_trainer *t, const lnspi_loss_call *call, lnsp_error *error) {
  float *rows_at =
      t->loss.objective->needs.data[loss_eval_find(&t->loss.objective->needs, "echo")].rows;
  const int64_t rows = lnspi_echo_rows(call);
  lnsp_tensor output, echo;
  memset(rows_at, 0, (size_t)(rows * call->ld[1]) * sizeof(float));
  output = lnsp_tensor_f32("output", NULL, 2, rows, call->width, 0);
  output.data = (void *)(uintptr_t)call->x[0]; /* only read */
  output.strides[0] = call->ld[0];
  output.strides[1] = 1;
  echo = output;
  echo.name = "echo";
  echo.data = rows_at;
  echo.strides[0] = call->ld[1];
  const int32_t refused = t->loss.echo.echo(t->loss.echo.user, &output, &echo);
  (void)lnspi_fpenv_enter(); /* whatever it did to this thread's */
  if (refused)
    return lnspi_error_set(error, LNSP_E_REFUSED, "echo",
                           "the echo function refused (it returned %d), so nothing was changed",
                           (int)refused);
  if (t->engine.k->finite(rows_at, rows * call->ld[1])) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_NOT_FINITE, "echo",
                         "the echo function produced NaN or infinity, so nothing was changed");
}

/* Draws the replay term's rows, which come after those of the groups and have no padding. */
static void loss_eval_draw(lnsp_trainer *t) {
  const lnspi_objective *objective = t->loss.objective;
  const int64_t ld = lnspi_node_ld(t->graph, 0);
  const int64_t first = objective->needs.group_count * t->pass.rows * t->pass.concepts;
  const int64_t rows = objective->replay_rows * t->pass.concepts;
  if (!rows) return;
  if (t->engine.has_mask) memset(t->engine.mask + first, 1, (size_t)rows);
  lnspi_replay_draw(t->engine.k, t->loss.replay, t->graph->nodes[0].width,
                    objective->replay_seed, lnspi_trainer_call_number(t), rows,
                    lnspi_engine_value(&t->engine, 0) + first * ld, ld, t->loss.scratch);
}

/* Those rows and their gradient. */
static void loss_eval_replay(lnsp_trainer *t, int32_t node, lnspi_loss_call *call) {
  const int64_t ld = lnspi_node_ld(t->graph, node);
  const int64_t first = t->loss.objective->needs.group_count * call->rows;
  call->rows = t->loss.objective->replay_rows * t->pass.concepts;
  call->ld[0] = call->ld[1] = ld;
  call->x[0] = lnspi_engine_value(&t->engine, node) + first * ld;
  call->d[0] = t->grad.values + t->engine.plan.value_offset[node] + first * ld;
  call->x[1] = lnspi_engine_value(&t->engine, 0) + first * lnspi_node_ld(t->graph, 0);
}

static int32_t loss_eval_term(lnsp_trainer *t, int32_t index, double first, double *value,
                              lnsp_error *error) {
  const lnspi_loss_term *term = &t->loss.objective->terms[index];
  const lnspi_loss *loss = lnspi_loss_of_term(term);
  const int32_t node = t->graph->outputs[t->loss.objective->output[index]].node;
  int32_t status = LNSP_OK;
  lnspi_loss_call call, gate;
  lnspi_loss_start(&call);
  call.k = t->engine.k;
  call.length = lnspi_graph_rows(t->graph, node, t->pass.concepts);
  call.rows = t->pass.rows * call.length;
  call.width = t->graph->nodes[node].width;
  call.real = term->real;
  call.scratch = t->loss.scratch;
  call.pass = lnspi_trainer_call_number(t);
  lnspi_backward_seed(t, node);
  if (!term->loss) {
    loss_eval_replay(t, node, &call);
  } else {
    for (int32_t o = 0; o < LNSPI_LOSS_OPERANDS; o++)
      if (lnspi_loss_uses(loss, term->real, o))
        loss_eval_bind_operand(t, index, o, node, &call);
  }
  if (term->loss && lnspi_echo_is(loss) && t->loss.echo.echo)
    status = loss_eval_echo(t, &call, error);
  if (term->gated) gate = loss_eval_context_weight(t, &call);
  if (!status)
    *value = lnspi_loss_weighting_eval(term, loss, &call, term->gated ? &gate : NULL, first);
  return status;
}

/* All that count now. */
static int32_t loss_eval_terms(lnsp_trainer *t, int learning, double *total,
                               lnsp_error *error) {
  double first = 0;
  *total = 0;
  lnspi_backward_start(t);
  for (int32_t i = 0; i < t->loss.objective->term_count; i++) {
    const uint64_t pass = learning ? lnspi_trainer_call_number(t) : 0;
    double value = 0;
    if (!lnspi_loss_weighting_active(&t->loss.objective->terms[i], t->step, pass)) continue;
    int32_t status = loss_eval_term(t, i, first, &value, error);
    if (status) return status;
    if (i == 0) first = value;
    *total += value;
  }
  return LNSP_OK;
}

/* Some losses compare rows with each other. */
static int32_t loss_eval_check_rows(const lnsp_trainer *t, const lnspi_batch *batch,
                                    lnsp_error *error) {
  for (int32_t i = 0; i < t->loss.objective->term_count; i++) {
    const lnspi_loss *loss = t->loss.objective->terms[i].loss;
    const int32_t node = t->graph->outputs[t->loss.objective->output[i]].node;
    const int64_t rows = batch->rows * lnspi_graph_rows(t->graph, node, batch->concepts);
    if (loss && rows < loss->minimum_rows)
      return lnspi_error_set(
          error, LNSP_E_SHAPE, loss->name,
          "the loss %s needs a batch of at least %d rows: give more at a time", loss->name,
          loss->minimum_rows);
  }
  return LNSP_OK;
}

/* Binds the caller's tensors; nothing of the trainer has changed if that fails. */
static int32_t loss_eval_bind(const lnsp_trainer *t, const lnsp_tensor *inputs,
                              int32_t input_count, lnspi_batch *batch, lnsp_error *error) {
  const lnspi_objective *objective = t->loss.objective;
  if (objective->term_count == 0)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "this trainer has no loss: use forward, backward and apply, or create it with a loss "
        "text");
  if (objective->replay_rows && !t->loss.has_replay)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "the loss has a replay term without statistics: call lnsp_trainer_set_replay");
  int32_t status = lnspi_batch_bind(t->graph, &objective->needs, t->limits.max_rows,
                                    t->limits.max_concepts, inputs, input_count, batch, error);
  return status ? status : loss_eval_check_rows(t, batch, error);
}

/* Values of the inputs, and of the terms: with them the outputs' gradients. learning 0: no
 * layer draws at random. */
static int32_t loss_eval_run(lnsp_trainer *t, const lnspi_batch *batch, const float *state,
                             int learning, double *loss, lnsp_error *error) {
  const lnspi_objective *objective = t->loss.objective;
  double total;
  t->pass.phase = LNSPI_PHASE_IDLE; /* from here on, values of the last pass are overwritten */
  t->pass.rows = batch->rows;
  t->pass.concepts = batch->concepts;
  memcpy(t->pass.each, batch->each, (size_t)objective->needs.data_count * sizeof *batch->each);
  int32_t status = lnspi_inputs_load(&t->engine, batch, error);
  if (status) return status;
  loss_eval_draw(t);
  lnspi_trainer_seed_layers(t, learning);
  status =
      lnspi_engine_forward(&t->engine, state,
                           objective->needs.group_count * batch->rows + objective->replay_rows,
                           batch->concepts, error);
  if (!status) status = loss_eval_terms(t, learning, &total, error);
  if (status) return status;
  if (!(fabs(total) <= (double)FLT_MAX)) /* the caller gets it as a float */
    return lnspi_error_set(error, LNSP_E_NOT_FINITE, NULL,
                           "the loss is not finite: check the scale of the data");
  *loss = total;
  return LNSP_OK;
}

int32_t lnspi_loss_eval_gradients(lnsp_trainer *t, const lnsp_tensor *inputs,
                                  int32_t input_count, double *loss, lnsp_error *error) {
  lnspi_batch batch;
  int32_t status = loss_eval_bind(t, inputs, input_count, &batch, error);
  if (!status) status = loss_eval_run(t, &batch, t->state, 1, loss, error);
  if (!status) lnspi_backward(t);
  return status;
}

int32_t lnspi_loss_eval(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                        int average, double *loss, lnsp_error *error) {
  lnspi_batch batch;
  int32_t status = loss_eval_bind(t, inputs, input_count, &batch, error);
  if (status) return status;
  return loss_eval_run(t, &batch, average ? t->average : t->state, 0, loss, error);
}

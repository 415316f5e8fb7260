/* A loss text against a graph: which outputs it uses, which tensors it needs.
 *
 * Done once, at create. Each term names an output (on=) and, through its operands, tensors of
 * the caller. Operands with the same name in different terms are one tensor and must agree in
 * width and in rows a sequence; that is checked here so that a step need not. The result,
 * lnspi_objective, is all that batch.c and loss_eval.c look at. */
#include "train/loss_bind.h"

#include "base/error.h"
#include "run/batch.h"
#include "train/loss_text.h"
#include "train/loss_weighting.h"

static int32_t loss_bind_group(lnspi_batch_needs *needs, const char *name, lnsp_error *error) {
  for (int32_t g = 1; g < needs->group_count; g++)
    if (lnspi_str_equal(needs->group[g], name)) return LNSP_OK;
  if (needs->group_count == LNSPI_GROUPS)
    return lnspi_error_set(error, LNSP_E_LIMIT, name,
                           "the loss runs the network on more than %d inputs: use fewer terms",
                           LNSPI_GROUPS);
  needs->group[needs->group_count++] = name;
  return LNSP_OK;
}

/* For rows of an output; most: vectors of a set, 0 for one vector a row. */
static int32_t loss_bind_data(lnspi_batch_needs *needs, const char *name,
                              const lnspi_node *output, int64_t width, int64_t most,
                              lnsp_error *error) {
  for (int32_t d = 0; d < needs->data_count; d++) {
    lnspi_batch_data *data = &needs->data[d];
    if (!lnspi_str_equal(data->name, name)) continue;
    if (most > data->most) data->most = (int32_t)most;
    if (data->every != output->every)
      return lnspi_error_set(
          error, LNSP_E_SHAPE, name,
          "two loss terms need '%s' for outputs with different numbers of rows a sequence: use "
          "one of them",
          name);
    if (data->width == width) return LNSP_OK;
    return lnspi_error_set(
        error, LNSP_E_SHAPE, name,
        "two loss terms need '%s' with different widths, %d and %lld: use one of them", name,
        data->width, (long long)width);
  }
  if (needs->data_count == LNSPI_DATA)
    return lnspi_error_set(error, LNSP_E_LIMIT, name,
                           "the loss needs more than %d data tensors: use fewer terms",
                           LNSPI_DATA);
  needs->data[needs->data_count++] =
      (lnspi_batch_data){name, (int32_t)width, (int32_t)output->every, (int32_t)most, 0, NULL};
  return LNSP_OK;
}

/* What a set holds at most, as the term's argument says. */
static int64_t loss_bind_most(const lnspi_loss_term *term, int32_t o) {
  return (int64_t)term->real[term->loss->operand[o].argument - 1];
}

/* Operand o of a term that looks at this output. */
static int32_t loss_bind_reads(lnspi_objective *objective, const lnspi_loss_term *term,
                               int32_t o, const lnspi_node *output, const lnsp_graph *graph,
                               lnsp_error *error) {
  const int64_t width = output->width;
  const char *name = term->loss->operand[o].name;
  switch (term->loss->operand[o].kind) {
    case LNSPI_OPERAND_MODEL: return loss_bind_group(&objective->needs, name, error);
    case LNSPI_OPERAND_SET:
      return loss_bind_data(&objective->needs, name, output, width, loss_bind_most(term, o),
                            error);
    case LNSPI_OPERAND_CONTEXT:
      if (width == graph->nodes[0].width) return LNSP_OK;
      return lnspi_error_set(
          error, LNSP_E_SHAPE, term->on,
          "%s compares output '%s' (width %lld) with the input (width %lld): their widths must "
          "be equal",
          term->loss->name, term->on, (long long)width, (long long)graph->nodes[0].width);
    default: return loss_bind_data(&objective->needs, name, output, width, 0, error);
  }
}

/* The output that stands in the target's place, for the group "positive". */
static int32_t loss_bind_against(lnspi_objective *objective, int32_t index,
                                 const lnspi_node *node, const lnsp_graph *graph,
                                 lnsp_error *error) {
  const lnspi_loss_term *term = &objective->terms[index];
  const int32_t output = lnspi_graph_find_output(graph, term->against);
  if (output < 0)
    return lnspi_error_set(error, LNSP_E_MISSING, term->against,
                           "the network has no output '%s', which against= names",
                           term->against);
  const lnspi_node *other = &graph->nodes[graph->outputs[output].node];
  if (other->width != node->width || other->every != node->every)
    return lnspi_error_set(
        error, LNSP_E_SHAPE, term->against,
        "%s compares '%s' (width %lld) with '%s' (width %lld): both must have the same width "
        "and the same number of rows a sequence",
        term->loss->name, term->on, (long long)node->width, term->against,
        (long long)other->width);
  objective->against[index] = output;
  return loss_bind_group(&objective->needs, "positive", error);
}

/* Its three vectors are of the input's width, whatever the term's output has. */
static int32_t loss_bind_context_weight(lnspi_objective *objective, const lnspi_node *node,
                                        const lnsp_graph *graph, lnsp_error *error) {
  const int64_t width = graph->nodes[0].width;
  int32_t status = loss_bind_data(&objective->needs, lnspi_loss_weighting_operands[0], node,
                                  width, 0, error);
  if (!status)
    status = loss_bind_data(&objective->needs, lnspi_loss_weighting_operands[1], node, width, 0,
                            error);
  return status;
}

static int32_t loss_bind_term(lnspi_objective *objective, int32_t index,
                              const lnsp_graph *graph, lnsp_error *error) {
  lnspi_loss_term *term = &objective->terms[index];
  int32_t output = lnspi_graph_find_output(graph, term->on), status = LNSP_OK;
  if (output < 0)
    return lnspi_error_set(
        error, LNSP_E_MISSING, term->on,
        "the loss uses output '%s', which the network does not have: set on=NAME", term->on);
  const lnspi_node *node = &graph->nodes[graph->outputs[output].node];
  int64_t width = node->width;
  objective->output[index] = output;
  if (!term->loss) {
    if (objective->replay_rows)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                             "a loss has at most one replay term");
    if (width != graph->nodes[0].width || node->every != 1)
      return lnspi_error_set(
          error, LNSP_E_SHAPE, term->on,
          "replay compares output '%s' (width %lld) with the input (width %lld): both must "
          "have the same width and as many rows",
          term->on, (long long)width, (long long)graph->nodes[0].width);
    objective->replay_rows = term->rows;
    objective->replay_seed = term->seed;
    objective->replay_term = index;
    return LNSP_OK;
  }
  for (int32_t o = 1; o < LNSPI_LOSS_OPERANDS; o++) {
    if (lnspi_loss_term_replaces(term, o))
      status = loss_bind_against(objective, index, node, graph, error);
    else if (lnspi_loss_uses(term->loss, term->real, o))
      status = loss_bind_reads(objective, term, o, node, graph, error);
    if (status) return status;
  }
  return term->gated ? loss_bind_context_weight(objective, node, graph, error) : LNSP_OK;
}

int32_t lnspi_loss_bind(const char *text, const lnsp_graph *graph, lnspi_objective *objective,
                        lnsp_error *error) {
  memset(objective, 0, sizeof *objective);
  objective->needs.group_count = 1;
  objective->replay_term = -1;
  int32_t status = LNSP_OK;
  if (text)
    status = lnspi_loss_text_parse(text, objective->terms, &objective->term_count, error);
  if (status) return status;
  for (int32_t i = 0; i < objective->term_count; i++) {
    status = loss_bind_term(objective, i, graph, error);
    if (status) return status;
  }
  if (objective->term_count == 1 && objective->replay_rows)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "replay alone teaches nothing new: add a loss for the new data");
  objective->needs.group[0] =
      objective->needs.group_count > 1 ? "anchor" : lnspi_batch_input_name(graph);
  return LNSP_OK;
}

int64_t lnspi_loss_bind_scratch_floats(const lnspi_objective *objective,
                                       const lnsp_graph *graph, int64_t batch, int64_t concepts,
                                       int64_t replay_rows) {
  int64_t most = 2 * lnspi_round16(graph->nodes[0].width); /* a draw */
  for (int32_t i = 0; i < objective->term_count; i++) {
    const lnspi_loss_term *term = &objective->terms[i];
    const lnspi_loss *loss = lnspi_loss_of_term(term);
    if (!loss) continue;
    lnspi_loss_call shape;
    lnspi_loss_start(&shape);
    const int32_t node = graph->outputs[objective->output[i]].node;
    shape.rows = term->loss ? batch * lnspi_graph_rows(graph, node, concepts) : replay_rows;
    shape.width = graph->nodes[node].width;
    shape.real = term->real;
    for (int32_t o = 1; o < LNSPI_LOSS_OPERANDS; o++) {
      if (!term->loss || !lnspi_loss_uses(loss, term->real, o)) continue;
      if (loss->operand[o].kind == LNSPI_OPERAND_SET) shape.each[o] = loss_bind_most(term, o);
      if (loss->operand[o].kind == LNSPI_OPERAND_CONTEXT) shape.each[o] = concepts;
    }
    const int64_t floats =
        lnspi_loss_weighting_scratch_floats(term, loss, &shape, graph->nodes[0].width);
    if (floats > most) most = floats;
  }
  return most;
}

/* What a loss needs of the caller: the tensors of a batch, checked and copied in. */
#include "train/loss_inputs.h"

#include <float.h>
#include <math.h>

#include "base/error.h"
#include "run/inputs.h"
#include "run/tensor.h"
#include "train/replay.h"

/* A set: [rows, n, width] for one vector n or more. */
static int32_t loss_inputs_check_set(lnsp_trainer *t, int32_t data, const lnsp_tensor *tensor,
                                     int64_t rows, lnsp_error *error) {
  const char *name = t->objective->data[data];
  int64_t most = t->objective->data_most[data], each = 0;
  int32_t status =
      lnspi_tensor_check(tensor, name, t->objective->data_width[data], &rows, &each, error);
  if (status == LNSP_OK && each > most)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, name,
        "'%s' has %lld vectors a row, but the loss was made for at most %lld: say "
        "so in its text (lnsp list tells the key)",
        name, (long long)each, (long long)most);
  t->data_each[data] = each;
  return status;
}

/* One vector for each row of an output, of which a sequence has so many. */
static int32_t loss_inputs_check_data(lnsp_trainer *t, int32_t data, const lnsp_tensor *tensor,
                                      int64_t batch, int64_t each, lnsp_error *error) {
  const char *name = t->objective->data[data];
  t->data_each[data] = 1;
  if (each > 1 && tensor->rank == 2 && tensor->dims[0] == batch)
    return lnspi_error_set(
        error, LNSP_E_SHAPE, name,
        "'%s' has one vector a row, but the output has %lld: look at an output "
        "with one, as in on=last, or give [%lld, %lld, %lld]",
        name, (long long)each, (long long)batch, (long long)each,
        (long long)t->objective->data_width[data]);
  return lnspi_tensor_check(tensor, name, t->objective->data_width[data], &batch, &each, error);
}

int32_t lnspi_loss_inputs_check(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                                int64_t *batch, int64_t *concepts, lnsp_error *error) {
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
      return lnspi_error_set(error, LNSP_E_MISSING, name,
                             "the loss needs a tensor named '%s', which was not given", name);
    int32_t status;
    if (is_group) {
      status = lnspi_inputs_check_tensor(&t->engine, tensor, name, batch, concepts, error);
    } else {
      const int64_t every = objective->data_every[data];
      int64_t each = every ? *concepts / every : 1;
      if (objective->data_most[data])
        status = loss_inputs_check_set(t, data, tensor, *batch * each, error);
      else
        status = loss_inputs_check_data(t, data, tensor, *batch, each, error);
    }
    if (status != LNSP_OK) return status;
  }
  if (*batch > t->limits.max_rows || *concepts > t->limits.max_concepts)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, objective->group[0],
        "'%s' has %lld rows of %lld concepts, but this trainer was made for at "
        "most %d of %d: raise max_rows or max_concepts",
        objective->group[0], (long long)*batch, (long long)*concepts, t->limits.max_rows,
        t->limits.max_concepts);
  for (int32_t i = 0; i < objective->term_count; i++) {
    const lnspi_loss *loss = objective->terms[i].loss;
    const int32_t node = t->graph->outputs[objective->output[i]].node;
    if (loss && *batch * lnspi_graph_rows(t->graph, node, *concepts) < loss->minimum_rows)
      return lnspi_error_set(error, LNSP_E_SHAPE, loss->name,
                             "the loss %s needs a batch of at least %d rows", loss->name,
                             loss->minimum_rows);
  }
  return LNSP_OK;
}

/* "mask", or one a group: "anchor_mask". */
static int32_t loss_inputs_load_mask(lnsp_trainer *t, int32_t group, const lnsp_tensor *inputs,
                                     int32_t input_count, lnsp_error *error) {
  char name[32] = "mask";
  if (group == 0) t->engine.has_mask = 0;
  if (t->objective->group_count > 1)
    lnspi_format(name, sizeof name, "%s_mask", t->objective->group[group]);
  return lnspi_inputs_load_mask(&t->engine, inputs, input_count, name, group * t->batch,
                                t->batch, t->concepts, error);
}

int32_t lnspi_loss_inputs_load(lnsp_trainer *t, const lnsp_tensor *inputs, int32_t input_count,
                               lnsp_error *error) {
  const lnspi_objective *objective = t->objective;
  int64_t rows = t->batch * t->concepts, ld = lnspi_node_ld(t->graph, 0);
  float *x = lnspi_engine_value(&t->engine, 0);
  for (int32_t g = 0; g < objective->group_count; g++, x += rows * ld) {
    const char *name = objective->group[g];
    int32_t status =
        lnspi_inputs_load_tensor(&t->engine, lnspi_tensor_find(inputs, input_count, name), name,
                                 x, error);
    if (status == LNSP_OK) status = loss_inputs_load_mask(t, g, inputs, input_count, error);
    if (status != LNSP_OK) return status;
  }
  if (objective->replay_rows) /* drawn rows have no padding */
    (void)lnspi_inputs_load_mask(&t->engine, NULL, 0, "", objective->group_count * t->batch,
                                 objective->replay_rows, t->concepts, NULL);
  for (int32_t d = 0; d < objective->data_count; d++) {
    const char *name = objective->data[d];
    if (lnspi_trainer_echoes(t, d)) continue;
    int32_t status = lnspi_tensor_load(lnspi_tensor_find(inputs, input_count, name), name,
                                       t->engine.k, &t->engine.tasks, t->data[d],
                                       lnspi_round16(objective->data_width[d]), error);
    if (status != LNSP_OK) return status;
  }
  if (objective->replay_rows)
    lnspi_replay_draw(t->engine.k, t->replay, t->graph->nodes[0].width, objective->replay_seed,
                      lnspi_trainer_call_number(t), objective->replay_rows * t->concepts, x, ld,
                      t->loss_scratch);
  return LNSP_OK;
}

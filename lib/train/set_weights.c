/* Another model's weights into a trainer that continues to train.
 *
 * A device that takes part in shared training gets new weights from time to time. What could
 * be refused (another architecture, a value too large for bfloat16) is checked in a first pass
 * over all rows. Then marks get their copies, weights are exchanged, and everything that
 * belonged to the old ones is dropped: accumulated gradients, bounds, and the values of the
 * last pass. Moments and step stay unless the caller asks for a reset. */
#include "train/set_weights.h"

#include "base/error.h"
#include "graph/graph_text.h"
#include "run/state.h"
#include "run/weight.h"
#include "train/accumulate.h"
#include "train/history.h"
#include "train/plateau.h"

/* What the copy could refuse, before anything has changed. */
static int32_t set_weights_check(lnsp_trainer *t, const lnsp_model *model, lnsp_error *error) {
  if (!lnspi_graph_equal(model->graph, t->graph))
    return lnspi_graph_text_refuse(LNSP_E_SHAPE, NULL, "the model", model->graph->architecture,
                                   t->graph->architecture, error);
  if (lnspi_graph_storage(model->graph) == LNSP_I8)
    return lnspi_error_set(
        error, LNSP_E_DTYPE, NULL,
        "a model stored as I8 can only be run: give the float model that it was converted "
        "from");
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *from = &model->graph->weights[i], *to = &t->graph->weights[i];
    if (from->type == to->type) continue;
    for (int64_t r = 0; r < lnspi_weight_rows(from); r++) {
      lnspi_state_read(from, model->state, r, 1, t->row);
      int32_t status = lnspi_state_check_row(to, to->type, r, t->row, error);
      if (status) return status;
    }
  }
  return LNSP_OK;
}

static void set_weights_reset(lnsp_trainer *t) {
  const size_t floats = (size_t)t->graph->state_floats;
  for (int32_t m = 0; m < t->optim.moment_count; m++)
    if (t->optim.has_moments8) {
      memset(t->optim.code[m], 0, floats);
      memset(t->optim.scale[m], 0,
             (size_t)t->optim.block_at[t->graph->weight_count] * sizeof(float));
    } else {
      memset(t->optim.moment[m], 0, floats * sizeof(float));
    }
  if (t->average) memcpy(t->average, t->state, floats * sizeof(float));
  memset(t->optim.age, 0, (size_t)t->graph->weight_count * sizeof *t->optim.age);
  t->step = 0;
  lnspi_plateau_start(t);
}

int32_t lnspi_set_weights(lnsp_trainer *t, const lnsp_model *model, int reset,
                          lnsp_error *error) {
  int32_t status = set_weights_check(t, model, error);
  if (status) return status;
  lnspi_history_copy_pending(t);
  (void)lnspi_state_copy(model->graph, model->state, t->graph, t->state, t->row, NULL, NULL);
  if (reset) set_weights_reset(t);
  lnspi_accumulate_reset(t);
  t->optim.bounds_known = 0;
  t->pass.phase = LNSPI_PHASE_IDLE;
  return LNSP_OK;
}

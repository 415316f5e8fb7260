/* A server's step: a trainer whose gradient is the negative of an aggregated delta (Reddi
 * et al. 2021, "Adaptive federated optimization"). With sgd and lr 1 it is FedAvg.
 *
 * The delta is decoded into one array of gradients, tensor after tensor; a tensor that no
 * stage changes has none, so neither its moments nor its decay move. */
#include "delta/server_step.h"

#include "base/error.h"
#include "base/min_max.h"
#include "delta/delta_set.h"
#include "graph/graph_text.h"
#include "run/state.h"
#include "train/checkpoint.h"
#include "train/update.h"

static int32_t server_step_check(lnsp_trainer *t, const lnsp_delta *delta, lnsp_error *error) {
  uint8_t hash[LNSP_HASH_BYTES];
  if (!lnspi_graph_equal(delta->graph, t->graph))
    return lnspi_graph_text_refuse(LNSP_E_MISMATCH, "lnsp.delta.arch", "the delta",
                                   delta->graph->architecture, t->graph->architecture, error);
  lnspi_checkpoint_hash(t, LNSP_SAVE_WEIGHTS, NULL, hash);
  if (memcmp(hash, delta->base, sizeof hash))
    return lnspi_error_set(error, LNSP_E_MISMATCH, "lnsp.delta.base",
                           "the delta was not made from the trainer's current weights");
  return LNSP_OK;
}

/* Decodes the delta into gradients, room for all parameters. */
static int32_t server_step_read(lnsp_trainer *t, lnspi_delta_set *set, float *gradients,
                                lnsp_error *error) {
  const lnspi_delta_set_item *one = &set->one[0];
  const lnsp_options options = lnspi_block_options(&t->block);
  lnspi_progress progress;
  float base[LNSPI_DELTA_SPAN];
  lnspi_progress_begin(&progress, &options, (uint64_t)t->graph->parameter_count);
  int32_t status = lnspi_delta_set_start(set, error);
  if (status) return status;
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    int reached = 0;
    lnspi_delta_set_tensor(set, i);
    for (int32_t k = 0; k < set->stages; k++) reached |= set->reached[k];
    t->grad.given_room[i] = reached ? gradients : NULL;
    if (!reached) continue;
    for (int64_t at = 0, n; at < weight->count; at += n, gradients += n) {
      n = lnspi_min_i64(weight->count - at, LNSPI_DELTA_SPAN);
      lnspi_state_read_span(weight, t->state, at, n, base);
      status = lnspi_delta_set_next(set, i, base, (int32_t)n, error);
      if (!status) status = lnspi_progress_add(&progress, (uint64_t)n, error);
      if (status) return status;
      for (int64_t k = 0; k < n; k++) gradients[k] = -one->change[k];
    }
  }
  status = lnspi_delta_set_end(set, error);
  return status ? status : lnspi_progress_end(&progress, error);
}

int32_t lnspi_server_step(lnsp_trainer *t, const lnsp_delta *delta, lnsp_error *error) {
  lnspi_delta_set set;
  lnspi_block block;
  const lnsp_options options = lnspi_block_options(&t->block);
  lnsp_model view; /* of the trainer's weights: the base of the delta */
  memset(&view, 0, sizeof view);
  view.graph = t->graph;
  view.state = t->state;
  int32_t status = server_step_check(t, delta, error);
  if (!status)
    status = lnspi_delta_set_open(&set, &view, delta->base, &delta, 1, 0, &options, error);
  if (status) return status;
  status = lnspi_block_open(&block, &options,
                            (uint64_t)t->graph->parameter_count * sizeof(float), error);
  if (!status) {
    status = server_step_read(t, &set, block.memory, error);
    if (!status) status = lnspi_update_apply_given(t, t->grad.given_room, error);
    lnspi_block_close(&block);
  }
  lnspi_delta_set_close(&set);
  return status;
}

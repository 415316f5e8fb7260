/* A server's step: a trainer whose gradient is the negative of an aggregated delta (Reddi
 * et al. 2021, "Adaptive federated optimization"). With sgd and lr 1 it is FedAvg. */
#include "delta/server_step.h"

#include "base/error.h"
#include "delta/delta_set.h"
#include "run/state.h"
#include "train/checkpoint.h"
#include "train/update.h"

static int32_t server_step_check(lnsp_trainer *t, const lnsp_delta *delta, lnsp_error *error) {
  uint8_t hash[LNSP_HASH_BYTES];
  if (!lnspi_graph_equal(delta->graph, t->graph))
    return lnspi_error_set(error, LNSP_E_MISMATCH, "lnsp.delta.arch",
                           "the delta is for another network than the trainer's: '%s'",
                           delta->graph->architecture);
  lnspi_checkpoint_hash(t, LNSP_SAVE_WEIGHTS, hash);
  if (memcmp(hash, delta->base, sizeof hash))
    return lnspi_error_set(error, LNSP_E_MISMATCH, "lnsp.delta.base",
                           "the delta's base is not the trainer's present weights");
  return LNSP_OK;
}

/* gradients: room for all parameters, one tensor after the other. */
static int32_t server_step_read(lnsp_trainer *t, lnspi_delta_set *several, float *gradients,
                                lnsp_error *error) {
  const lnspi_delta_set_item *one = &several->one[0];
  float base[LNSPI_DELTA_SPAN];
  int32_t status = lnspi_delta_set_start(several, error);
  for (int32_t i = 0; !status && i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    int reached = 0;
    lnspi_delta_set_tensor(several, i);
    for (int32_t k = 0; k < several->stages; k++) reached |= several->reached[k];
    t->grad.given_room[i] = reached ? gradients : NULL;
    if (!reached) continue;
    for (int64_t at = 0, n; !status && at < weight->count; at += n, gradients += n) {
      n = weight->count - at < LNSPI_DELTA_SPAN ? weight->count - at : LNSPI_DELTA_SPAN;
      lnspi_state_read_span(weight, t->state, at, n, base);
      status = lnspi_delta_set_next(several, i, base, (int32_t)n, error);
      for (int64_t k = 0; !status && k < n; k++) gradients[k] = -one->change[k];
    }
  }
  return status ? status : lnspi_delta_set_end(several, error);
}

int32_t lnspi_server_step(lnsp_trainer *t, const lnsp_delta *delta, lnsp_error *error) {
  lnspi_delta_set several;
  lnspi_block block;
  lnsp_options options;
  lnsp_model view; /* the trainer's weights, as what the delta is read against */
  memset(&view, 0, sizeof view);
  view.graph = t->graph;
  view.state = t->state;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  if (t->block.owned) options.allocator = &t->block.allocator;
  int32_t status = server_step_check(t, delta, error);
  if (!status)
    status = lnspi_delta_set_open(&several, &view, delta->base, &delta, 1, 0, &options, error);
  if (status) return status;
  status = lnspi_block_open(&block, &options,
                            (uint64_t)t->graph->parameter_count * sizeof(float), error);
  if (!status) {
    status = server_step_read(t, &several, block.memory, error);
    if (!status) status = lnspi_update_apply_given(t, t->grad.given_room, error);
    lnspi_block_close(&block);
  }
  lnspi_delta_set_close(&several);
  return status;
}

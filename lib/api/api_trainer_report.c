/* lnsp_trainer_report, lnsp_early_stop_*, lnsp_trainer_flops: what a training loop asks.
 *
 * A plateau's memory is part of the trainer's state, since the rate that it lowers is. Early
 * stopping is a struct of the caller's without a handle: a loop may have several, or copy
 * one. */
#include "api/api.h"
#include "train/plateau.h"
#include "train/schedule.h"

LNSP_API int32_t lnsp_trainer_report(lnsp_trainer *trainer, double value, int32_t *fell,
                                     lnsp_error *error) {
  API_NEED(trainer, error);
  if (!lnspi_schedule_is_plateau(&trainer->optim.rule))
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "this trainer's rate does not follow reported values: put "
                           "schedule=plateau into its optimizer text");
  int lower;
  API_COMPUTE(lower = lnspi_plateau_report(trainer, value));
  if (fell) *fell = lower;
  return LNSP_OK;
}

LNSP_API int32_t lnsp_early_stop_report(lnsp_early_stop *stop, double value) {
  return stop ? lnspi_plateau_stops(stop, value) : 0;
}

LNSP_API int32_t lnsp_early_stop_over(const lnsp_early_stop *stop) {
  return stop && stop->patience > 0 && stop->bad >= stop->patience;
}

/* The gradients of inputs and of weights cost as much as the forward pass each. A row is run
 * once for each group of the loss (a triplet has three); replayed rows come on top. */
LNSP_API int64_t lnsp_trainer_flops(const lnsp_trainer *trainer, int64_t rows,
                                    int64_t concepts) {
  if (!trainer || rows < 0 || rows > trainer->limits.max_rows) return 0;
  const lnspi_objective *objective = trainer->loss.objective;
  return 3 * lnsp_graph_flops(trainer->graph, concepts) *
         (rows * objective->needs.group_count + objective->replay_rows);
}

/* lnsp_trainer_report, lnsp_early_stop_*, lnsp_trainer_flops: what a training loop asks. */
#include "api/api.h"
#include "base/fpenv.h"
#include "train/plateau.h"
#include "train/schedule.h"

LNSP_API int32_t lnsp_trainer_report(lnsp_trainer *trainer, double value, int32_t *fell,
                                     lnsp_error *error) {
  API_NEED(trainer, error);
  if (!lnspi_schedule_is_plateau(&trainer->optim.rule))
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "this trainer's rate does not follow reported values: put "
                           "schedule=plateau into its optimizer text");
  lnspi_fpenv fp = lnspi_fpenv_enter();
  const int lower = lnspi_plateau_report(trainer, value);
  lnspi_fpenv_leave(fp);
  if (fell) *fell = lower;
  return LNSP_OK;
}

LNSP_API int32_t lnsp_early_stop_report(lnsp_early_stop *stop, double value) {
  return stop ? lnspi_plateau_stops(stop, value) : 0;
}

LNSP_API int32_t lnsp_early_stop_over(const lnsp_early_stop *stop) {
  return stop && stop->patience > 0 && stop->bad >= stop->patience;
}

/* The gradients of inputs and of weights cost as much as the forward pass each. */
LNSP_API int64_t lnsp_trainer_flops(const lnsp_trainer *trainer, int64_t rows,
                                    int64_t concepts) {
  if (!trainer || rows < 0 || rows > trainer->limits.max_rows) return 0;
  const lnspi_objective *objective = trainer->loss.objective;
  return 3 * lnsp_graph_flops(trainer->graph, concepts) *
         (rows * objective->needs.group_count + objective->replay_rows);
}

/* Working memory to run a model, or a trainer's live weights. */
#ifndef LNSPI_RUN_SESSION_H
#define LNSPI_RUN_SESSION_H

#include "run/engine.h"
#include "run/model.h"

#define LNSPI_SESSION_BYTES 512 /* counted for the struct */

struct lnsp_session {
  lnspi_block block;
  lnsp_model *model;   /* counted; NULL when live */
  const void *state;
  float *const *live;  /* of a live session: where the trainer's pointer is, which
                          rollback may change; else NULL */
  lnspi_engine engine;
};

int32_t lnspi_session_measure(const lnsp_graph *graph, const lnsp_limits *limits,
                              lnsp_memory *out, lnsp_problem *problem);
/* model (counted here) or, if NULL, a graph and a live state pointer that outlive
 * the session. */
int32_t lnspi_session_open(lnsp_model *model, const lnsp_graph *graph, float *const *live,
                           const lnsp_limits *limits, const lnsp_options *options,
                           lnsp_session **out, lnsp_problem *problem);
/* Runs another model of the same architecture, stored in any type for which there is
 * scratch: float32, or the session's own. */
int32_t lnspi_session_rebind(lnsp_session *session, lnsp_model *model, lnsp_problem *problem);
int32_t lnspi_session_run(lnsp_session *session, const lnsp_tensor *inputs,
                          int32_t input_count, const lnsp_tensor *outputs,
                          int32_t output_count, lnsp_problem *problem);

/* Shared with the trainer: one "input", and wanted outputs checked. */
int32_t lnspi_engine_input(const lnspi_engine *engine, const lnsp_tensor *inputs,
                           int32_t input_count, int64_t most_rows, int64_t *batch,
                           int64_t *concepts, lnsp_problem *problem);
/* Then takes them in: the checked input, and the mask if one was given. */
int32_t lnspi_engine_take(lnspi_engine *engine, const lnsp_tensor *inputs, int32_t input_count,
                          int64_t batch, int64_t concepts, lnsp_problem *problem);
int32_t lnspi_engine_outputs(const lnspi_engine *engine, const lnsp_tensor *outputs,
                             int32_t output_count, int64_t batch, int64_t concepts,
                             int store, lnsp_problem *problem);

#endif

/* Working memory to run a model, or a trainer's live weights. */
#ifndef LNSPI_RUN_SESSION_H
#define LNSPI_RUN_SESSION_H

#include "run/engine.h"
#include "run/model.h"

#define LNSPI_SESSION_BYTES 512 /* counted for the struct */

struct lnsp_session {
  lnspi_block block;
  lnsp_model *model;  /* one reference is held; NULL: a live session */
  const void *state;  /* the model's */
  float *const *live; /* of a live session: where the trainer keeps the pointer to its weights
                         or average, since rollback changes that; else NULL */
  lnspi_engine engine;
};

int32_t lnspi_session_measure(const lnsp_graph *graph, const lnsp_size_options *limits,
                              lnsp_memory_info *out, lnsp_error *error);

void lnspi_session_memory(const lnsp_session *session, lnsp_memory_info *out);

/* model (counted here) or, if NULL, a graph and a live state pointer that outlive
 * the session. */
int32_t lnspi_session_open(lnsp_model *model, const lnsp_graph *graph, float *const *live,
                           const lnsp_size_options *limits, const lnsp_options *options,
                           lnsp_session **out, lnsp_error *error);

/* Runs another model of the same architecture, stored in any type for which there is
 * scratch: float32, or the session's own. */
int32_t lnspi_session_rebind(lnsp_session *session, lnsp_model *model, lnsp_error *error);
int32_t lnspi_session_run(lnsp_session *session, const lnsp_tensor *inputs, int32_t input_count,
                          const lnsp_tensor *outputs, int32_t output_count, lnsp_error *error);

#endif

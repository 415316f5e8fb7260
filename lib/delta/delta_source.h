/* Where the values come from when a delta is made. */
#ifndef LNSPI_DELTA_DELTA_SOURCE_H
#define LNSPI_DELTA_DELTA_SOURCE_H

#include "base/progress.h"
#include "delta/codec.h"

/* Computes the change of a span of a tensor whose values are base. Spans come in order; tensor
 * -1 means that they begin again. */
typedef int32_t lnspi_delta_source_changes(void *user, int32_t tensor, const float *base,
                                           int32_t count, float *change, lnsp_error *error);

/* Two states, whose types may differ, and the residual of earlier deltas (laid out like
 * moments; NULL: none); or one state, and a function that computes its changes. */
typedef struct lnspi_delta_source {
  const lnsp_graph *base_graph, *next_graph;
  const void *base, *next;
  const float *residual;
  lnspi_delta_source_changes *changes;
  void *user;
  lnspi_progress *progress; /* of elements; or NULL */
} lnspi_delta_source;

typedef struct lnspi_delta_source_span {
  float base[LNSPI_DELTA_SPAN], next[LNSPI_DELTA_SPAN], change[LNSPI_DELTA_SPAN];
} lnspi_delta_source_span;

/* Reads elements of a tensor from at on, at most LNSPI_DELTA_SPAN; returns how many. next and
 * change include the residual. */
int32_t lnspi_delta_source_read(const lnspi_delta_source *source, int32_t index, int64_t at,
                                lnspi_delta_source_span *span);

#endif

/* Where the values of a delta that is made come from. */
#ifndef LNSPI_DELTA_DELTA_SOURCE_H
#define LNSPI_DELTA_DELTA_SOURCE_H

#include "delta/codec.h"

/* Gives what a span of a tensor is to change by; base is what it has. Spans come in order. */
typedef int32_t lnspi_delta_source_changes(void *user, int32_t tensor, const float *base,
                                           int32_t count, float *change, lnsp_error *error);

/* Where changes come from: two states, whose types may differ, and what is still owed (an
 * array laid out like moments, or NULL); or, in place of next, someone computes them. */
typedef struct lnspi_delta_source {
  const lnsp_graph *base_graph, *next_graph;
  const void *base, *next;
  const float *residual;
  lnspi_delta_source_changes *changes;
  void *user;
} lnspi_delta_source;

typedef struct lnspi_delta_source_span {
  float base[LNSPI_DELTA_SPAN], next[LNSPI_DELTA_SPAN], change[LNSPI_DELTA_SPAN];
} lnspi_delta_source_span;

/* The elements of a tensor from at on, at most LNSPI_DELTA_SPAN; gives their number. next and
 * change are with what is owed. */
int32_t lnspi_delta_source_read(const lnspi_delta_source *source, int32_t index, int64_t at,
                                lnspi_delta_source_span *span);

#endif

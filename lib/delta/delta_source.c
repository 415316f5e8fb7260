/* Where the values come from when a delta is made: two states, and perhaps a residual. */
/* Hot: built for speed. */
#include "delta/delta_source.h"

#include "run/state.h"
#include "run/weight.h"

int32_t lnspi_delta_source_read(const lnspi_delta_source *source, int32_t index, int64_t at,
                                lnspi_delta_source_span *span) {
  const lnspi_weight *weight = &source->base_graph->weights[index];
  int64_t left = weight->count - at;
  int32_t n = left < LNSPI_DELTA_SPAN ? (int32_t)left : LNSPI_DELTA_SPAN;
  lnspi_state_read_span(weight, source->base, at, n, span->base);
  if (source->changes) return n;
  lnspi_state_read_span(&source->next_graph->weights[index], source->next, at, n, span->next);
  for (int32_t i = 0; i < n; i++) span->change[i] = span->next[i] - span->base[i];
  if (source->residual) {
    float residual[LNSPI_DELTA_SPAN];
    lnspi_weight there = lnspi_weight_in_array(weight);
    lnspi_state_read_span(&there, source->residual, at, n, residual);
    for (int32_t i = 0; i < n; i++) {
      span->change[i] += residual[i];
      if (residual[i] != 0) span->next[i] += residual[i]; /* -0 + 0 would change the bits */
    }
  }
  return n;
}

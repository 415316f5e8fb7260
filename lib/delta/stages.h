/* The stages of a delta as one text, and back. */
#ifndef LNSPI_DELTA_STAGES_H
#define LNSPI_DELTA_STAGES_H

#include "delta/delta.h"

/* The stages as one text, "exact bytes=1024 tensors=0,15; ...", in delta->text, and back:
 * what is not written so is refused. Reading needs delta's graph, stages and payload bytes. */
#define LNSPI_STAGES_TEXT_BYTES(graph) (128 + 6 * ((uint64_t)(graph)->weight_count + 1))

void lnspi_stages_write(lnsp_delta *delta);
int32_t lnspi_stages_count(const char *text, int32_t *count, lnsp_error *error);
int32_t lnspi_stages_read(lnsp_delta *delta, const char *text, lnsp_error *error);

#endif

/* The stages of a delta as one text, and back. */
#ifndef LNSPI_DELTA_STAGES_H
#define LNSPI_DELTA_STAGES_H

#include "delta/delta.h"

/* Bytes of the text of one stage, at most. */
#define LNSPI_STAGES_TEXT_BYTES(graph) (128 + 6 * ((uint64_t)(graph)->weight_count + 1))

/* Writes the text, "exact bytes=1024 tensors=0,15; ...", into delta->text. */
void lnspi_stages_write(lnsp_delta *delta);

/* How many stages a text has. */
int32_t lnspi_stages_count(const char *text, int32_t *count, lnsp_error *error);

/* Reads a text into delta, whose graph, stage_count and capacity are set. */
int32_t lnspi_stages_read(lnsp_delta *delta, const char *text, lnsp_error *error);

#endif

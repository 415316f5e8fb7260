/* Reads one stage of a delta, tensor after tensor in spans. */
#ifndef LNSPI_DELTA_STAGE_READER_H
#define LNSPI_DELTA_STAGE_READER_H

#include "delta/delta.h"

/* A stage while it is read. For each tensor of the graph in order: tensor, and if that
 * returns 1, next for all of its elements, in spans of LNSPI_DELTA_SPAN (the last may be
 * shorter). end checks that nothing is left. Many readers can run side by side, so that
 * nothing holds a whole state. */
typedef struct lnspi_stage_reader {
  const lnsp_delta *delta;
  const lnspi_delta_stage *stage;
  lnspi_coder coder;
} lnspi_stage_reader;

/* work: LNSPI_CODEC_READ_BYTES, or the read_bytes of the stage's codec; aligned to 8. */
int32_t lnspi_stage_reader_start(lnspi_stage_reader *reader, const lnsp_delta *delta,
                                 int32_t stage, void *work, lnsp_error *error);
int lnspi_stage_reader_tensor(lnspi_stage_reader *reader, int32_t index);

/* values: of the base in, of the result out. They may be anything: the caller checks them. */
int32_t lnspi_stage_reader_next(lnspi_stage_reader *reader, float *values, int32_t count,
                                lnsp_error *error);
int32_t lnspi_stage_reader_end(lnspi_stage_reader *reader, lnsp_error *error);

#endif

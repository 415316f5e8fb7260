/* Reads the change of one stage of a delta. */
/* Hot: built for speed. */
#include "delta/stage_reader.h"

#include <string.h>

#include "base/error.h"
#include "delta/coder.h"

static int32_t stage_reader_fail(const lnspi_stage_reader *reader, int32_t status,
                                 lnsp_error *error) {
  if (status == LNSP_E_NOT_FINITE)
    return lnspi_error_set(error, status, "payload",
                           "a change in the delta is not finite: it is damaged or forged");
  return lnspi_error_set(
      error, LNSP_E_FORMAT, "payload",
      "stage %d of the delta is not a payload of codec %s: it is damaged or forged",
      (int)(reader->stage - reader->delta->stages) + 1, reader->stage->config.codec->name);
}

int32_t lnspi_stage_reader_start(lnspi_stage_reader *reader, const lnsp_delta *delta,
                                 int32_t stage, void *work, lnsp_error *error) {
  memset(reader, 0, sizeof *reader);
  reader->delta = delta;
  reader->stage = &delta->stages[stage];
  reader->coder.config = &reader->stage->config;
  reader->coder.work = work;
  reader->coder.payload = delta->payload + reader->stage->at;
  reader->coder.capacity = reader->stage->bytes;
  reader->coder.back = reader->stage->back;
  for (int32_t i = 0; i < delta->graph->weight_count; i++)
    if (reader->stage->tensors[i])
      reader->coder.elements += (uint64_t)delta->graph->weights[i].count;
  memset(work, 0, reader->stage->config.codec->read_bytes);
  if (!reader->coder.elements)
    return reader->stage->bytes ? stage_reader_fail(reader, LNSP_E_FORMAT, error) : LNSP_OK;
  int32_t status = lnspi_coder_read_start(&reader->coder);
  return status ? stage_reader_fail(reader, status, error) : LNSP_OK;
}

int lnspi_stage_reader_tensor(lnspi_stage_reader *reader, int32_t index) {
  const lnspi_codec *codec = reader->stage->config.codec;
  if (!reader->stage->tensors[index]) return 0;
  if (codec->tensor) codec->tensor(&reader->coder, &reader->delta->graph->weights[index], 0);
  return 1;
}

int32_t lnspi_stage_reader_next(lnspi_stage_reader *reader, float *values, int32_t count,
                                lnsp_error *error) {
  float change[LNSPI_DELTA_SPAN];
  lnspi_codec_span span = {values, values, change, count};
  int32_t status = reader->stage->config.codec->get(&reader->coder, &span);
  return status ? stage_reader_fail(reader, status, error) : LNSP_OK;
}

int32_t lnspi_stage_reader_end(lnspi_stage_reader *reader, lnsp_error *error) {
  if (!reader->coder.elements) return LNSP_OK;
  int32_t status = lnspi_coder_read_end(&reader->coder);
  return status ? stage_reader_fail(reader, status, error) : LNSP_OK;
}

/* A stage as it is read: see delta.h. */
#include "base/problem.h"
#include "delta/delta.h"

static int32_t read_fail(const lnspi_delta_reader *reader, int32_t status,
                         lnsp_problem *problem) {
  if (status == LNSP_E_NOT_FINITE)
    return lnspi_fail(problem, status, "payload",
                      "the delta has a change that is not finite: it is damaged or forged");
  return lnspi_fail(problem, LNSP_E_FORMAT, "payload",
                    "stage %d of the delta (%s) is not what its codec writes: it is damaged "
                    "or forged",
                    (int)(reader->stage - reader->delta->stages) + 1,
                    reader->stage->setting.codec->name);
}

int32_t lnspi_delta_read_start(lnspi_delta_reader *reader, const lnsp_delta *delta,
                               int32_t stage, void *work, lnsp_problem *problem) {
  memset(reader, 0, sizeof *reader);
  reader->delta = delta;
  reader->stage = &delta->stages[stage];
  reader->coder.setting = &reader->stage->setting;
  reader->coder.work = work;
  reader->coder.payload = delta->payload + reader->stage->at;
  reader->coder.capacity = reader->stage->bytes;
  reader->coder.back = reader->stage->back;
  for (int32_t i = 0; i < delta->graph->weight_count; i++)
    if (reader->stage->tensors[i])
      reader->coder.elements += (uint64_t)delta->graph->weights[i].count;
  memset(work, 0, reader->stage->setting.codec->read_bytes);
  if (!reader->coder.elements)
    return reader->stage->bytes ? read_fail(reader, LNSP_E_FORMAT, problem) : LNSP_OK;
  int32_t status = lnspi_coder_read_start(&reader->coder);
  return status ? read_fail(reader, status, problem) : LNSP_OK;
}

int lnspi_delta_read_tensor(lnspi_delta_reader *reader, int32_t index) {
  const lnspi_codec *codec = reader->stage->setting.codec;
  if (!reader->stage->tensors[index]) return 0;
  if (codec->tensor) codec->tensor(&reader->coder, &reader->delta->graph->weights[index], 0);
  return 1;
}

int32_t lnspi_delta_read_next(lnspi_delta_reader *reader, float *values, int32_t count,
                              lnsp_problem *problem) {
  float change[LNSPI_DELTA_SPAN];
  lnspi_span span = {values, values, change, count};
  int32_t status = reader->stage->setting.codec->get(&reader->coder, &span);
  return status ? read_fail(reader, status, problem) : LNSP_OK;
}

int32_t lnspi_delta_read_end(lnspi_delta_reader *reader, lnsp_problem *problem) {
  if (!reader->coder.elements) return LNSP_OK;
  int32_t status = lnspi_coder_read_end(&reader->coder);
  return status ? read_fail(reader, status, problem) : LNSP_OK;
}

/* exact: the bits of base and next through the float coder, which does the work. A difference
 * of floats would not be exact: base + (next - base) is not always next. The only codec that
 * can be inverted. */
/* Hot: built for speed. */
#include "delta/codecs/list.h"
#include "base/arena.h"
#include "delta/coder.h"
#include "delta/float_coder.h"

/* The float coder's bytes are the payload itself. */
static int32_t exact_emit(void *user, const void *bytes, size_t count) {
  lnspi_coder *coder = user;
  if (count > coder->capacity - coder->used) return 1;
  memcpy(coder->payload + coder->used, bytes, count);
  coder->used += count;
  return 0;
}

static int32_t exact_fetch(void *user, void *bytes, size_t count) {
  lnspi_coder *coder = user;
  if (count > coder->capacity - coder->used) return 1;
  memcpy(bytes, coder->payload + coder->used, count);
  coder->used += count;
  return 0;
}

static uint64_t exact_bound(const lnspi_codec_config *config, uint64_t elements,
                            uint64_t tensors) {
  (void)config;
  (void)tensors;
  return lnspi_float_coder_bound(elements);
}

static int32_t exact_start(lnspi_coder *coder, int writing) {
  coder->used = 0;
  if (writing)
    lnspi_float_coder_write_start(coder->work, exact_emit, coder);
  else
    lnspi_float_coder_read_start(coder->work, exact_fetch, coder, coder->elements);
  return LNSP_OK;
}

static int32_t exact_put(lnspi_coder *coder, const lnspi_codec_span *span) {
  uint32_t base[LNSPI_DELTA_SPAN], next[LNSPI_DELTA_SPAN];
  memcpy(base, span->base, sizeof(float) * (size_t)span->count);
  memcpy(next, span->next, sizeof(float) * (size_t)span->count);
  return lnspi_float_coder_write(coder->work, base, next, (size_t)span->count);
}

static int32_t exact_get(lnspi_coder *coder, const lnspi_codec_span *span) {
  uint32_t values[LNSPI_DELTA_SPAN];
  memcpy(values, span->base, sizeof(float) * (size_t)span->count);
  int32_t status =
      lnspi_float_coder_read(coder->work, values, (size_t)span->count, coder->back);
  memcpy(span->next, values, sizeof(float) * (size_t)span->count);
  return status ? LNSP_E_FORMAT : LNSP_OK;
}

static int32_t exact_end(lnspi_coder *coder, int writing) {
  return writing ? lnspi_float_coder_write_end(coder->work) : LNSP_OK;
}

const lnspi_codec lnspi_codec_exact = {
    .name = "exact",
    .help = "exact: all bits of the result; can be inverted",
    .exact = 1,
    .write_bytes = LNSPI_COUNTED(lnspi_float_encoder, 13824),
    .read_bytes = LNSPI_COUNTED(lnspi_float_decoder, 8704),
    .bound = exact_bound,
    .start = exact_start,
    .put = exact_put,
    .get = exact_get,
    .end = exact_end,
};

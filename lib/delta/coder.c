/* Beginning and end of a payload. That of an exact codec is what the codec writes; any other
 * has a head of four bytes (the length of the first part, and in the topmost bit whether the
 * bits are plain), then range-coded bytes, then raw bytes. Both parts were written into one
 * buffer from its two ends; the end of a payload moves them together. */
#include "delta/coder.h"

#include "base/bytes.h"

#define CODER_HEAD 4
#define CODER_PLAIN 0x80000000u

int32_t lnspi_coder_write_start(lnspi_coder *coder, int plain) {
  coder->used = 0;
  if (!coder->config->codec->exact) {
    memset(&coder->bits, 0, sizeof coder->bits);
    coder->bits.plain = plain;
    lnspi_range_out_start(&coder->bits.out, coder->payload + CODER_HEAD,
                          (size_t)coder->capacity - CODER_HEAD);
  }
  return coder->config->codec->start(coder, 1);
}

int32_t lnspi_coder_write_end(lnspi_coder *coder, int *full) {
  const lnspi_codec *codec = coder->config->codec;
  lnspi_range_out *out = &coder->bits.out;
  int32_t status = codec->end ? codec->end(coder, 1) : LNSP_OK;
  *full = 0;
  if (status || codec->exact) return status;
  lnspi_range_out_end(out);
  *full = out->full;
  uint32_t coded = (uint32_t)(out->at - out->start);
  size_t raw = (size_t)(out->end - out->raw);
  lnspi_store32(coder->payload, coded | (coder->bits.plain ? CODER_PLAIN : 0));
  memmove(out->at, out->raw, raw);
  coder->used = CODER_HEAD + coded + raw;
  return LNSP_OK;
}

int32_t lnspi_coder_read_start(lnspi_coder *coder) {
  coder->used = 0;
  if (!coder->config->codec->exact) {
    if (coder->capacity < CODER_HEAD) return LNSP_E_FORMAT;
    uint32_t head = lnspi_load32(coder->payload), coded = head & ~CODER_PLAIN;
    uint64_t rest = coder->capacity - CODER_HEAD;
    if (coded > rest) return LNSP_E_FORMAT;
    memset(&coder->bits, 0, sizeof coder->bits);
    coder->bits.plain = head >> 31 != 0;
    lnspi_range_in_start(&coder->bits.in, coder->payload + CODER_HEAD, coded,
                         (size_t)(rest - coded));
    coder->used = coder->capacity;
  }
  return coder->config->codec->start(coder, 0);
}

int32_t lnspi_coder_read_end(lnspi_coder *coder) {
  const lnspi_codec *codec = coder->config->codec;
  int32_t status = codec->end ? codec->end(coder, 0) : LNSP_OK;
  if (status) return status;
  if (coder->used != coder->capacity) return LNSP_E_FORMAT;
  return codec->exact || lnspi_range_in_whole(&coder->bits.in) ? LNSP_OK : LNSP_E_FORMAT;
}

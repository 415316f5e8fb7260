/* sign: one bit a change, and the mean magnitude of each tensor.
 *
 * The bit is coded in the context of three neighbours' bits: left, above, and above left.
 * The gradient of a matrix for one row is a product of a column and a row, so signs repeat
 * along both; for a sum of few such products they still do in part. The row above is
 * remembered for 2,048 columns, and wider matrices share places. */
/* Hot: built for speed. */
#include "delta/codecs/list.h"
#include "base/arena.h"
#include "delta/coder.h"

#define SIGN_COLUMNS 2048 /* remembered of the row above; column c is at c modulo it */

typedef struct sign_work {
  float size; /* of every change of the tensor at hand */
  double sum; /* of the magnitudes, while scanning */
  int64_t column, columns, count;
  uint32_t left, corner; /* signs: of the element before, and of the one above that */
  lnspi_range_prob minus[8];
  uint8_t above[SIGN_COLUMNS];
} sign_work;

static uint64_t sign_bound(const lnspi_codec_config *config, uint64_t elements,
                           uint64_t tensors) {
  (void)config;
  return lnspi_bitstream_bound(elements + 32 * tensors);
}

static int32_t sign_start(lnspi_coder *coder, int writing) {
  sign_work *work = coder->work;
  (void)writing;
  work->sum = 0;
  work->count = 0;
  LNSPI_RANGE_SET_EVEN(work->minus);
  return LNSP_OK;
}

static void sign_scan(lnspi_coder *coder, int32_t pass, const float *change, int32_t count) {
  sign_work *work = coder->work;
  (void)pass;
  for (int32_t i = 0; i < count; i++)
    work->sum += (double)(change[i] < 0 ? -change[i] : change[i]);
  work->count += count;
}

static void sign_scan_end(lnspi_coder *coder, int32_t pass) {
  sign_work *work = coder->work;
  (void)pass;
  work->size = work->count ? (float)(work->sum / (double)work->count) : 0;
  work->sum = 0;
  work->count = 0;
}

static void sign_tensor(lnspi_coder *coder, const lnspi_weight *weight, int writing) {
  sign_work *work = coder->work;
  uint32_t bits = writing ? lnspi_float_bits(work->size) : 0;
  bits = lnspi_bitstream_raw(&coder->bits, writing, bits, 32);
  work->size = lnspi_bits_float(bits & 0x7FFFFFFFu);
  work->columns = weight->rank < 2 ? weight->count : weight->count / weight->dims[0];
  work->column = 0;
  work->left = work->corner = 0;
  memset(work->above, 0, sizeof work->above);
}

static inline int32_t sign_span(lnspi_coder *coder, int writing, const lnspi_codec_span *span) {
  sign_work *work = coder->work;
  lnspi_bitstream bits = coder->bits;
  float *change = span->change;
  for (int32_t i = 0; i < span->count; i++) {
    uint8_t *above = &work->above[work->column % SIGN_COLUMNS];
    uint32_t minus = writing && change[i] < 0;
    uint32_t context = work->left | (uint32_t)*above << 1 | work->corner << 2;
    minus = lnspi_bitstream_code(&bits, writing, &work->minus[context], minus);
    change[i] = minus ? -work->size : work->size;
    work->corner = *above;
    work->left = minus;
    *above = (uint8_t)minus;
    if (++work->column == work->columns) work->column = work->left = work->corner = 0;
  }
  coder->bits = bits;
  lnspi_codec_span_add(span);
  return LNSP_OK;
}

static int32_t sign_put(lnspi_coder *coder, const lnspi_codec_span *span) {
  return sign_span(coder, 1, span);
}

static int32_t sign_get(lnspi_coder *coder, const lnspi_codec_span *span) {
  return sign_span(coder, 0, span);
}

const lnspi_codec lnspi_codec_sign = {
    .name = "sign",
    .help = "sign: one bit an element, and the mean magnitude of a tensor",
    .tensor_passes = 1,
    .write_bytes = LNSPI_COUNTED(sign_work, 2176),
    .read_bytes = LNSPI_COUNTED(sign_work, 2176),
    .bound = sign_bound,
    .scan = sign_scan,
    .scan_end = sign_scan_end,
    .start = sign_start,
    .tensor = sign_tensor,
    .put = sign_put,
    .get = sign_get,
};

/* sparse: ternary changes (STC: Sattler, Wiedemann, Mueller and Samek 2019). The elements
 * with the largest changes, a given share of all, change by one magnitude, the mean of
 * theirs, with their own signs; all others stay as they are.
 *
 * Which are the largest, without a copy of all changes: a radix selection. Float magnitudes
 * order like their bits, so four passes over the changes find the least magnitude that is
 * set: pass 0 counts by the top 11 bits, passes 1 and 2 by ten bits more each, among those
 * that agree so far, and pass 3 adds up the magnitudes above it. Of the elements equal to
 * it, only as many are set as are wanted.
 *
 * A flag an element says whether it is set. Rows and columns with large gradients stay the
 * same over a matrix, so the flag's probability is chosen by two running averages of how
 * often flags were set: in this column (24 levels, half octaves), and in this row (12). */
/* Hot: built for speed. */
#include "delta/codecs/list.h"
#include "base/arena.h"
#include "delta/coder.h"

#define SPARSE_COLUMNS 2048 /* with an average of their own; wider tensors share them */
#define SPARSE_START 6554   /* the averages begin at .1, in 1/65536 */
#define SPARSE_LEVELS 12

typedef struct sparse_work {
  float size; /* of every change that is set */
  uint32_t row;                 /* running average of this row's flags, in 1/65536 */
  int64_t column, columns;
  lnspi_range_prob set[2 * SPARSE_LEVELS][SPARSE_LEVELS];
  uint16_t often[SPARSE_COLUMNS]; /* the same of each column */
} sparse_work;

typedef struct sparse_write { /* begins with what reading needs */
  sparse_work work;
  uint32_t least;             /* bits of the least magnitude that is set */
  uint64_t wanted, above; /* elements to set, and how many of them are larger than least */
  uint64_t equal;         /* elements like least that are still to be set */
  double sum;           /* of the magnitudes above least */
  uint32_t count[2048]; /* elements by their next digit */
} sparse_write;

static uint64_t sparse_bound(const lnspi_codec_config *config, uint64_t elements,
                             uint64_t tensors) {
  (void)config;
  (void)tensors;
  return lnspi_bitstream_bound(2 * elements + 32);
}

/* ---- the least magnitude, digit by digit of its bits, and the mean ---- */

static const int sparse_shift[] = {20, 10, 0, 0}; /* of the digit, by pass */

static void sparse_scan(lnspi_coder *coder, int32_t pass, const float *change, int32_t count) {
  sparse_write *w = coder->work;
  if (pass == 0 && !w->wanted) {
    w->wanted = (uint64_t)(coder->config->real[0] * (double)coder->elements + .5);
    if (!w->wanted) w->wanted = 1;
    w->least = 0;
    w->above = 0;
    w->sum = 0;
    memset(w->count, 0, sizeof w->count);
  }
  for (int32_t i = 0; i < count; i++) {
    uint32_t bits = lnspi_float_bits(change[i]) & 0x7FFFFFFFu;
    if (pass == 3)
      w->sum += bits > w->least ? (double)lnspi_bits_float(bits) : 0;
    else if (pass == 0)
      w->count[bits >> 20]++;
    else if ((bits ^ w->least) >> sparse_shift[pass - 1] == 0)
      w->count[bits >> sparse_shift[pass] & 1023]++;
  }
}

static void sparse_scan_end(lnspi_coder *coder, int32_t pass) {
  sparse_write *w = coder->work;
  if (pass == 3) {
    if (!w->least) w->wanted = w->above; /* no more elements than changed at all */
    double rest = (double)(w->wanted - w->above) * (double)lnspi_bits_float(w->least);
    w->work.size = w->wanted ? (float)((w->sum + rest) / (double)w->wanted) : 0;
    return;
  }
  uint32_t digit = pass ? 1023 : 2047;
  for (; digit && w->above + w->count[digit] < w->wanted; digit--) w->above += w->count[digit];
  w->least |= digit << sparse_shift[pass];
  memset(w->count, 0, sizeof w->count);
}

/* ---- flags and signs ---- */

/* The level of an average, in octaves or half octaves below 1: 0 is nearly always. */
static inline uint32_t sparse_level(uint32_t often, int halves) {
  uint32_t level = 16 - (uint32_t)lnspi_range_bit_length(often);
  if (level >= SPARSE_LEVELS) level = SPARSE_LEVELS - 1;
  return halves ? 2 * level + !(often << level & 0x4000u) : level;
}

static int32_t sparse_start(lnspi_coder *coder, int writing) {
  sparse_work *work = coder->work;
  uint32_t bits = writing ? lnspi_float_bits(work->size) : 0;
  bits = lnspi_bitstream_raw(&coder->bits, writing, bits, 32);
  work->size = lnspi_bits_float(bits);
  LNSPI_RANGE_SET_EVEN(work->set);
  if (writing) {
    sparse_write *w = coder->work;
    w->equal = w->wanted - w->above;
  }
  return bits > 0x7F7FFFFFu ? LNSP_E_NOT_FINITE : LNSP_OK;
}

static void sparse_tensor(lnspi_coder *coder, const lnspi_weight *weight, int writing) {
  sparse_work *work = coder->work;
  (void)writing;
  work->columns = weight->rank < 2 ? weight->count : weight->count / weight->dims[0];
  work->column = 0;
  work->row = SPARSE_START;
  for (int i = 0; i < SPARSE_COLUMNS; i++) work->often[i] = SPARSE_START;
}

/* A running average after one more flag. */
static inline uint32_t sparse_after(uint32_t often, uint32_t set) {
  return set ? often + ((0xFFFFu - often) >> 4) : often - (often >> 4);
}

static inline int32_t sparse_span(lnspi_coder *coder, int writing,
                                  const lnspi_codec_span *span) {
  sparse_work *work = coder->work;
  sparse_write *w = coder->work;
  lnspi_bitstream bits = coder->bits;
  float *change = span->change;
  for (int32_t i = 0; i < span->count; i++) {
    uint16_t *often = &work->often[work->column % SPARSE_COLUMNS];
    uint32_t set = 0, sign = 0;
    if (writing) {
      uint32_t size = lnspi_float_bits(change[i]) & 0x7FFFFFFFu;
      sign = change[i] < 0;
      set = size > w->least || (size && size == w->least && w->equal);
      if (set && size == w->least) w->equal--;
    }
    set = lnspi_bitstream_code(&bits, writing,
                               &work->set[sparse_level(*often, 1)][sparse_level(work->row, 0)],
                               set);
    if (set) sign = lnspi_bitstream_raw(&bits, writing, sign, 1);
    change[i] = set ? sign ? -work->size : work->size : 0;
    *often = (uint16_t)sparse_after(*often, set);
    work->row = sparse_after(work->row, set);
    if (++work->column == work->columns) {
      work->column = 0;
      work->row = SPARSE_START;
    }
  }
  coder->bits = bits;
  lnspi_codec_span_add(span);
  return LNSP_OK;
}

static int32_t sparse_put(lnspi_coder *coder, const lnspi_codec_span *span) {
  return sparse_span(coder, 1, span);
}

static int32_t sparse_get(lnspi_coder *coder, const lnspi_codec_span *span) {
  return sparse_span(coder, 0, span);
}

const lnspi_codec lnspi_codec_sparse = {
    .name = "sparse",
    .help = "sparse share=.1: the largest changes, with one magnitude and their signs (STC)",
    .keys = "share=.1:1e-6:1",
    .passes = 4,
    .write_bytes = LNSPI_COUNTED(sparse_write, 13056),
    .read_bytes = LNSPI_COUNTED(sparse_work, 4736),
    .bound = sparse_bound,
    .scan = sparse_scan,
    .scan_end = sparse_scan_end,
    .start = sparse_start,
    .tensor = sparse_tensor,
    .put = sparse_put,
    .get = sparse_get,
};

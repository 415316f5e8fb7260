/* The float coder: how one array of 32-bit values became another, exactly, in either
 * direction.
 *
 * 1. Order. Float bits are sign and magnitude; float_coder_order maps them to unsigned
 *    integers in the order of the values, so that neighbouring floats are neighbouring
 *    integers, across zero too.
 * 2. Difference. The change is the difference of two such integers, modulo 2^32: a training
 *    step moves a weight by a few thousand units in the last place in either direction. It
 *    is folded (0, -1, 1, -2, 2 ... becomes 0, 1, 2, 3, 4 ...), so that small changes of
 *    either sign are small numbers.
 * 3. Code. The number of bits of the change is range-coded in the context of the value's
 *    exponent, since large weights move by fewer units than small ones. The bit below the
 *    leading one is coded in the context of that number. All other bits are close to random,
 *    and are stored raw. After one step of Adam a weight costs 14 bits instead of 32,
 *    after 400 steps 17 (docs/delta.md).
 *
 * Both directions. A reader that goes back knows only the later value. As long as both have
 * the same exponent, the context is the same from either side; where they differ, a flag
 * says so, and one context of its own is used. The reader checks every flag against the
 * result: a stream whose flags are wrong could be applied but not undone.
 *
 * Chunks of 1,024 values begin with two bytes:
 *   0xFFFD          no value changed
 *   0xFFFE, 0xFFFF  changes of four bytes each; 0xFFFE also resets the probabilities
 *   n < 0xFFFD      two bytes m, n range-coded bytes, m raw bytes
 * A chunk whose changes have too many bits is not coded, which bounds a stream at
 * 4 + 4/1024 bytes a value. */
/* Hot: built for speed. */
#include "delta/float_coder.h"

#include "lnsp.h"
#include "base/bytes.h"

enum { FLOAT_CODER_RAW = 0xFFFF, FLOAT_CODER_FORGET = 0xFFFE, FLOAT_CODER_SAME = 0xFFFD };

uint64_t lnspi_float_coder_bound(uint64_t values) {
  uint64_t chunks = values / LNSPI_FLOAT_CODER_CHUNK + (values % LNSPI_FLOAT_CODER_CHUNK != 0);
  return 4 * values + chunks * LNSPI_FLOAT_CODER_HEAD;
}

static void float_coder_model_start(lnspi_float_coder_model *model) {
  lnspi_range_set_even((lnspi_range_prob *)(void *)model,
                       (int32_t)(sizeof *model / sizeof(lnspi_range_prob)));
}

static uint32_t float_coder_order(uint32_t u) { return u >> 31 ? ~u : u | 0x80000000u; }
static uint32_t float_coder_unorder(uint32_t u) { return u >> 31 ? u & 0x7FFFFFFFu : ~u; }

/* Exponents 2^-63 to 2^0 have a context each; smaller and larger ones share the outer two. */
static uint32_t float_coder_context(uint32_t u) {
  uint32_t exponent = u >> 23 & 255;
  if (exponent < 64) return 0;
  return exponent > 127 ? 63 : exponent - 64;
}

/* ---- writing ---- */

void lnspi_float_coder_write_start(lnspi_float_encoder *w, lnspi_float_coder_emit *emit,
                                   void *user) {
  w->emit = emit;
  w->user = user;
  w->total = 0;
  w->filled = 0;
  w->status = LNSP_OK;
  w->most = 30;
  float_coder_model_start(&w->model);
}

static int32_t float_coder_emit(lnspi_float_encoder *w, const void *bytes, size_t count) {
  if (count && w->emit(w->user, bytes, count)) return LNSP_E_IO;
  w->total += count;
  return LNSP_OK;
}

static void float_coder_put_one(lnspi_range_out *out, lnspi_float_coder_model *model,
                                uint32_t change, uint32_t context) {
  uint32_t length = (uint32_t)lnspi_range_bit_length(change);
  uint32_t shown = length < 31 ? length : 31;
  lnspi_range_put(out, &model->differ, context == LNSPI_FLOAT_CODER_CONTEXTS - 1);
  lnspi_range_put_tree(out, model->length[context], 5, shown);
  if (length < 2) return;
  if (shown == 31) lnspi_range_put(out, &model->longest, length == 32);
  int left = (int)length - 2; /* without the leading bit and the one below it */
  lnspi_range_put(out, &model->second[shown], change >> left & 1);
  lnspi_range_put_raw(out, change & ((1u << left) - 1), left);
}

/* Whether coding can save anything: the bits of a change are hardly predictable, and their
 * number costs 3 to 4 bits more. *same: no value changed. */
static int float_coder_worth(const uint32_t *change, int32_t count, int32_t most, int *same) {
  uint32_t any = 0;
  int64_t bits = 0;
  for (int32_t i = 0; i < count; i++) {
    any |= change[i];
    bits += lnspi_range_bit_length(change[i]);
  }
  *same = !any;
  return 2 * bits < (2 * (int64_t)most + 1) * count;
}

static int32_t float_coder_write_raw(lnspi_float_encoder *w, uint16_t head) {
  uint8_t bytes[2];
  lnspi_store16(bytes, head);
  int32_t status = float_coder_emit(w, bytes, 2);
  for (int32_t i = 0; i < w->filled; i++) lnspi_store32(w->buffer + 4 * i, w->change[i]);
  return status ? status : float_coder_emit(w, w->buffer, 4 * (size_t)w->filled);
}

static int32_t float_coder_write_chunk(lnspi_float_encoder *w) {
  lnspi_range_out out;
  uint8_t head[4];
  int same;
  if (!float_coder_worth(w->change, w->filled, w->most, &same))
    return float_coder_write_raw(w, FLOAT_CODER_RAW);
  if (same) {
    lnspi_store16(head, FLOAT_CODER_SAME);
    return float_coder_emit(w, head, 2);
  }
  lnspi_range_out_start(&out, w->buffer, 4 * (size_t)w->filled);
  for (int32_t i = 0; i < w->filled; i++)
    float_coder_put_one(&out, &w->model, w->change[i], w->context[i]);
  lnspi_range_out_end(&out);
  if (out.full) { /* the reader will not see this chunk, so what was learned from it is reset */
    float_coder_model_start(&w->model);
    return float_coder_write_raw(w, FLOAT_CODER_FORGET);
  }
  lnspi_store16(head, (uint16_t)(out.at - out.start));
  lnspi_store16(head + 2, (uint16_t)(out.end - out.raw));
  int32_t status = float_coder_emit(w, head, 4);
  if (!status) status = float_coder_emit(w, out.start, (size_t)(out.at - out.start));
  return status ? status : float_coder_emit(w, out.raw, (size_t)(out.end - out.raw));
}

int32_t lnspi_float_coder_write(lnspi_float_encoder *w, const uint32_t *base,
                                const uint32_t *next, size_t count) {
  for (size_t i = 0; !w->status && i < count; i++) {
    uint32_t a = base[i], b = next[i], change = float_coder_order(b) - float_coder_order(a);
    w->change[w->filled] = change << 1 ^ (0u - (change >> 31));
    w->context[w->filled] = (uint8_t)((a ^ b) >> 23 & 255 ? 64 : float_coder_context(a));
    if (++w->filled < LNSPI_FLOAT_CODER_CHUNK) continue;
    w->status = float_coder_write_chunk(w);
    w->filled = 0;
  }
  return w->status;
}

int32_t lnspi_float_coder_write_end(lnspi_float_encoder *w) {
  if (!w->status && w->filled) w->status = float_coder_write_chunk(w);
  w->filled = 0;
  return w->status;
}

/* ---- reading ---- */

void lnspi_float_coder_read_start(lnspi_float_decoder *r, lnspi_float_coder_fetch *fetch,
                                  void *user, uint64_t values) {
  r->fetch = fetch;
  r->user = user;
  r->left = values;
  r->total = 0;
  r->ready = r->mode = 0;
  float_coder_model_start(&r->model);
}

static int32_t float_coder_fetch(lnspi_float_decoder *r, void *bytes, size_t count) {
  if (count && r->fetch(r->user, bytes, count)) return LNSP_E_IO;
  r->total += count;
  return LNSP_OK;
}

static int32_t float_coder_read_chunk(lnspi_float_decoder *r) {
  uint8_t head[4];
  r->ready = r->left < LNSPI_FLOAT_CODER_CHUNK ? (int32_t)r->left : LNSPI_FLOAT_CODER_CHUNK;
  if (!r->ready) return LNSP_E_FORMAT;
  r->left -= (uint64_t)r->ready;
  int32_t status = float_coder_fetch(r, head, 2);
  if (status) return status;
  r->mode = lnspi_load16(head);
  size_t bytes = 4 * (size_t)r->ready;
  if (r->mode == FLOAT_CODER_SAME) return LNSP_OK;
  if (r->mode == FLOAT_CODER_FORGET) float_coder_model_start(&r->model);
  if (r->mode >= FLOAT_CODER_FORGET) {
    lnspi_range_in_start(&r->in, r->buffer, 0, 0);
    r->in.raw_low = r->buffer; /* the next change */
    return float_coder_fetch(r, r->buffer, bytes);
  }
  status = float_coder_fetch(r, head + 2, 2);
  if (status) return status;
  size_t coded = (size_t)r->mode, raw = lnspi_load16(head + 2);
  if (coded + raw > bytes) return LNSP_E_FORMAT;
  status = float_coder_fetch(r, r->buffer, coded + raw);
  lnspi_range_in_start(&r->in, r->buffer, coded, raw);
  return status;
}

static uint32_t float_coder_get_change(lnspi_range_in *in, lnspi_float_coder_model *model,
                                       uint32_t context, uint32_t *differ) {
  *differ = lnspi_range_get(in, &model->differ);
  if (*differ) context = LNSPI_FLOAT_CODER_CONTEXTS - 1;
  uint32_t length = lnspi_range_get_tree(in, model->length[context], 5);
  if (length < 2) return length;
  lnspi_range_prob *second = &model->second[length];
  if (length == 31) length += lnspi_range_get(in, &model->longest);
  int left = (int)length - 2;
  uint32_t top = 2 + lnspi_range_get(in, second);
  return top << left | lnspi_range_get_raw(in, left);
}

static uint32_t float_coder_change(uint32_t word, uint32_t change, int back) {
  change = change >> 1 ^ (0u - (change & 1));
  return float_coder_unorder(float_coder_order(word) + (back ? 0u - change : change));
}

/* Refuses a stream whose flags are wrong: it could not be read in the other direction. */
static int32_t float_coder_next_coded(lnspi_float_decoder *r, uint32_t *values, size_t count,
                                      int back) {
  lnspi_range_in in = r->in;
  uint32_t wrong = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t differ, from = values[i];
    uint32_t change =
        float_coder_get_change(&in, &r->model, float_coder_context(from), &differ);
    values[i] = float_coder_change(from, change, back);
    wrong |= ((values[i] ^ from) >> 23 & 255 ? 1u : 0u) ^ differ;
  }
  r->in = in;
  return wrong ? LNSP_E_FORMAT : LNSP_OK;
}

static void float_coder_next_raw(lnspi_float_decoder *r, uint32_t *values, size_t count,
                                 int back) {
  for (size_t i = 0; i < count; i++, r->in.raw_low += 4)
    values[i] = float_coder_change(values[i], lnspi_load32(r->in.raw_low), back);
}

int32_t lnspi_float_coder_read(lnspi_float_decoder *r, uint32_t *values, size_t count,
                               int back) {
  while (count) {
    int32_t status = r->ready ? LNSP_OK : float_coder_read_chunk(r);
    if (status) return status;
    size_t n = count < (size_t)r->ready ? count : (size_t)r->ready;
    r->ready -= (int32_t)n;
    if (r->mode >= FLOAT_CODER_FORGET)
      float_coder_next_raw(r, values, n, back);
    else if (r->mode != FLOAT_CODER_SAME)
      status = float_coder_next_coded(r, values, n, back);
    if (!r->ready && r->mode < FLOAT_CODER_SAME && !lnspi_range_in_whole(&r->in))
      status = LNSP_E_FORMAT;
    if (status) return status;
    values += n;
    count -= n;
  }
  return LNSP_OK;
}

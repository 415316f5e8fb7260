/* A random sample of fixed size of all items that were seen: Vitter's algorithm R (1985).
 *
 * The first `capacity` items are kept. After them item number n takes the place of a random
 * one with probability capacity / n, so that at any time each item that was seen has the same
 * probability of being kept, however long the stream is. Learning from a stream mixes each new
 * pair with some from the reservoir, so that what came before is not forgotten.
 *
 * All choices come from one splitmix64, whose state is saved with the items: a stream that
 * goes on after a restart keeps and draws what it would have without it. An item is `width`
 * elements of one type; what they mean (a context and its target, row numbers of a bank) is
 * the caller's matter. */
#include "train/reservoir.h"

#include <string.h>

#include "base/arena.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/lexer.h"
#include "base/str.h"
#include "format/dtype.h"
#include "format/read_tensor.h"
#include "format/safetensors.h"
#include "format/writer.h"
#include "train/order.h"

#define RESERVOIR_VERSION "1"
#define RESERVOIR_TEXT 96
#define RESERVOIR_MOST (INT64_C(1) << 31)

static int32_t reservoir_layout(const lnsp_reservoir_options *settings, lnspi_arena *arena,
                                lnsp_reservoir *out, lnsp_error *error) {
  const size_t element = lnspi_dtype_bytes(settings->dtype ? settings->dtype : LNSP_F32);
  if (!element)
    return lnspi_error_set(error, LNSP_E_DTYPE, NULL,
                           "a reservoir keeps items of a dtype such as LNSP_F32, not %d",
                           settings->dtype);
  if (settings->width < 1 || settings->width >= RESERVOIR_MOST || settings->capacity < 1 ||
      settings->capacity >= RESERVOIR_MOST)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "the width and the capacity of a reservoir must be 1 to 2,147,483,647");
  out->dtype = settings->dtype ? settings->dtype : LNSP_F32;
  out->width = settings->width;
  out->capacity = settings->capacity;
  out->random = settings->seed;
  out->item_bytes = (uint64_t)settings->width * element;
  LNSPI_ARENA_STRUCT(arena, lnsp_reservoir, LNSPI_RESERVOIR_BYTES);
  out->items = lnspi_arena_alloc(arena, (uint64_t)settings->capacity, out->item_bytes);
  if (arena->failed)
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL,
                           "the reservoir is too large for this machine");
  return LNSP_OK;
}

int32_t lnspi_reservoir_measure(const lnsp_reservoir_options *settings, uint64_t *bytes,
                                lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnsp_reservoir r;
  int32_t status = reservoir_layout(settings, &arena, &r, error);
  if (!status) *bytes = arena.used;
  return status;
}

int32_t lnspi_reservoir_create(const lnsp_reservoir_options *settings,
                               const lnsp_options *options, lnsp_reservoir **out,
                               lnsp_error *error) {
  lnsp_reservoir r;
  uint64_t bytes = 0;
  memset(&r, 0, sizeof r);
  int32_t status = lnspi_reservoir_measure(settings, &bytes, error);
  if (!status) status = lnspi_block_open(&r.block, options, bytes, error);
  if (status) return status;
  lnspi_arena arena = {r.block.memory, 0, bytes, 0};
  (void)reservoir_layout(settings, &arena, &r, NULL);
  *out = r.block.memory;
  **out = r;
  return LNSP_OK;
}

static uint64_t reservoir_below(lnsp_reservoir *r, int64_t bound) {
  return lnspi_order_random(&r->random) % (uint64_t)bound;
}

void lnspi_reservoir_add(lnsp_reservoir *r, const void *items, int64_t count) {
  const uint8_t *from = items;
  for (int64_t i = 0; i < count; i++, from += r->item_bytes) {
    int64_t at = r->count;
    r->seen++;
    if (r->count < r->capacity)
      r->count++;
    else
      at = (int64_t)reservoir_below(r, r->seen);
    if (at < r->capacity)
      memcpy(r->items + (uint64_t)at * r->item_bytes, from, (size_t)r->item_bytes);
  }
}

void lnspi_reservoir_sample(lnsp_reservoir *r, int64_t count, void *out) {
  uint8_t *to = out;
  for (int64_t i = 0; i < count; i++, to += r->item_bytes)
    memcpy(to, r->items + reservoir_below(r, r->count) * r->item_bytes, (size_t)r->item_bytes);
}

/* ---- files ---- */

int32_t lnspi_reservoir_save(const lnsp_reservoir *r, const lnsp_sink *sink,
                             lnsp_error *error) {
  char text[RESERVOIR_TEXT];
  lnsp_writer *writer = NULL;
  lnsp_tensor items;
  lnsp_key_value pairs[2] = {{"lnsp.reservoir", RESERVOIR_VERSION},
                             {"lnsp.reservoir.state", text}};
  memset(&items, 0, sizeof items);
  items.name = "items";
  items.dtype = r->dtype;
  items.rank = 2;
  items.dims[0] = r->count;
  items.dims[1] = r->width;
  lnspi_format(text, sizeof text, "%lld %lld %u %u", (long long)r->capacity, (long long)r->seen,
               (uint32_t)(r->random >> 32), (uint32_t)r->random);
  const lnsp_options options = lnspi_block_options(&r->block);
  int32_t status = lnspi_writer_open(sink, &items, 1, pairs, 2, &options, &writer, error);
  if (status) return status;
  if (r->count)
    status = lnspi_writer_write(writer, r->items, (size_t)((uint64_t)r->count * r->item_bytes),
                                error);
  if (!status) status = lnspi_writer_close(writer, error);
  lnspi_writer_destroy(writer);
  return status;
}

/* Capacity, items seen, and the generator's state, from the metadata. */
static int32_t reservoir_read_state(const lnsp_file *file, int64_t count, int64_t n[4],
                                    lnsp_error *error) {
  const char *version = lnspi_safetensors_metadata(file, "lnsp.reservoir");
  const char *state = lnspi_safetensors_metadata(file, "lnsp.reservoir.state");
  const int64_t most[4] = {RESERVOIR_MOST - 1, INT64_MAX, UINT32_MAX, UINT32_MAX};
  lnspi_lexer text;
  if (!version || !state || !lnspi_str_equal(version, RESERVOIR_VERSION))
    return lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.reservoir",
                           "the file is not a reservoir of version 1");
  lnspi_lexer_open(&text, state);
  for (int i = 0; i < 4; i++) {
    int32_t status =
        lnspi_decimal_parse_integer(lnspi_lexer_next(&text, ""), "lnsp.reservoir.state",
                                    i == 0   ? (count ? count : 1)
                                    : i == 1 ? count
                                             : 0,
                                    most[i], &n[i], error);
    if (status) return status;
  }
  if (lnspi_lexer_at_end(&text) && (count == n[0] || count == n[1])) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.reservoir.state",
                         "lnsp.reservoir.state is '%s', which does not fit the items", state);
}

int32_t lnspi_reservoir_open(lnsp_file *file, const lnsp_options *options, lnsp_reservoir **out,
                             lnsp_error *error) {
  lnsp_reservoir_options settings;
  lnsp_reservoir *r = NULL;
  int64_t n[4];
  const int32_t index = lnspi_safetensors_find(file, "items");
  if (index < 0 || file->entries[index].rank != 2)
    return lnspi_error_set(error, index < 0 ? LNSP_E_MISSING : LNSP_E_SHAPE, "items",
                           "a reservoir's file has a tensor 'items' [count, width]");
  const lnspi_entry *items = &file->entries[index];
  int32_t status = reservoir_read_state(file, items->dims[0], n, error);
  if (status) return status;
  memset(&settings, 0, sizeof settings);
  settings.dtype = items->dtype;
  settings.width = items->dims[1];
  settings.capacity = n[0];
  settings.seed = (uint64_t)n[2] << 32 | (uint64_t)n[3];
  status = lnspi_reservoir_create(&settings, options, &r, error);
  if (status) return status;
  r->count = items->dims[0];
  r->seen = n[1];
  if (r->count)
    status = lnspi_read_tensor(file, index, 0, r->count * r->width, r->dtype, r->items, error);
  if (!status)
    *out = r;
  else
    lnspi_block_close(&r->block);
  return status;
}

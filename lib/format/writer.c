/* A safetensors file streamed into a sink: the header at once, data as they come.
 *
 * The header must be written before any data, with its own length in front and all offsets
 * in it, and no memory is allocated for it. So one function produces the text, byte by byte,
 * and runs twice: without a sink it only counts, which gives the length; with a sink it
 * writes through a buffer of 256 bytes. Equal arguments give equal bytes, which hashes and
 * deltas rely on: pairs and tensors keep the caller's order, and nothing is added.
 *
 * Data are accepted in pieces of any size that end at an element, across tensors too. The
 * writer keeps only where each tensor ends and its dtype: enough to refuse what does not
 * belong, and to swap bytes on a big-endian host. */
#include "format/writer.h"

#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/min_max.h"
#include "base/sort.h"
#include "base/str.h"
#include "format/dtype.h"
#include "format/header.h"

/* The reader's default limit, so that what is written opens again. */
#define WRITER_HEADER_LIMIT 1048576u
#define WRITER_PIECE_BYTES ((size_t)1 << 20) /* of one call of the sink */
#define WRITER_STRUCT_BYTES 256u /* of struct lnsp_writer, on every host */

/* ---- the header --------------------------------------------------------- */

/* The header while it is written; without a sink it is only counted. */
typedef struct writer_text {
  const lnsp_sink *sink; /* or NULL */
  uint64_t total;        /* bytes so far */
  size_t filled;         /* of them, in buffer */
  int failed;            /* the sink did; nothing more is written */
  char buffer[256];
} writer_text;

static void writer_flush(writer_text *text) {
  if (text->sink && text->filled && !text->failed)
    text->failed = text->sink->write(text->sink->user, text->buffer, text->filled) != 0;
  text->filled = 0;
}

static void writer_byte(writer_text *text, char c) {
  if (text->filled == sizeof(text->buffer)) writer_flush(text);
  text->buffer[text->filled++] = c;
  text->total++;
}

static void writer_plain(writer_text *text, const char *string) {
  while (*string) writer_byte(text, *string++);
}

/* A JSON string: quotes, backslashes and control characters escaped. */
static void writer_quoted(writer_text *text, const char *string) {
  writer_byte(text, '"');
  for (; *string; string++) {
    unsigned char c = (unsigned char)*string;
    if (c < 0x20) {
      writer_plain(text, "\\u00");
      writer_byte(text, (char)('0' + (c >> 4)));
      writer_byte(text, "0123456789abcdef"[c & 15]);
    } else {
      if (c == '"' || c == '\\') writer_byte(text, '\\');
      writer_byte(text, (char)c);
    }
  }
  writer_byte(text, '"');
}

static void writer_number(writer_text *text, uint64_t value) {
  char digits[24];
  lnspi_format(digits, sizeof(digits), "%llu", (unsigned long long)value);
  writer_plain(text, digits);
}

static void writer_tensor(writer_text *text, const lnsp_tensor *tensor, uint64_t *at) {
  int64_t elements = 0;
  uint64_t bytes = 0;
  lnspi_dtype_shape_bytes(tensor->dtype, tensor->rank, tensor->dims, &elements, &bytes);
  writer_quoted(text, tensor->name);
  writer_plain(text, ":{\"dtype\":\"");
  writer_plain(text, lnspi_dtype_name(tensor->dtype));
  writer_plain(text, "\",\"shape\":[");
  for (int32_t i = 0; i < tensor->rank; i++) {
    if (i) writer_byte(text, ',');
    writer_number(text, (uint64_t)tensor->dims[i]);
  }
  writer_plain(text, "],\"data_offsets\":[");
  writer_number(text, *at);
  writer_byte(text, ',');
  *at += bytes;
  writer_number(text, *at);
  writer_plain(text, "]}");
}

/* The JSON and the spaces that make the whole header a multiple of 8 bytes. */
static void writer_json(writer_text *text, const lnsp_tensor *tensors, int32_t tensor_count,
                        const lnsp_key_value *metadata, int32_t pair_count) {
  uint64_t at = 0;
  int32_t i;
  writer_byte(text, '{');
  if (pair_count) {
    writer_plain(text, "\"__metadata__\":{");
    for (i = 0; i < pair_count; i++) {
      if (i) writer_byte(text, ',');
      writer_quoted(text, metadata[i].key);
      writer_byte(text, ':');
      writer_quoted(text, metadata[i].value);
    }
    writer_byte(text, '}');
  }
  for (i = 0; i < tensor_count; i++) {
    if (i || pair_count) writer_byte(text, ',');
    writer_tensor(text, &tensors[i], &at);
  }
  writer_byte(text, '}');
  while (text->total % 8) writer_byte(text, ' ');
}

/* ---- checks ------------------------------------------------------------- */

static int32_t writer_check_string(const char *string, const char *what, int32_t index,
                                   lnsp_error *error) {
  size_t left = string ? lnspi_str_length(string) : 0, n;
  if (!string)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "%s number %d is NULL", what,
                           (int)index);
  for (; left; left -= n, string += n) {
    n = lnspi_str_utf8_bytes(string, left);
    if (n == 0)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "%s number %d is not valid UTF-8",
                             what, (int)index);
  }
  return LNSP_OK;
}

static int32_t writer_check_tensor(const lnsp_tensor *tensor, int32_t index, uint64_t *total,
                                   lnsp_error *error) {
  int64_t elements;
  uint64_t bytes;
  int32_t status = writer_check_string(tensor->name, "the name of tensor", index, error);
  if (status) return status;
  if (lnspi_str_equal(tensor->name, "__metadata__"))
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, tensor->name,
        "a tensor cannot be named __metadata__ in a safetensors file: rename it");
  if (!lnspi_dtype_bytes(tensor->dtype))
    return lnspi_error_set(error, LNSP_E_DTYPE, tensor->name,
                           "tensor '%s' has the unknown dtype %d", tensor->name,
                           (int)tensor->dtype);
  if (tensor->rank < 0 || tensor->rank > LNSP_MAX_RANK)
    return lnspi_error_set(error, LNSP_E_LIMIT, tensor->name,
                           "tensor '%s' has rank %d, but it must be 0 to %d", tensor->name,
                           (int)tensor->rank, LNSP_MAX_RANK);
  if (!lnspi_dtype_shape_bytes(tensor->dtype, tensor->rank, tensor->dims, &elements, &bytes) ||
      !lnspi_checked_add(*total, bytes, total) || *total > INT64_MAX)
    return lnspi_error_set(error, LNSP_E_SHAPE, tensor->name,
                           "tensor '%s' has a negative dimension or too many bytes",
                           tensor->name);
  return LNSP_OK;
}

static int32_t writer_check(const lnsp_tensor *tensors, int32_t tensor_count,
                            const lnsp_key_value *metadata, int32_t pair_count,
                            uint64_t *data_bytes, lnsp_error *error) {
  *data_bytes = 0;
  if (tensor_count < 0 || pair_count < 0 || (tensor_count && !tensors) ||
      (pair_count && !metadata))
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "tensors or metadata are NULL, or their count is negative");
  for (int32_t i = 0; i < tensor_count; i++) {
    int32_t status = writer_check_tensor(&tensors[i], i, data_bytes, error);
    if (status) return status;
  }
  for (int32_t i = 0; i < pair_count; i++) {
    int32_t status = writer_check_string(metadata[i].key, "metadata key", i, error);
    if (!status) status = writer_check_string(metadata[i].value, "metadata value", i, error);
    if (status) return status;
  }
  return LNSP_OK;
}

static int writer_name_less(const void *user, int32_t a, int32_t b) {
  const lnsp_tensor *tensors = user;
  return lnspi_str_compare(tensors[a].name, tensors[b].name) < 0;
}

static int writer_key_less(const void *user, int32_t a, int32_t b) {
  const lnsp_key_value *pairs = user;
  return lnspi_str_compare(pairs[a].key, pairs[b].key) < 0;
}

/* Refuses names and keys given twice; index has room for the larger of the two counts. */
static int32_t writer_check_twice(const lnsp_tensor *tensors, int32_t tensor_count,
                                  const lnsp_key_value *metadata, int32_t pair_count,
                                  int32_t *index, lnsp_error *error) {
  int32_t i;
  lnspi_sort_indices(index, tensor_count, writer_name_less, tensors);
  for (i = 1; i < tensor_count; i++)
    if (lnspi_str_equal(tensors[index[i]].name, tensors[index[i - 1]].name))
      return lnspi_error_set(error, LNSP_E_ARGUMENT, tensors[index[i]].name,
                             "two tensors are named '%s'", tensors[index[i]].name);
  lnspi_sort_indices(index, pair_count, writer_key_less, metadata);
  for (i = 1; i < pair_count; i++)
    if (lnspi_str_equal(metadata[index[i]].key, metadata[index[i - 1]].key))
      return lnspi_error_set(error, LNSP_E_ARGUMENT, metadata[index[i]].key,
                             "the metadata key '%s' is given twice", metadata[index[i]].key);
  return LNSP_OK;
}

int32_t lnspi_writer_header_bytes(const lnsp_tensor *tensors, int32_t tensor_count,
                                  const lnsp_key_value *metadata, int32_t pair_count,
                                  uint64_t *out, lnsp_error *error) {
  writer_text text = {NULL, 0, 0, 0, {0}};
  uint64_t data_bytes;
  int32_t status =
      writer_check(tensors, tensor_count, metadata, pair_count, &data_bytes, error);
  if (status) return status;
  writer_json(&text, tensors, tensor_count, metadata, pair_count);
  *out = LNSPI_FILE_START + text.total;
  return LNSP_OK;
}

/* ---- the handle --------------------------------------------------------- */

static lnsp_writer *writer_layout(lnspi_arena *arena, int32_t tensor_count, int32_t pair_count,
                                  uint64_t **ends, int32_t **dtypes, int32_t **index) {
  int32_t most = lnspi_max_i32(tensor_count, pair_count);
  lnsp_writer *writer = LNSPI_ARENA_STRUCT(arena, lnsp_writer, WRITER_STRUCT_BYTES);
  *ends = lnspi_arena_alloc(arena, (uint64_t)tensor_count, sizeof(uint64_t));
  *dtypes = lnspi_arena_alloc(arena, (uint64_t)tensor_count, sizeof(int32_t));
  *index = lnspi_arena_alloc(arena, (uint64_t)most, sizeof(int32_t));
  return writer;
}

static int32_t writer_send_header(const lnsp_sink *sink, uint64_t header_bytes,
                                  const lnsp_tensor *tensors, int32_t tensor_count,
                                  const lnsp_key_value *metadata, int32_t pair_count,
                                  lnsp_error *error) {
  writer_text text = {sink, 0, 0, 0, {0}};
  lnspi_store64((uint8_t *)text.buffer, header_bytes - LNSPI_FILE_START);
  text.filled = LNSPI_FILE_START;
  writer_json(&text, tensors, tensor_count, metadata, pair_count);
  writer_flush(&text);
  if (text.failed)
    return lnspi_error_set(
        error, LNSP_E_IO, NULL,
        "writing the header failed: is the disk full or the file not writable?");
  return LNSP_OK;
}

int32_t lnspi_writer_open(const lnsp_sink *sink, const lnsp_tensor *tensors,
                          int32_t tensor_count, const lnsp_key_value *metadata,
                          int32_t pair_count, const lnsp_options *options, lnsp_writer **out,
                          lnsp_error *error) {
  const uint32_t limit =
      options->max_header_bytes ? options->max_header_bytes : WRITER_HEADER_LIMIT;
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnspi_block block;
  lnsp_writer *writer;
  uint64_t *ends, header_bytes, at = 0;
  int32_t *dtypes, *index, i, status;
  memset(&block, 0, sizeof(block));
  status = lnspi_writer_header_bytes(tensors, tensor_count, metadata, pair_count, &header_bytes,
                                     error);
  if (status) return status;
  if (header_bytes - LNSPI_FILE_START > limit)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "the header would have %llu bytes, but the limit is %u: set "
                           "options->max_header_bytes to allow more",
                           (unsigned long long)(header_bytes - LNSPI_FILE_START),
                           (unsigned)limit);
  writer_layout(&arena, tensor_count, pair_count, &ends, &dtypes, &index);
  if (arena.failed) return lnspi_error_set(error, LNSP_E_MEMORY, NULL, "too many tensors");
  status = lnspi_block_open(&block, options, arena.used, error);
  if (status) return status;
  arena = (lnspi_arena){block.memory, 0, block.bytes, 0};
  writer = writer_layout(&arena, tensor_count, pair_count, &ends, &dtypes, &index);
  writer->block = block;
  writer->sink = *sink;
  writer->tensor_count = tensor_count;
  writer->ends = ends;
  writer->dtypes = dtypes;
  for (i = 0; i < tensor_count; i++) {
    int64_t elements = 0;
    uint64_t bytes = 0;
    lnspi_dtype_shape_bytes(tensors[i].dtype, tensors[i].rank, tensors[i].dims, &elements,
                            &bytes);
    at += bytes;
    ends[i] = at;
    dtypes[i] = tensors[i].dtype;
  }
  writer->data_bytes = at;
  lnspi_progress_begin(&writer->progress, options, at);
  status = writer_check_twice(tensors, tensor_count, metadata, pair_count, index, error);
  if (!status)
    status = writer_send_header(sink, header_bytes, tensors, tensor_count, metadata, pair_count,
                                error);
  if (status) {
    lnspi_block_close(&block);
    return status;
  }
  *out = writer;
  return LNSP_OK;
}

/* ---- data --------------------------------------------------------------- */

/* The first tensor that ends after a byte of the data. */
static int32_t writer_tensor_at(const lnsp_writer *writer, uint64_t at) {
  int32_t low = 0, high = writer->tensor_count;
  while (low < high) {
    int32_t middle = low + (high - low) / 2;
    if (writer->ends[middle] > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* Whether a byte of the data is the end of an element: a write may span tensors. */
static int writer_stops_whole(const lnsp_writer *writer, uint64_t end) {
  int32_t tensor = writer_tensor_at(writer, end);
  if (tensor == writer->tensor_count) return 1;
  uint64_t begin = tensor ? writer->ends[tensor - 1] : 0;
  return (end - begin) % lnspi_dtype_bytes(writer->dtypes[tensor]) == 0;
}

/* On a big-endian host: swaps the bytes of elements in a small buffer. */
static int writer_send_swapped(const lnsp_writer *writer, const uint8_t *data, size_t bytes) {
  uint8_t buffer[256];
  uint64_t at = writer->written_bytes;
  while (bytes) {
    int32_t tensor = writer_tensor_at(writer, at);
    size_t size = lnspi_dtype_bytes(writer->dtypes[tensor]), n = sizeof(buffer), i;
    if (n > bytes) n = bytes;
    if (n > writer->ends[tensor] - at) n = (size_t)(writer->ends[tensor] - at);
    for (i = 0; i < n; i++) buffer[i] = data[i - i % size + (size - 1 - i % size)];
    if (writer->sink.write(writer->sink.user, buffer, n) != 0) return 0;
    data += n;
    bytes -= n;
    at += n;
  }
  return 1;
}

static int32_t writer_send(lnsp_writer *writer, const uint8_t *data, size_t bytes,
                           lnsp_error *error) {
  const int sent = lnspi_host_is_big()
                       ? writer_send_swapped(writer, data, bytes)
                       : writer->sink.write(writer->sink.user, data, bytes) == 0;
  if (!sent)
    return lnspi_error_set_at(error, LNSP_E_IO, (int64_t)writer->written_bytes, NULL,
                              "writing %zu bytes failed after %llu of data: is the disk full?",
                              bytes, (unsigned long long)writer->written_bytes);
  writer->written_bytes += bytes;
  return lnspi_progress_add(&writer->progress, bytes, error);
}

int32_t lnspi_writer_write(lnsp_writer *writer, const void *data, size_t bytes,
                           lnsp_error *error) {
  if (writer->state != 0)
    return lnspi_error_set(error, LNSP_E_STATE, NULL, "the writer %s",
                           writer->state == 1 ? "is closed" : "has failed before: destroy it");
  if (bytes > writer->data_bytes - writer->written_bytes)
    return lnspi_error_set_at(
        error, LNSP_E_LIMIT, (int64_t)writer->written_bytes, NULL,
        "%zu bytes were given, but the declared tensors need only %llu more", bytes,
        (unsigned long long)(writer->data_bytes - writer->written_bytes));
  if (!writer_stops_whole(writer, writer->written_bytes + bytes))
    return lnspi_error_set_at(
        error, LNSP_E_ARGUMENT, (int64_t)writer->written_bytes, NULL,
        "a write of %zu bytes would stop within an element of tensor number %d", bytes,
        (int)writer_tensor_at(writer, writer->written_bytes + bytes));
  int32_t status = LNSP_OK;
  for (const uint8_t *at = data; bytes && !status;) {
    const size_t n =
        bytes < WRITER_PIECE_BYTES || lnspi_host_is_big() ? bytes : WRITER_PIECE_BYTES;
    status = writer_send(writer, at, n, error);
    at += n;
    bytes -= n;
  }
  if (status) writer->state = 2;
  return status;
}

int32_t lnspi_writer_close(lnsp_writer *writer, lnsp_error *error) {
  int32_t status = LNSP_OK;
  if (writer->state != 0)
    return lnspi_error_set(error, LNSP_E_STATE, NULL, "the writer %s",
                           writer->state == 1 ? "is closed already"
                                              : "has failed before: destroy it");
  if (writer->written_bytes != writer->data_bytes)
    return lnspi_error_set_at(error, LNSP_E_STATE, (int64_t)writer->written_bytes, NULL,
                              "%llu bytes of tensor data are missing: write them before close",
                              (unsigned long long)(writer->data_bytes - writer->written_bytes));
  if (writer->commit) status = writer->commit(writer->sink.user, error);
  writer->state = status ? 2 : 1;
  return status;
}

void lnspi_writer_destroy(lnsp_writer *writer) {
  if (!writer) return;
  if (writer->abandon) writer->abandon(writer->sink.user);
  lnspi_block_close(&writer->block);
}

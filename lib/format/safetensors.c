/* A safetensors file that is open for reading: one block with the header in it; data are read
 * when they are asked for.
 *
 * Opening reads the header twice: in pieces of 512 bytes, to count what it holds, then whole
 * into a block of the size that follows from the counts. A hostile header can claim at most
 * what fits into its length (a tensor has at least 40 bytes of JSON, a pair 6), and its
 * length at most the limit of the options, so the memory is bounded before any is used. */
#include "format/safetensors.h"

#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/str.h"
#include "format/header.h"

#if defined(LNSP_FREESTANDING)
#define SAFETENSORS_HEADER_LIMIT 65536u
#else
#define SAFETENSORS_HEADER_LIMIT 1048576u
#endif

/* The shortest JSON of a tensor and of a pair. */
#define SAFETENSORS_LEAST_TENSOR 40u
#define SAFETENSORS_LEAST_PAIR 6u

#define SAFETENSORS_STRUCT_BYTES 512u /* of struct lnsp_file, on every host */

static int32_t safetensors_io(const lnsp_source *source, uint64_t offset, void *to,
                              size_t bytes, const char *name, lnsp_error *error) {
  if (source->read(source->user, offset, to, bytes) != 0)
    return lnspi_error_set_at(error, LNSP_E_IO, (int64_t)offset, name,
                              "reading %zu bytes at byte %llu of the file failed", bytes,
                              (unsigned long long)offset);
  return LNSP_OK;
}

/* Reads and checks the 8 bytes that give the header's length. */
static int32_t safetensors_header_length(const lnsp_source *source, const lnsp_options *options,
                                         uint32_t *out, lnsp_error *error) {
  uint32_t limit =
      options->max_header_bytes ? options->max_header_bytes : SAFETENSORS_HEADER_LIMIT;
  uint8_t first[LNSPI_FILE_START];
  uint64_t length;
  int32_t status;
  if (source->size_bytes > INT64_MAX)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL, "the source claims over 2^63 bytes");
  if (source->size_bytes < LNSPI_FILE_START + 2)
    return lnspi_error_set_at(
        error, LNSP_E_FORMAT, (int64_t)source->size_bytes, NULL,
        "the file has only %llu bytes: it is cut short or not a safetensors file",
        (unsigned long long)source->size_bytes);
  status = safetensors_io(source, 0, first, sizeof(first), NULL, error);
  if (status) return status;
  length = lnspi_load64(first);
  if (length < 2 || length > source->size_bytes - LNSPI_FILE_START)
    return lnspi_error_set_at(
        error, LNSP_E_FORMAT, 0, NULL,
        "the file is not a safetensors file, or it is cut short: its first 8 bytes say that "
        "the header has %llu bytes, and the file has %llu",
        (unsigned long long)length, (unsigned long long)source->size_bytes);
  if (length > limit)
    return lnspi_error_set_at(error, LNSP_E_LIMIT, 0, NULL,
                              "the header has %llu bytes, the limit is %u: set "
                              "options->max_header_bytes to allow more",
                              (unsigned long long)length, (unsigned)limit);
  *out = (uint32_t)length;
  return LNSP_OK;
}

/* Finds upper bounds of the numbers of tensors and pairs. */
static int32_t safetensors_count(const lnsp_source *source, uint32_t length,
                                 lnspi_header *header, lnsp_error *error) {
  lnspi_header_count count = {0, 0, 0, 0, 0};
  char window[512];
  uint32_t at, n;
  int64_t entries, pairs;
  for (at = 0; at < length; at += n) {
    int32_t status;
    n = length - at < sizeof(window) ? length - at : (uint32_t)sizeof(window);
    status = safetensors_io(source, LNSPI_FILE_START + (uint64_t)at, window, n, NULL, error);
    if (status) return status;
    lnspi_header_feed(&count, window, n);
  }
  entries = count.outer;
  pairs = count.inner - 3 * (count.outer - 1); /* metadata is one of outer, at most */
  if (entries > length / SAFETENSORS_LEAST_TENSOR) entries = length / SAFETENSORS_LEAST_TENSOR;
  if (pairs > length / SAFETENSORS_LEAST_PAIR) pairs = length / SAFETENSORS_LEAST_PAIR;
  header->bytes = length;
  header->entry_capacity = (int32_t)entries;
  header->pair_capacity = pairs < 0 ? 0 : (int32_t)pairs;
  return LNSP_OK;
}

static lnsp_file *safetensors_layout(lnspi_arena *arena, lnspi_header *header) {
  lnsp_file *file = LNSPI_ARENA_STRUCT(arena, lnsp_file, SAFETENSORS_STRUCT_BYTES);
  header->entries =
      lnspi_arena_alloc(arena, (uint64_t)header->entry_capacity, sizeof(lnspi_entry));
  header->pairs =
      lnspi_arena_alloc(arena, (uint64_t)header->pair_capacity, sizeof(lnsp_key_value));
  header->by_name = lnspi_arena_alloc(arena, (uint64_t)header->entry_capacity, sizeof(int32_t));
  header->by_key = lnspi_arena_alloc(arena, (uint64_t)header->pair_capacity, sizeof(int32_t));
  header->text = lnspi_arena_alloc(arena, header->bytes, 1);
  return file;
}

int32_t lnspi_safetensors_open(const lnsp_source *source, const lnsp_options *options,
                               lnsp_file **out, lnsp_error *error) {
  lnspi_header header;
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnspi_block block;
  lnsp_file *file;
  uint32_t length = 0;
  int32_t status;
  memset(&header, 0, sizeof(header));
  memset(&block, 0, sizeof(block));
  status = safetensors_header_length(source, options, &length, error);
  if (!status) status = safetensors_count(source, length, &header, error);
  if (status) return status;
  safetensors_layout(&arena, &header);
  if (arena.failed)
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL, "the header is too large");
  status = lnspi_block_open(&block, options, arena.used, error);
  if (status) return status;
  arena = (lnspi_arena){block.memory, 0, block.bytes, 0};
  file = safetensors_layout(&arena, &header);
  file->block = block;
  file->source = *source;
  file->data_offset = LNSPI_FILE_START + (uint64_t)length;
  file->data_bytes = source->size_bytes - file->data_offset;
  lnspi_progress_begin(&file->progress, options, file->data_bytes);
  status = safetensors_io(source, LNSPI_FILE_START, header.text, length, NULL, error);
  if (!status) status = lnspi_header_parse(&header, file->data_bytes, error);
  if (status) {
    lnspi_block_close(&block);
    return status;
  }
  file->tensor_count = header.entry_count;
  file->pair_count = header.pair_count;
  file->entries = header.entries;
  file->pairs = header.pairs;
  file->by_name = header.by_name;
  file->by_key = header.by_key;
  file->header = header.text;
  *out = file;
  return LNSP_OK;
}

void lnspi_safetensors_close(lnsp_file *file) {
  if (!file) return;
  if (file->release_source) file->release_source(file->source.user);
  lnspi_block_close(&file->block);
}

/* Finds a name among count entries or pairs, whose first member is their name, by bisection;
 * -1: not there. */
static int32_t safetensors_bisect(const void *items, size_t each, const int32_t *order,
                                  int32_t count, const char *name) {
  for (int32_t low = 0, high = count; low < high;) {
    const int32_t middle = low + (high - low) / 2, index = order[middle];
    const char *const *item = (const void *)((const char *)items + each * (size_t)index);
    const int compared = lnspi_str_compare(name, *item);
    if (compared == 0) return index;
    if (compared < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return -1;
}

int32_t lnspi_safetensors_find(const lnsp_file *file, const char *name) {
  return safetensors_bisect(file->entries, sizeof(lnspi_entry), file->by_name,
                            file->tensor_count, name);
}

const char *lnspi_safetensors_metadata(const lnsp_file *file, const char *key) {
  const int32_t index = safetensors_bisect(file->pairs, sizeof(lnsp_key_value), file->by_key,
                                           file->pair_count, key);
  return index < 0 ? NULL : file->pairs[index].value;
}

void lnspi_safetensors_tensor(const lnsp_file *file, int32_t index, lnsp_tensor *out) {
  const lnspi_entry *e = &file->entries[index];
  memset(out, 0, sizeof(*out));
  out->name = e->name;
  out->dtype = e->dtype;
  out->rank = e->rank;
  memcpy(out->dims, e->dims, sizeof(out->dims));
}

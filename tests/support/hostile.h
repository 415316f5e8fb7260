/* Files made up in memory, and allocators, sources and sinks that fail on demand. */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include "check.h"
#include "lnsp.h"

#define HOSTILE_MAX_BYTES 8192

/* A file of this JSON (length bytes of it) and so many data bytes; gives its size. */
static inline size_t hostile_make(uint8_t *to, const char *json, size_t length,
                                  size_t data_bytes) {
  size_t i;
  for (i = 0; i < 8; i++) to[i] = (uint8_t)((uint64_t)length >> (8 * i));
  memcpy(to + 8, json, length);
  for (i = 0; i < data_bytes; i++) to[8 + length + i] = (uint8_t)(i * 7 + 1);
  return 8 + length + data_bytes;
}

/* Opens a copy that ends where its allocation ends, so that a read past the end
 * is seen by a memory checker; reads everything from what opens. */
static inline int32_t hostile_open(const uint8_t *data, size_t bytes, lnsp_error *error) {
  uint8_t *copy = malloc(bytes ? bytes : 1);
  lnsp_file *file = (lnsp_file *)(uintptr_t)1;
  int32_t status, i;
  memcpy(copy, data, bytes);
  memset(error, 0, sizeof(*error));
  status = lnsp_file_open_memory(copy, bytes, NULL, &file, error);
  if (status) {
    CHECK(file == NULL);
    CHECK_INT(error->code, status);
    CHECK(error->message[0] != 0);
    CHECK(error->offset >= -1 && error->offset <= (int64_t)bytes);
  }
  for (i = 0; !status && i < lnsp_file_tensor_count(file); i++) {
    lnsp_tensor tensor;
    int64_t count = 1;
    int32_t k;
    void *out;
    CHECK_INT(lnsp_file_tensor_at(file, i, &tensor, NULL), LNSP_OK);
    for (k = 0; k < tensor.rank; k++) count *= tensor.dims[k];
    CHECK(count >= 0 && (uint64_t)count * lnsp_dtype_bytes(tensor.dtype) <= bytes);
    out = malloc((size_t)count * 8 + 1);
    CHECK_INT(lnsp_file_read(file, tensor.name, 0, count, tensor.dtype, out, NULL), LNSP_OK);
    lnsp_file_read(file, tensor.name, 0, count, LNSP_F32, out, NULL);
    lnsp_file_read(file, tensor.name, 0, count, LNSP_I32, out, NULL);
    free(out);
  }
  for (i = 0; !status; i++) {
    lnsp_key_value pair;
    if (lnsp_file_metadata_at(file, i, &pair, NULL)) break;
    CHECK(lnsp_file_metadata(file, pair.key) == pair.value);
  }
  lnsp_file_destroy(file);
  free(copy);
  return status;
}

/* An allocator that counts, and fails from call number fail_from on. */
typedef struct hostile_memory {
  int calls, held, fail_from;
  size_t most_bytes;
} hostile_memory;

static inline void *hostile_allocate(void *user, size_t bytes) {
  hostile_memory *memory = user;
  uint8_t *raw, *at;
  if (memory->calls++ >= memory->fail_from) return NULL;
  memory->held++;
  if (bytes > memory->most_bytes) memory->most_bytes = bytes;
  raw = malloc(bytes + 128);
  memset(raw, 0xa5, bytes + 128);
  at = raw + sizeof(raw);
  at += (64 - (uintptr_t)at % 64) % 64;
  memcpy(at - sizeof(raw), &raw, sizeof(raw));
  return at;
}

static inline void hostile_release(void *user, void *block, size_t bytes) {
  hostile_memory *memory = user;
  uint8_t *raw;
  (void)bytes;
  memcpy(&raw, (uint8_t *)block - sizeof(raw), sizeof(raw));
  memory->held--;
  free(raw);
}

static inline void hostile_options(lnsp_options *options, lnsp_allocator *allocator,
                                   hostile_memory *memory) {
  memset(memory, 0, sizeof(*memory));
  memory->fail_from = 1 << 30;
  memset(allocator, 0, sizeof(*allocator));
  allocator->struct_size = sizeof(*allocator);
  allocator->user = memory;
  allocator->allocate = hostile_allocate;
  allocator->release = hostile_release;
  memset(options, 0, sizeof(*options));
  options->struct_size = sizeof(*options);
  options->allocator = allocator;
}

/* Bytes in memory that are read, and written, until call number fail_at. */
typedef struct hostile_bytes {
  uint8_t *data;
  size_t bytes, capacity;
  int calls, fail_at;
} hostile_bytes;

static inline int32_t hostile_read(void *user, uint64_t offset, void *to, size_t bytes) {
  hostile_bytes *from = user;
  if (from->calls++ == from->fail_at) return 1;
  CHECK(offset <= from->bytes && bytes <= from->bytes - offset);
  memcpy(to, from->data + offset, bytes);
  return 0;
}

static inline int32_t hostile_write(void *user, const void *from, size_t bytes) {
  hostile_bytes *to = user;
  if (to->calls++ == to->fail_at || bytes > to->capacity - to->bytes) return 1;
  memcpy(to->data + to->bytes, from, bytes);
  to->bytes += bytes;
  return 0;
}

#endif

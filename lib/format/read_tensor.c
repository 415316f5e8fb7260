/* Reads elements of a file's tensor, converted to the type wanted.
 *
 * Conversions are the exact ones, and F64 to F32, which rounds to nearest. Integers must fit:
 * a conversion that may overflow is read twice, first only to look, so that a value that does
 * not fit leaves the output untouched. Pieces of 256 elements go through the stack.
 *
 * Without a conversion the bytes go straight into the output, in pieces of 2^20 elements, so
 * that a large tensor reports progress. A source that fails in the middle leaves what was read
 * before. */
#include "format/read_tensor.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fpenv.h"
#include "format/dtype.h"
#include "kernels/kernels.h"

#define READ_TENSOR_PIECE ((size_t)1 << 20) /* elements of a read */
#define READ_TENSOR_ELEMENTS 256 /* at a time, on the stack */

/* Turns little-endian elements into the host's byte order, in place. */
static void read_tensor_order(void *data, size_t count, size_t size) {
  uint8_t *at = data;
  if (!lnspi_host_is_big()) return;
  for (; count--; at += size) {
    for (size_t i = 0; i < size / 2; i++) {
      uint8_t kept = at[i];
      at[i] = at[size - 1 - i];
      at[size - 1 - i] = kept;
    }
  }
}

static int read_tensor_is_integer(int32_t dtype) {
  return dtype >= LNSP_I8 && dtype <= LNSP_BOOL;
}

static int read_tensor_is_known(int32_t from, int32_t to) {
  if (from == to) return 1;
  if (to == LNSP_F32) return from == LNSP_F16 || from == LNSP_BF16 || from == LNSP_F64;
  return (to == LNSP_I64 || to == LNSP_I32) && read_tensor_is_integer(from);
}

/* Reads one little-endian integer; returns 0 if it is beyond int64. */
static int read_tensor_integer(int32_t dtype, const uint8_t *p, int64_t *out) {
  uint64_t u;
  switch (dtype) {
    case LNSP_I8: *out = (int8_t)p[0]; return 1;
    case LNSP_I16: *out = (int16_t)lnspi_load16(p); return 1;
    case LNSP_I32: *out = (int32_t)lnspi_load32(p); return 1;
    case LNSP_I64: *out = (int64_t)lnspi_load64(p); return 1;
    case LNSP_U8: *out = p[0]; return 1;
    case LNSP_U16: *out = lnspi_load16(p); return 1;
    case LNSP_U32: *out = lnspi_load32(p); return 1;
    case LNSP_BOOL: *out = p[0] != 0; return 1;
    default:
      u = lnspi_load64(p);
      *out = (int64_t)u;
      return u <= INT64_MAX;
  }
}

static int read_tensor_may_overflow(int32_t from, int32_t to) {
  if (from == to) return 0;
  if (to == LNSP_I64) return from == LNSP_U64;
  return to == LNSP_I32 && (from == LNSP_I64 || from == LNSP_U64 || from == LNSP_U32);
}

static void read_tensor_floats(int32_t from, const uint8_t *raw, size_t count, float *to) {
  uint16_t half[READ_TENSOR_ELEMENTS];
  if (from == LNSP_F64) {
    for (size_t i = 0; i < count; i++) {
      uint64_t bits = lnspi_load64(raw + 8 * i);
      double value;
      memcpy(&value, &bits, sizeof(value));
      to[i] = (float)value;
    }
    return;
  }
  for (size_t i = 0; i < count; i++) half[i] = lnspi_load16(raw + 2 * i);
  if (from == LNSP_F16)
    lnspi_kernels_scalar.f16_to_f32(to, half, (int64_t)count);
  else
    lnspi_kernels_scalar.bf16_to_f32(to, half, (int64_t)count);
}

typedef struct read_tensor_job {
  lnsp_file *file;
  const lnspi_entry *entry;
  int64_t first, count;
  int32_t dtype;
  size_t size; /* of one element in the file */
  uint8_t *out;
  lnsp_error *error;
} read_tensor_job;

static int32_t read_tensor_fetch(const read_tensor_job *job, int64_t first, size_t count,
                                 void *to) {
  uint64_t offset = job->file->data_offset + job->entry->begin + (uint64_t)first * job->size;
  const lnsp_source *source = &job->file->source;
  if (source->read(source->user, offset, to, count * job->size) != 0)
    return lnspi_error_set_at(job->error, LNSP_E_IO, (int64_t)offset, job->entry->name,
                              "reading %zu bytes at byte %llu of the file (tensor '%s') failed",
                              count * job->size, (unsigned long long)offset, job->entry->name);
  return lnspi_progress_add(&job->file->progress, count * job->size, job->error);
}

/* Converts piece by piece; job->out NULL: only checks whether all fit. */
static int32_t read_tensor_pieces(const read_tensor_job *job) {
  const size_t to_size = lnspi_dtype_bytes(job->dtype);
  uint8_t raw[READ_TENSOR_ELEMENTS * 8];
  float floats[READ_TENSOR_ELEMENTS];
  int64_t done, value;
  size_t n, i;
  for (done = 0; done < job->count; done += (int64_t)n) {
    uint8_t *to = job->out ? job->out + (size_t)done * to_size : NULL;
    int32_t status;
    n = job->count - done < READ_TENSOR_ELEMENTS ? (size_t)(job->count - done)
                                                 : READ_TENSOR_ELEMENTS;
    status = read_tensor_fetch(job, job->first + done, n, raw);
    if (status) return status;
    if (job->dtype == LNSP_F32) {
      read_tensor_floats(job->entry->dtype, raw, n, floats);
      if (to) memcpy(to, floats, n * sizeof(float));
      continue;
    }
    for (i = 0; i < n; i++) {
      int fits = read_tensor_integer(job->entry->dtype, raw + i * job->size, &value);
      if (!fits || (job->dtype == LNSP_I32 && (value < INT32_MIN || value > INT32_MAX)))
        return lnspi_error_set(job->error, LNSP_E_LIMIT, job->entry->name,
                               "element %lld of tensor '%s' does not fit into %s",
                               (long long)(job->first + done) + (long long)i, job->entry->name,
                               lnspi_dtype_name(job->dtype));
      if (to && job->dtype == LNSP_I32) {
        int32_t narrow = (int32_t)value;
        memcpy(to + 4 * i, &narrow, 4);
      } else if (to) {
        memcpy(to + 8 * i, &value, 8);
      }
    }
  }
  return LNSP_OK;
}

static int32_t read_tensor_same(const read_tensor_job *job) {
  if (job->count == 0) return LNSP_OK;
  size_t done = 0, n;
  for (; done < (size_t)job->count; done += n) { /* in pieces, so that it can be cancelled */
    const size_t left = (size_t)job->count - done;
    n = left < READ_TENSOR_PIECE ? left : READ_TENSOR_PIECE;
    int32_t status =
        read_tensor_fetch(job, job->first + (int64_t)done, n, job->out + done * job->size);
    if (status) return status;
  }
  read_tensor_order(job->out, done, job->size);
  return LNSP_OK;
}

int32_t lnspi_read_tensor(lnsp_file *file, int32_t index, int64_t first, int64_t count,
                          int32_t dtype, void *out, lnsp_error *error) {
  const lnspi_entry *e = &file->entries[index];
  read_tensor_job job = {file, e, first, count, dtype, lnspi_dtype_bytes(e->dtype), out, error};
  int64_t elements = (int64_t)((e->end - e->begin) / job.size);
  int32_t status = LNSP_OK;
  lnspi_fpenv saved;
  if (first < 0 || count < 0 || first > elements || count > elements - first)
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, e->name,
        "elements %lld to %lld of tensor '%s' were asked for, but it has %lld",
        (long long)first, (long long)((uint64_t)first + (uint64_t)count), e->name,
        (long long)elements);
  if (!read_tensor_is_known(e->dtype, dtype))
    return lnspi_error_set(error, LNSP_E_DTYPE, e->name,
                           "tensor '%s' is %s and cannot be read as %s", e->name,
                           lnspi_dtype_name(e->dtype), lnspi_dtype_name(dtype));
  if ((uint64_t)count > SIZE_MAX / 8)
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, e->name,
        "%lld elements of tensor '%s' are more than this machine can address", (long long)count,
        e->name);
  if (e->dtype == dtype) return read_tensor_same(&job);
  if (read_tensor_may_overflow(e->dtype, dtype)) { /* look first: out stays as it was */
    job.out = NULL;
    status = read_tensor_pieces(&job);
    job.out = out;
  }
  if (status) return status;
  saved = lnspi_fpenv_enter(); /* F64 is rounded to nearest whatever the caller has set */
  status = read_tensor_pieces(&job);
  lnspi_fpenv_leave(saved);
  return status;
}

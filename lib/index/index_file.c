/* Index files: safetensors with `vectors`, `ids` and, for I8, `scales`.
 *
 * Opening makes a copy, to which vectors can be added, or borrows the tensors from a file in
 * memory (flash, a mapped file), which needs no memory but the handle and perhaps an order.
 *
 *   vectors  [n, width], F32, F16 or I8: the only one that must be there
 *   ids      [n] I64; without it the id of a vector is its row
 *   scales   [n] F32, only with I8: a vector is its codes times its scale
 *
 * A borrowed file is used as it is in memory, so its elements must be aligned and the host
 * little-endian; a copy has neither condition. An order (rows by their ids, for look-ups) is
 * made only if the ids do not ascend, as those do that lnsp_index_add numbers by itself.
 *
 * Values are checked once, unless the caller trusts the file: a score that is NaN would compare
 * as neither better nor worse and spoil the search's heap. Vectors need not have length 1; how
 * long they may be is bounded, so that no sum overflows. Ids must be different and not
 * negative, which sorting finds. */
#include "index/index_file.h"

#include "base/arena.h"
#include "base/error.h"
#include "format/dtype.h"
#include "format/read_tensor.h"
#include "format/writer.h"

enum { INDEX_FILE_VECTORS, INDEX_FILE_IDS, INDEX_FILE_SCALES, INDEX_FILE_TENSORS };
static const char *const index_file_names[INDEX_FILE_TENSORS] = {"vectors", "ids", "scales"};

/* What the header says, and the options with what they left open filled in from it. */
typedef struct index_file_parts {
  int32_t at[INDEX_FILE_TENSORS]; /* index in the file; -1: not there */
  lnsp_index_options settings;
  int64_t count;
} index_file_parts;

/* Compares the options with the tensor, and fills in what they leave open. */
static int32_t index_file_vectors(const lnspi_entry *vectors, index_file_parts *parts,
                                  lnsp_error *error) {
  lnsp_index_options *s = &parts->settings;
  if (vectors->rank != 2)
    return lnspi_error_set(error, LNSP_E_SHAPE, "vectors", "'vectors' must be [any, width]");
  if (s->width && s->width != vectors->dims[1])
    return lnspi_error_set(error, LNSP_E_MISMATCH, "vectors",
                           "the vectors of the file have width %lld, not %lld",
                           (long long)vectors->dims[1], (long long)s->width);
  if (s->dtype && s->dtype != vectors->dtype)
    return lnspi_error_set(
        error, LNSP_E_MISMATCH, "vectors",
        "the vectors of the file are %s, not %s: add them to a new index to convert them",
        lnspi_dtype_name(vectors->dtype), lnspi_dtype_name(s->dtype));
  parts->count = vectors->dims[0];
  s->width = vectors->dims[1];
  s->dtype = vectors->dtype;
  if (s->capacity && s->capacity < parts->count)
    return lnspi_error_set(error, LNSP_E_LIMIT, "vectors",
                           "the file has %lld vectors, but a capacity of %lld was asked for",
                           (long long)parts->count, (long long)s->capacity);
  if (!s->capacity) s->capacity = parts->count;
  return LNSP_OK;
}

/* Reads the header; other tensors are ignored. */
static int32_t index_file_look(const lnsp_file *file, const lnsp_index_options *settings,
                               index_file_parts *parts, lnsp_error *error) {
  parts->settings = *settings;
  for (int i = 0; i < INDEX_FILE_TENSORS; i++)
    parts->at[i] = lnspi_safetensors_find(file, index_file_names[i]);
  if (parts->at[INDEX_FILE_VECTORS] < 0)
    return lnspi_error_set(error, LNSP_E_MISSING, "vectors",
                           "the file has no tensor 'vectors': it is not an index");
  int32_t status =
      index_file_vectors(&file->entries[parts->at[INDEX_FILE_VECTORS]], parts, error);
  if (status != LNSP_OK) return status;
  if (parts->settings.dtype != LNSP_I8) {
    parts->at[INDEX_FILE_SCALES] = -1;
  } else if (parts->at[INDEX_FILE_SCALES] < 0) {
    return lnspi_error_set(error, LNSP_E_MISSING, "scales",
                           "the vectors of the file are I8, but it has no tensor 'scales'");
  }
  for (int i = INDEX_FILE_IDS; i < INDEX_FILE_TENSORS; i++) {
    if (parts->at[i] < 0) continue;
    const lnspi_entry *e = &file->entries[parts->at[i]];
    const int32_t dtype = i == INDEX_FILE_IDS ? LNSP_I64 : LNSP_F32;
    if (e->dtype != dtype)
      return lnspi_error_set(error, LNSP_E_DTYPE, e->name, "tensor '%s' is %s, but must be %s",
                             e->name, lnspi_dtype_name(e->dtype), lnspi_dtype_name(dtype));
    if (e->rank != 1 || e->dims[0] != parts->count)
      return lnspi_error_set(error, LNSP_E_SHAPE, e->name,
                             "tensor '%s' must be [%lld]: one for each vector", e->name,
                             (long long)parts->count);
  }
  return LNSP_OK;
}

/* Refuses vectors that are not finite, or too long for sums. */
static int32_t index_file_check(const lnsp_index *index, lnsp_error *error) {
  const lnspi_kernels *k = index->k;
  const int64_t width = index->width;
  const int64_t scales = index->scales ? index->count : 0;
  for (int64_t r = 0; r < scales; r++)
    if (!(index->scales[r] >= 0 && index->scales[r] <= 0x1p50f))
      return lnspi_error_set(error, LNSP_E_NOT_FINITE, "scales",
                             "the scale of row %lld is negative, above 1e15, or NaN",
                             (long long)r);
  const int64_t floats = index->dtype == LNSP_F32 ? index->count : 0;
  for (int64_t r = 0; r < floats; r++) {
    int32_t status = lnspi_index_check(k, (const float *)index->vectors + r * width, width, 1,
                                       "vectors", r, error);
    if (status != LNSP_OK) return status;
  }
  const uint16_t *halves = index->vectors;
  const int64_t half_count = index->dtype == LNSP_F16 ? index->count * width : 0;
  for (int64_t i = 0; i < half_count; i++)
    if ((halves[i] & 0x7c00) == 0x7c00)
      return lnspi_error_set(error, LNSP_E_NOT_FINITE, "vectors",
                             "'vectors' has NaN or infinity in row %lld",
                             (long long)(i / width));
  return LNSP_OK;
}

/* ---- a copy ---- */

/* Reads the tensors into a new index, and sorts its ids. */
static int32_t index_file_fill(lnsp_file *file, const index_file_parts *parts,
                               lnsp_index *index, lnsp_error *error) {
  const int64_t n = parts->count, width = index->width;
  int32_t status = LNSP_OK;
  lnspi_progress_restart(&file->progress, file->data_bytes);
  if (parts->at[INDEX_FILE_IDS] < 0)
    for (int64_t i = 0; i < n; i++) index->ids[i] = i;
  else
    status =
        lnspi_read_tensor(file, parts->at[INDEX_FILE_IDS], 0, n, LNSP_I64, index->ids, error);
  if (status == LNSP_OK && index->scales)
    status = lnspi_read_tensor(file, parts->at[INDEX_FILE_SCALES], 0, n, LNSP_F32,
                               index->scales, error);
  if (status == LNSP_OK)
    status = lnspi_read_tensor(file, parts->at[INDEX_FILE_VECTORS], 0, n * width, index->dtype,
                               index->vectors, error);
  if (status == LNSP_OK) status = lnspi_index_sort(index, 0, n, LNSP_E_FORMAT, error);
  if (status == LNSP_OK) status = lnspi_progress_end(&file->progress, error);
  if (status == LNSP_OK) index->count = n;
  return status;
}

/* ---- borrowed ---- */

static int32_t index_file_aligned(const lnsp_file *file, const index_file_parts *parts,
                                  const void *base, lnsp_error *error) {
  if (lnspi_host_is_big())
    return lnspi_error_set(error, LNSP_E_UNSUPPORTED, NULL,
                           "index files are little-endian, but this host is not: open a copy");
  for (int i = 0; i < INDEX_FILE_TENSORS; i++) {
    if (parts->at[i] < 0) continue;
    const lnspi_entry *e = &file->entries[parts->at[i]];
    const uintptr_t at = (uintptr_t)base + (uintptr_t)(file->data_offset + e->begin);
    if (at % lnspi_dtype_bytes(e->dtype))
      return lnspi_error_set(
          error, LNSP_E_FORMAT, e->name,
          "tensor '%s' is not aligned to its elements of %zu bytes: open a copy, or move the "
          "file in memory",
          e->name, lnspi_dtype_bytes(e->dtype));
  }
  return LNSP_OK;
}

/* Where a tensor is in the bytes that the file was opened over; NULL: not there. */
static void *index_file_at(const lnsp_file *file, const index_file_parts *parts, int tensor,
                           const void *base) {
  if (parts->at[tensor] < 0) return NULL;
  return (void *)((uintptr_t)base +
                  (uintptr_t)(file->data_offset + file->entries[parts->at[tensor]].begin));
}

/* Whether ids ascend, and so need no order. */
static int index_file_ascends(const int64_t *ids, int64_t n) {
  if (!ids || n == 0) return 1;
  for (int64_t i = 1; i < n; i++)
    if (ids[i] <= ids[i - 1]) return 0;
  return ids[0] >= 0;
}

/* Makes the handle of a borrowed index. Two passes over the arena: count, then place. *out is
 * set even if the order is refused, so that the caller frees it. */
static int32_t index_file_borrow(const lnsp_file *file, const index_file_parts *parts,
                                 const void *base, const lnsp_options *options,
                                 lnsp_index **out, lnsp_error *error) {
  lnsp_index fresh;
  lnspi_arena arena = {NULL, 0, 0, 0};
  const lnsp_index_options *s = &parts->settings;
  memset(&fresh, 0, sizeof fresh);
  int32_t status = index_file_aligned(file, parts, base, error);
  if (status != LNSP_OK) return status;
  fresh.k = lnspi_index_kernels(options->isa, s->dtype, error);
  if (!fresh.k) return error->code;
  fresh.ids = index_file_at(file, parts, INDEX_FILE_IDS, base);
  fresh.scales = index_file_at(file, parts, INDEX_FILE_SCALES, base);
  fresh.vectors = index_file_at(file, parts, INDEX_FILE_VECTORS, base);
  fresh.owners = fresh.borrowed = 1;
  fresh.dtype = s->dtype;
  fresh.width = s->width;
  fresh.capacity = fresh.count = parts->count;
  const uint64_t rows = index_file_ascends(fresh.ids, fresh.count) ? 0 : (uint64_t)fresh.count;
  for (int pass = 0; pass < 2; pass++) {
    lnsp_index *index = LNSPI_ARENA_STRUCT(&arena, lnsp_index, LNSPI_INDEX_BYTES);
    fresh.order = lnspi_arena_alloc(&arena, rows, sizeof(int32_t));
    fresh.spare = lnspi_arena_alloc(&arena, rows, sizeof(int32_t));
    if (pass) *out = index;
    if (pass) break;
    status = lnspi_block_open(&fresh.block, options, arena.used, error);
    if (status != LNSP_OK) return status;
    arena = (lnspi_arena){fresh.block.memory, 0, fresh.block.bytes, 0};
  }
  if (rows) status = lnspi_index_sort(&fresh, 0, fresh.count, LNSP_E_FORMAT, error);
  if (!rows) fresh.order = NULL;
  **out = fresh;
  return status;
}

int32_t lnspi_index_file_open(lnsp_file *file, const void *base,
                              const lnsp_index_options *settings, const lnsp_options *options,
                              lnsp_index **out, lnsp_error *error) {
  index_file_parts parts;
  lnsp_error own;
  lnsp_index *index = NULL;
  uint64_t bytes;
  if (!error) error = &own;
  int32_t status = index_file_look(file, settings, &parts, error);
  if (status == LNSP_OK) status = lnspi_index_measure(&parts.settings, &bytes, error);
  if (status != LNSP_OK) return status;
  if (base) {
    status = index_file_borrow(file, &parts, base, options, &index, error);
  } else {
    status = lnspi_index_create(&parts.settings, options, &index, error);
    if (status == LNSP_OK) status = index_file_fill(file, &parts, index, error);
  }
  if (status == LNSP_OK && !settings->skip_checks) status = index_file_check(index, error);
  if (status != LNSP_OK) {
    lnspi_index_release(index);
    return status;
  }
  *out = index;
  return LNSP_OK;
}

/* ---- save ---- */

static int32_t index_file_write(lnsp_writer *writer, const lnsp_tensor *tensors, int32_t count,
                                lnsp_error *error) {
  for (int32_t i = 0; i < count; i++) {
    const lnsp_tensor *t = &tensors[i];
    const size_t elements = (size_t)(t->dims[0] * (t->rank == 2 ? t->dims[1] : 1));
    int32_t status =
        lnspi_writer_write(writer, t->data, elements * lnspi_dtype_bytes(t->dtype), error);
    if (status != LNSP_OK) return status;
  }
  return lnspi_writer_close(writer, error);
}

int32_t lnspi_index_file_save(const lnsp_index *index, const lnsp_sink *sink,
                              lnsp_error *error) {
  const lnsp_key_value pair = {"lnsp.index", "1"};
  lnsp_tensor tensors[INDEX_FILE_TENSORS];
  const lnsp_options options = lnspi_block_options(&index->block);
  lnsp_writer *writer = NULL;
  int32_t count = 0;
  memset(tensors, 0, sizeof tensors);
  if (index->ids)
    tensors[count++] = (lnsp_tensor){"ids", LNSP_I64, 1, {index->count}, {0}, index->ids};
  if (index->scales)
    tensors[count++] = (lnsp_tensor){"scales", LNSP_F32, 1, {index->count}, {0}, index->scales};
  tensors[count++] = (lnsp_tensor){"vectors", index->dtype,  2, {index->count, index->width},
                                   {0},       index->vectors};
  int32_t status = lnspi_writer_open(sink, tensors, count, &pair, 1, &options, &writer, error);
  if (status == LNSP_OK) status = index_file_write(writer, tensors, count, error);
  lnspi_writer_destroy(writer);
  return status;
}

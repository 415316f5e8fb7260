/* lnsp_index_*, lnsp_search_*: vectors with ids, and the search for the nearest.
 *
 * An index that is opened from a file or a path is a copy, in a block with room for the
 * capacity that the options ask for. One that is opened borrowed points into the caller's bytes
 * (flash, a mapped file): a lnsp_file is opened over them for as long as the header is read,
 * and its offsets become pointers. Such an index can be searched and saved, not changed.
 *
 * A search has the working memory of one run at a time and counts as an owner of its index,
 * like the index handle itself; the last of them to be destroyed frees the vectors. Add and
 * remove must not run at the same time as a search, but need no notice: a search keeps no copy
 * of the count, and reads it in each run.
 *
 * Add checks every vector and its id before the count changes, and remove marks all ids before
 * it moves a row; so a call that fails, or is cancelled by progress, leaves the index as it
 * was, although free places may hold other bytes. */
#include "api/api.h"
#include "api/path_write.h"
#include "base/struct.h"
#include "index/index_file.h"
#include "index/search.h"

#define API_INDEX_READS (LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_ISA)

/* Reads the index options. A type that is 0 means float32 for a new index, and when opening
 * what the file has. */
static int32_t api_index_settings_read(const lnsp_index_options *from, int open,
                                       lnsp_index_options *to, lnsp_error *error) {
  int32_t status = lnspi_struct_read(to, sizeof *to, from, "lnsp_index_options", error);
  if (!status && !to->dtype && !open) to->dtype = LNSP_F32;
  return status;
}

LNSP_API int32_t lnsp_index_measure(const lnsp_index_options *index_options, uint64_t *bytes,
                                    lnsp_error *error) {
  lnsp_index_options read;
  API_NEED(index_options, error);
  API_NEED(bytes, error);
  int32_t status = api_index_settings_read(index_options, 0, &read, error);
  return status ? status : lnspi_index_measure(&read, bytes, error);
}

LNSP_API int32_t lnsp_index_create(const lnsp_index_options *index_options,
                                   const lnsp_options *options, lnsp_index **out,
                                   lnsp_error *error) {
  lnsp_index_options read;
  lnsp_options own;
  API_OUT(out, error);
  API_NEED(index_options, error);
  int32_t status = api_index_settings_read(index_options, 0, &read, error);
  if (!status) status = API_OPTIONS(options, API_INDEX_READS, &own, error);
  return status ? status : lnspi_index_create(&read, &own, out, error);
}

/* From a file (base NULL: the index is a copy), or from the bytes that the file is in, which it
 * then borrows. options: already read. */
static int32_t api_index_open(lnsp_file *file, const void *base,
                              const lnsp_index_options *index_options,
                              const lnsp_options *options, lnsp_index **out,
                              lnsp_error *error) {
  lnsp_index_options read;
  int32_t status = api_index_settings_read(index_options, 1, &read, error);
  if (status) return status;
  API_RETURN(lnspi_index_file_open(file, base, &read, options, out, error));
}

LNSP_API int32_t lnsp_index_open_file(lnsp_file *file, const lnsp_index_options *index_options,
                                      const lnsp_options *options, lnsp_index **out,
                                      lnsp_error *error) {
  lnsp_options own;
  API_OUT(out, error);
  API_NEED(file, error);
  int32_t status = API_OPTIONS(options, API_INDEX_READS, &own, error);
  return status ? status : api_index_open(file, NULL, index_options, &own, out, error);
}

LNSP_API int32_t lnsp_index_open(const char *path, const lnsp_index_options *index_options,
                                 const lnsp_options *options, lnsp_index **out,
                                 lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status = API_SPLIT(options, API_INDEX_READS, &small, &own, error);
  if (!status) status = lnsp_file_open(path, &small, &file, error);
  if (!status) status = api_index_open(file, NULL, index_options, &own, out, error);
  lnsp_file_destroy(file);
  return status;
}

LNSP_API int32_t lnsp_index_open_borrowed(const void *data, size_t bytes,
                                          const lnsp_index_options *index_options,
                                          const lnsp_options *options, lnsp_index **out,
                                          lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(data, error);
  int32_t status = API_SPLIT(options, API_INDEX_READS, &small, &own, error);
  if (!status) status = lnsp_file_open_memory(data, bytes, &small, &file, error);
  if (!status) status = api_index_open(file, data, index_options, &own, out, error);
  lnsp_file_destroy(file);
  return status;
}

LNSP_API int32_t lnsp_index_add(lnsp_index *index, const lnsp_tensor *vectors,
                                const int64_t *ids, lnsp_error *error) {
  API_NEED(index, error);
  API_NEED(vectors, error);
  API_RETURN(lnspi_index_add(index, vectors, ids, error));
}

LNSP_API int32_t lnsp_index_remove(lnsp_index *index, const int64_t *ids, int64_t count,
                                   lnsp_error *error) {
  API_NEED(index, error);
  if (count < 0)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "count is %lld", (long long)count);
  if (count > 0) API_NEED(ids, error);
  return lnspi_index_remove(index, ids, count, error);
}

LNSP_API int32_t lnsp_index_get_info(const lnsp_index *index, lnsp_index_info *out,
                                     lnsp_error *error) {
  lnsp_index_info facts;
  API_NEED(index, error);
  API_NEED(out, error);
  memset(&facts, 0, sizeof facts);
  facts.dtype = index->dtype;
  facts.width = index->width;
  facts.count = index->count;
  facts.capacity = index->capacity;
  facts.bytes = index->block.bytes;
  facts.borrowed = index->borrowed;
  return lnspi_struct_write(out, &facts, sizeof facts, "lnsp_index_info", error);
}

LNSP_API int32_t lnsp_index_read(const lnsp_index *index, int64_t id, float *out, int64_t count,
                                 lnsp_error *error) {
  API_NEED(index, error);
  API_NEED(out, error);
  if (count != index->width)
    return lnspi_error_set(error, LNSP_E_SHAPE, NULL,
                           "the index has vectors of %lld elements, not %lld",
                           (long long)index->width, (long long)count);
  const int64_t place = lnspi_index_find(index, id);
  if (place < 0)
    return lnspi_error_set(error, LNSP_E_MISSING, NULL, "there is no vector with the id %lld",
                           (long long)id);
  API_COMPUTE(lnspi_index_vector(index, lnspi_index_row(index, place), out));
  return LNSP_OK;
}

LNSP_API int32_t lnsp_index_ids(const lnsp_index *index, int64_t first, int64_t count,
                                int64_t *ids, lnsp_error *error) {
  API_NEED(index, error);
  if (first < 0 || count < 0 || first > index->count || count > index->count - first)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "%lld ids from number %lld on were asked for, but there are %lld",
                           (long long)count, (long long)first, (long long)index->count);
  if (count > 0) API_NEED(ids, error);
  for (int64_t i = 0; i < count; i++) ids[i] = lnspi_index_id(index, first + i);
  return LNSP_OK;
}

static int32_t api_index_save_to(void *user, const lnsp_sink *sink, lnsp_error *error) {
  return lnspi_index_file_save(user, sink, error);
}

LNSP_API int32_t lnsp_index_save(const lnsp_index *index, const char *path, lnsp_error *error) {
  API_NEED(index, error);
  API_NEED(path, error);
  return lnspi_path_write(path, api_index_save_to, (void *)(uintptr_t)index, error);
}

LNSP_API int32_t lnsp_index_save_sink(const lnsp_index *index, const lnsp_sink *sink,
                                      lnsp_error *error) {
  lnsp_sink own;
  API_NEED(index, error);
  int32_t status = API_SINK(sink, &own, error);
  return status ? status : lnspi_index_file_save(index, &own, error);
}

LNSP_API void lnsp_index_destroy(lnsp_index *index) { lnspi_index_release(index); }

/* ---- search ---- */

LNSP_API int32_t lnsp_search_measure(const lnsp_index_options *index_options,
                                     const lnsp_search_options *search_options, uint64_t *bytes,
                                     lnsp_error *error) {
  lnsp_index_options read;
  lnsp_search_options own;
  API_NEED(index_options, error);
  API_NEED(bytes, error);
  int32_t status = api_index_settings_read(index_options, 0, &read, error);
  if (!status)
    status = lnspi_struct_read(&own, sizeof own, search_options, "lnsp_search_options", error);
  return status ? status : lnspi_search_measure(&read, &own, bytes, error);
}

LNSP_API int32_t lnsp_search_create(lnsp_index *index,
                                    const lnsp_search_options *search_options,
                                    const lnsp_options *options, lnsp_search **out,
                                    lnsp_error *error) {
  lnsp_search_options read;
  lnsp_options own;
  API_OUT(out, error);
  API_NEED(index, error);
  int32_t status =
      lnspi_struct_read(&read, sizeof read, search_options, "lnsp_search_options", error);
  if (!status)
    status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_PARALLEL, &own, error);
  return status ? status : lnspi_search_create(index, &read, &own, out, error);
}

LNSP_API int32_t lnsp_search_run(lnsp_search *search, const lnsp_tensor *queries,
                                 const lnsp_tensor *without, int32_t results, int64_t *ids,
                                 float *scores, lnsp_error *error) {
  API_NEED(search, error);
  API_NEED(queries, error);
  API_NEED(ids, error);
  API_NEED(scores, error);
  API_RETURN(lnspi_search_run(search, queries, without, results, ids, scores, error));
}

LNSP_API void lnsp_search_destroy(lnsp_search *search) {
  if (!search) return;
  lnspi_index_release(search->index);
  lnspi_block_close(&search->block);
}

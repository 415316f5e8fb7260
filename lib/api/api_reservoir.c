/* lnsp_reservoir_*: past pairs to train on again (train/reservoir.c has the algorithm).
 *
 * Items are bytes of a fixed length, so adding and sampling cannot fail once the counts are
 * checked, and nothing here depends on how numbers are rounded. Even sample changes the handle:
 * it takes numbers from the generator whose state is saved with the items. */
#include "api/api.h"
#include "api/path_write.h"
#include "base/struct.h"
#include "format/safetensors.h"
#include "train/reservoir.h"

#include <string.h>

LNSP_API int32_t lnsp_reservoir_measure(const lnsp_reservoir_options *reservoir_options,
                                        uint64_t *bytes, lnsp_error *error) {
  lnsp_reservoir_options read;
  API_NEED(reservoir_options, error);
  API_NEED(bytes, error);
  int32_t status =
      lnspi_struct_read(&read, sizeof read, reservoir_options, "lnsp_reservoir_options", error);
  return status ? status : lnspi_reservoir_measure(&read, bytes, error);
}

LNSP_API int32_t lnsp_reservoir_create(const lnsp_reservoir_options *reservoir_options,
                                       const lnsp_options *options, lnsp_reservoir **out,
                                       lnsp_error *error) {
  lnsp_reservoir_options read;
  lnsp_options own;
  API_OUT(out, error);
  API_NEED(reservoir_options, error);
  int32_t status =
      lnspi_struct_read(&read, sizeof read, reservoir_options, "lnsp_reservoir_options", error);
  if (status) return status;
  status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  return status ? status : lnspi_reservoir_create(&read, &own, out, error);
}

static int32_t api_reservoir_negative(lnsp_error *error) {
  return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "the number of items is negative");
}

LNSP_API int32_t lnsp_reservoir_add(lnsp_reservoir *reservoir, const void *items, int64_t count,
                                    lnsp_error *error) {
  API_NEED(reservoir, error);
  if (count < 0) return api_reservoir_negative(error);
  if (count) API_NEED(items, error);
  lnspi_reservoir_add(reservoir, items, count);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_reservoir_sample(lnsp_reservoir *reservoir, int64_t count, void *out,
                                       lnsp_error *error) {
  API_NEED(reservoir, error);
  if (count < 0) return api_reservoir_negative(error);
  if (!count) return LNSP_OK;
  API_NEED(out, error);
  if (!reservoir->count)
    return lnspi_error_set(error, LNSP_E_STATE, NULL,
                           "the reservoir is empty: add items before drawing some");
  lnspi_reservoir_sample(reservoir, count, out);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_reservoir_read(const lnsp_reservoir *reservoir, int64_t first,
                                     int64_t count, void *out, lnsp_error *error) {
  API_NEED(reservoir, error);
  if (first < 0 || count < 0 || first > reservoir->count || count > reservoir->count - first)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "%lld items from number %lld on were asked for, but %lld are kept",
                           (long long)count, (long long)first, (long long)reservoir->count);
  if (!count) return LNSP_OK;
  API_NEED(out, error);
  memcpy(out, reservoir->items + (uint64_t)first * reservoir->item_bytes,
         (size_t)((uint64_t)count * reservoir->item_bytes));
  return LNSP_OK;
}

LNSP_API int32_t lnsp_reservoir_get_info(const lnsp_reservoir *reservoir,
                                         lnsp_reservoir_info *out, lnsp_error *error) {
  lnsp_reservoir_info info;
  API_NEED(reservoir, error);
  API_NEED(out, error);
  memset(&info, 0, sizeof info);
  info.dtype = reservoir->dtype;
  info.width = reservoir->width;
  info.capacity = reservoir->capacity;
  info.count = reservoir->count;
  info.seen = reservoir->seen;
  info.bytes = reservoir->block.bytes;
  return lnspi_struct_write(out, &info, sizeof info, "lnsp_reservoir_info", error);
}

static int32_t api_reservoir_save_to(void *user, const lnsp_sink *sink, lnsp_error *error) {
  return lnspi_reservoir_save(user, sink, error);
}

LNSP_API int32_t lnsp_reservoir_save(const lnsp_reservoir *reservoir, const char *path,
                                     lnsp_error *error) {
  API_NEED(reservoir, error);
  API_NEED(path, error);
  return lnspi_path_write(path, api_reservoir_save_to, (void *)(uintptr_t)reservoir, error);
}

LNSP_API int32_t lnsp_reservoir_open_file(lnsp_file *file, const lnsp_options *options,
                                          lnsp_reservoir **out, lnsp_error *error) {
  lnsp_options own;
  API_OUT(out, error);
  API_NEED(file, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  return status ? status : lnspi_reservoir_open(file, &own, out, error);
}

LNSP_API int32_t lnsp_reservoir_open(const char *path, const lnsp_options *options,
                                     lnsp_reservoir **out, lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status = API_SPLIT(options, LNSPI_OPTIONS_BLOCK, &small, &own, error);
  if (!status) status = lnsp_file_open(path, &small, &file, error);
  if (!status) status = lnsp_reservoir_open_file(file, &own, out, error);
  lnsp_file_destroy(file);
  return status;
}

LNSP_API void lnsp_reservoir_destroy(lnsp_reservoir *reservoir) {
  if (reservoir) lnspi_block_close(&reservoir->block);
}

/* Checks a header as a whole: no name twice, and data without holes.
 *
 * safetensors promises that the data of all tensors fill the file exactly: a hole could hide
 * something in a file, an overlap could make two tensors share bytes. Tensors are sorted by
 * offset, and each must begin where the one before it ends, the first at 0, the last at the
 * end. Then they are sorted again, by name: equal names are neighbours, and the order stays
 * for lookups by bisection. Heap sort, because the file chooses the order and could make
 * quicksort quadratic. */
#include "format/header_check.h"

#include "base/error.h"
#include "base/sort.h"
#include "base/str.h"
#include "format/dtype.h"

static int header_check_offset_less(const void *user, int32_t a, int32_t b) {
  const lnspi_entry *entries = user;
  const lnspi_entry *x = &entries[a], *y = &entries[b];
  if (x->begin != y->begin) return x->begin < y->begin;
  return x->end < y->end; /* an empty tensor comes before the one it touches */
}

/* Equal names keep the order of the file, so that the second is the one refused. */
static int header_check_name_less(const void *user, int32_t a, int32_t b) {
  const lnspi_entry *entries = user;
  int order = lnspi_str_compare(entries[a].name, entries[b].name);
  return order ? order < 0 : a < b;
}

static int header_check_key_less(const void *user, int32_t a, int32_t b) {
  const lnsp_key_value *pairs = user;
  int order = lnspi_str_compare(pairs[a].key, pairs[b].key);
  return order ? order < 0 : a < b;
}

/* The offset of a string of the header in the file. */
static int64_t header_check_place(const lnspi_header *header, const char *string) {
  return (int64_t)LNSPI_FILE_START + (string - header->text);
}

static int32_t header_check_sizes(const lnspi_header *header, lnsp_error *error) {
  for (int32_t i = 0; i < header->entry_count; i++) {
    const lnspi_entry *e = &header->entries[i];
    int64_t elements;
    uint64_t bytes;
    if (!lnspi_dtype_shape_bytes(e->dtype, e->rank, e->dims, &elements, &bytes))
      return lnspi_error_set_at(
          error, LNSP_E_FORMAT, header_check_place(header, e->name), e->name,
          "the shape of tensor '%s' is too large: its byte count overflows", e->name);
    if (bytes != e->end - e->begin)
      return lnspi_error_set_at(error, LNSP_E_FORMAT, header_check_place(header, e->name),
                                e->name,
                                "tensor '%s' needs %llu bytes by dtype and shape, but its "
                                "data_offsets span %llu",
                                e->name, (unsigned long long)bytes,
                                (unsigned long long)(e->end - e->begin));
  }
  return LNSP_OK;
}

static int32_t header_check_offsets(lnspi_header *header, uint64_t data_bytes,
                                    lnsp_error *error) {
  const int64_t data_offset = (int64_t)LNSPI_FILE_START + (int64_t)header->bytes;
  uint64_t at = 0;
  int32_t i;
  lnspi_sort_indices(header->by_name, header->entry_count, header_check_offset_less,
                     header->entries);
  for (i = 0; i < header->entry_count; i++) {
    const lnspi_entry *e = &header->entries[header->by_name[i]];
    if (e->begin != at)
      return lnspi_error_set_at(
          error, LNSP_E_FORMAT, header_check_place(header, e->name), e->name,
          "the data of tensor '%s' begins at %llu, but the tensors before it "
          "end at %llu: %s",
          e->name, (unsigned long long)e->begin, (unsigned long long)at,
          e->begin > at ? "there is a hole" : "they overlap");
    at = e->end;
    if (at > data_bytes)
      return lnspi_error_set_at(
          error, LNSP_E_FORMAT, data_offset + (int64_t)data_bytes, e->name,
          "the file is cut short: tensor '%s' ends at data byte %llu, but the "
          "file holds %llu",
          e->name, (unsigned long long)at, (unsigned long long)data_bytes);
  }
  if (at != data_bytes)
    return lnspi_error_set_at(
        error, LNSP_E_FORMAT, data_offset + (int64_t)at, NULL,
        "%llu bytes follow the last tensor: the file is longer than its header says",
        (unsigned long long)(data_bytes - at));
  return LNSP_OK;
}

int32_t lnspi_header_check(lnspi_header *header, uint64_t data_bytes, lnsp_error *error) {
  int32_t status = header_check_sizes(header, error), i;
  if (!status) status = header_check_offsets(header, data_bytes, error);
  if (status) return status;
  lnspi_sort_indices(header->by_name, header->entry_count, header_check_name_less,
                     header->entries);
  for (i = 1; i < header->entry_count; i++) {
    const char *name = header->entries[header->by_name[i]].name;
    if (lnspi_str_compare(header->entries[header->by_name[i - 1]].name, name) == 0)
      return lnspi_error_set_at(error, LNSP_E_FORMAT, header_check_place(header, name), name,
                                "two tensors are named '%s'", name);
  }
  lnspi_sort_indices(header->by_key, header->pair_count, header_check_key_less, header->pairs);
  for (i = 1; i < header->pair_count; i++) {
    const char *key = header->pairs[header->by_key[i]].key;
    if (lnspi_str_compare(header->pairs[header->by_key[i - 1]].key, key) == 0)
      return lnspi_error_set_at(error, LNSP_E_FORMAT, header_check_place(header, key), key,
                                "the metadata has the key '%s' twice", key);
  }
  return LNSP_OK;
}

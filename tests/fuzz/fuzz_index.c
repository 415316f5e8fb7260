/* libFuzzer entry: bytes as an index, borrowed and copied, trusted and not: both ways agree;
 * what opens is searched, read, changed and written again.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *     tests/fuzz/fuzz_index.c lib/lnsp_all.c -lm -o fuzz_index
 */
#include <stdlib.h>
#include <string.h>

#include "lnsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_RESULTS = 5 };

static void fuzz_check(int held) {
  if (!held) abort();
}

typedef struct fuzz_found {
  int64_t ids[2 * FUZZ_RESULTS];
  float scores[2 * FUZZ_RESULTS];
} fuzz_found;

/* Two queries; what is found is there, in order, and not what was left out. */
static fuzz_found fuzz_search(lnsp_index *index, int64_t width, int64_t without) {
  fuzz_found f;
  lnsp_search_options limits = {sizeof limits, 2, FUZZ_RESULTS, 0};
  lnsp_search *search = NULL;
  float *x = malloc(2 * (size_t)width * sizeof *x), *row = malloc((size_t)width * sizeof *row);
  int64_t left[2] = {without, without};
  lnsp_tensor q = lnsp_tensor_f32("q", x, 2, 2, width, 0);
  lnsp_tensor w = {"w", LNSP_I64, 2, {2, 1}, {0}, left};
  if (!x || !row) abort();
  for (int64_t i = 0; i < 2 * width; i++) x[i] = (float)(i % 7) - 2.5f;
  memset(&f, 0, sizeof f);
  fuzz_check(lnsp_search_create(index, &limits, NULL, &search, NULL) == LNSP_OK);
  fuzz_check(lnsp_search_run(search, &q, &w, FUZZ_RESULTS, f.ids, f.scores, NULL) == LNSP_OK);
  for (int i = 0; i < 2 * FUZZ_RESULTS; i++) {
    if (f.ids[i] == LNSP_NO_ID) continue;
    fuzz_check(f.ids[i] != without);
    fuzz_check(lnsp_index_read(index, f.ids[i], row, width, NULL) == LNSP_OK);
    if (i % FUZZ_RESULTS == 0) continue;
    fuzz_check(f.scores[i - 1] >= f.scores[i]);
    fuzz_check(f.scores[i - 1] > f.scores[i] || f.ids[i - 1] < f.ids[i]);
  }
  lnsp_search_destroy(search);
  free(x);
  free(row);
  return f;
}

static int32_t fuzz_write(void *user, const void *from, size_t bytes) {
  (void)from;
  *(size_t *)user += bytes;
  return 0;
}

/* A copy with room for three more, which come and go. */
static void fuzz_change(lnsp_index *index, int64_t width, int64_t count) {
  float *x = calloc(3 * (size_t)width, sizeof *x);
  int64_t first = 0;
  size_t written = 0;
  lnsp_sink sink = {sizeof sink, &written, fuzz_write};
  lnsp_tensor v = lnsp_tensor_f32("v", x, 2, 3, width, 0);
  if (!x) abort();
  for (int64_t i = 0; i < 3; i++) x[i * width] = 1;
  int64_t *ids = malloc((size_t)(count + 3) * sizeof *ids);
  if (!ids) abort();
  int32_t added = lnsp_index_add(index, &v, NULL, NULL);
  fuzz_check(added == LNSP_OK || added == LNSP_E_LIMIT);
  if (added == LNSP_OK) count += 3;
  fuzz_check(lnsp_index_ids(index, 0, count, ids, NULL) == LNSP_OK);
  fuzz_check(lnsp_index_remove(index, ids, count / 2, NULL) == LNSP_OK);
  for (int64_t i = 0; i < count; i++)
    first += lnsp_index_read(index, ids[i], x, width, NULL) == LNSP_OK;
  fuzz_check(first == count - count / 2);
  fuzz_check(lnsp_index_save_sink(index, &sink, NULL) == LNSP_OK && written > 0);
  free(ids);
  free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lnsp_index_options settings = {.struct_size = sizeof settings, .skip_checks = size % 2};
  lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
  lnsp_index *borrowed = NULL, *copy = NULL;
  lnsp_file *file = NULL;
  lnsp_error error;
  uint64_t *aligned = malloc(size + 8);
  if (!aligned) abort();
  memcpy(aligned, data, size);
  int32_t status = lnsp_index_open_borrowed(aligned, size, &settings, NULL, &borrowed, &error);
  if (lnsp_file_open_memory(aligned, size, NULL, &file, NULL) == LNSP_OK) {
    int32_t other = lnsp_index_open_file(file, &settings, NULL, &copy, NULL);
    /* a copy takes what does not lie as it should, or has other integers as ids */
    fuzz_check(other == status || status == LNSP_E_FORMAT);
    if (status != LNSP_OK) fuzz_check(!borrowed && error.code == status);
  }
  if (borrowed && copy) {
    lnsp_index_get_info(borrowed, &facts, NULL);
    int64_t first = LNSP_NO_ID;
    if (facts.count) lnsp_index_ids(borrowed, 0, 1, &first, NULL);
    fuzz_found a = fuzz_search(borrowed, facts.width, first);
    fuzz_found b = fuzz_search(copy, facts.width, first);
    fuzz_check(!memcmp(&a, &b, sizeof a));
    settings.capacity = facts.count + 3;
    lnsp_index_destroy(copy);
    fuzz_check(lnsp_index_open_file(file, &settings, NULL, &copy, NULL) == LNSP_OK);
    fuzz_change(copy, facts.width, facts.count);
  }
  lnsp_index_destroy(borrowed);
  lnsp_index_destroy(copy);
  lnsp_file_destroy(file);
  free(aligned);
  return 0;
}

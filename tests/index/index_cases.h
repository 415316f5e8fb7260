/* Shared by tests of indexes: vectors, an index of them, and what a search finds in it. */
#ifndef TESTS_INDEX_CASES_H
#define TESTS_INDEX_CASES_H

#include <float.h>

#include "hostile.h"
#include "support.h"

enum { WIDTH = 70, MANY = 700, QUERIES = 9, BEST = 12 };
static const int32_t types[] = {LNSP_F32, LNSP_F16, LNSP_I8};
static float vectors[MANY][WIDTH], queries[QUERIES][WIDTH];
static int64_t ids[MANY];

/* Vectors in groups that lie near each other, of all lengths; ids without an order. */
static inline void fill(void) {
  support_fill(vectors[0], MANY * WIDTH, 1);
  support_fill(queries[0], QUERIES * WIDTH, 2);
  for (int i = 0; i < MANY; i++) {
    const float length = .01f + (float)(i % 13) * 7;
    for (int k = 0; k < WIDTH; k++) {
      if (i >= 20) vectors[i][k] = vectors[i % 20][k] + .3f * vectors[i][k];
    }
    for (int k = 0; i >= 20 && k < WIDTH; k++) vectors[i][k] *= length;
    ids[i] = (int64_t)((uint32_t)i * 2654435761u % 100003u) * 5 + 2;
  }
}

static inline lnsp_tensor rows_of(float *data, int64_t n) {
  return lnsp_tensor_f32("x", data, 2, n, WIDTH, 0);
}

static inline lnsp_index_options settings_of(int32_t dtype, int64_t capacity) {
  lnsp_index_options s = {.struct_size = sizeof s,
                          .dtype = dtype,
                          .width = WIDTH,
                          .capacity = capacity};
  return s;
}

static inline lnsp_index *made_of(int32_t dtype, int64_t n, int64_t capacity, const char *isa) {
  lnsp_index_options settings = settings_of(dtype, capacity);
  lnsp_options options = {.struct_size = sizeof options, .isa = isa};
  lnsp_index *index = NULL;
  lnsp_tensor x = rows_of(vectors[0], n);
  CHECK_OK(lnsp_index_create(&settings, &options, &index, &support_error));
  CHECK_OK(lnsp_index_add(index, &x, ids, &support_error));
  return index;
}

typedef struct found {
  int64_t ids[QUERIES][BEST];
  float scores[QUERIES][BEST];
} found;

static inline void look(lnsp_index *index, int32_t results, found *out) {
  lnsp_search_options limits = {sizeof limits, QUERIES, BEST, 0};
  lnsp_search *search = NULL;
  lnsp_tensor x = rows_of(queries[0], QUERIES);
  memset(out, 0, sizeof *out);
  CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
  CHECK_OK(
      lnsp_search_run(search, &x, NULL, results, out->ids[0], out->scores[0], &support_error));
  lnsp_search_destroy(search);
}

static inline int64_t count_of(const lnsp_index *index) {
  lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
  CHECK_OK(lnsp_index_get_info(index, &facts, &support_error));
  return facts.count;
}

static inline support_bytes saved(const lnsp_index *index) {
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  CHECK_OK(lnsp_index_save_sink(index, &sink, &support_error));
  return bytes;
}

#endif

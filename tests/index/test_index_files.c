/* Indexes in memory and in files: as large as measured, borrowed, hostile, damaged. */
#include "index_cases.h"

/* ---- memory ---- */

static void is_as_large_as_measured(void) {
  for (int t = 0; t < 3; t++) {
    support_heap heap;
    lnsp_allocator allocator = support_allocator(&heap);
    lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
    lnsp_index_options s = settings_of(types[t], 333);
    lnsp_search_options limits = {sizeof limits, 5, 7, 0};
    lnsp_index *index = NULL;
    lnsp_search *search = NULL;
    uint64_t bytes = 0;
    lnsp_tensor x = rows_of(vectors[0], 333);
    CHECK_OK(lnsp_index_measure(&s, &bytes, &support_error));
    CHECK_OK(lnsp_index_create(&s, &options, &index, &support_error));
    CHECK_INT(heap.last_bytes, bytes);
    CHECK_OK(lnsp_search_measure(&s, &limits, &bytes, &support_error));
    CHECK_OK(lnsp_search_create(index, &limits, &options, &search, &support_error));
    CHECK_INT(heap.last_bytes, bytes);
    CHECK_OK(lnsp_index_add(index, &x, ids, &support_error));
    CHECK_OK(lnsp_index_remove(index, ids + 7, 100, &support_error));
    CHECK_INT(heap.calls, 2);
    lnsp_index_destroy(index); /* the search has it still */
    int64_t got[5 * 7];
    float scores[5 * 7];
    x = rows_of(queries[0], 5);
    CHECK_OK(lnsp_search_run(search, &x, NULL, 7, got, scores, &support_error));
    CHECK_INT(heap.live, 2);
    lnsp_search_destroy(search);
    CHECK_INT(heap.live, 0);
    for (int i = 1; i < 3; i++) { /* the allocator says no */
      allocator = support_allocator(&heap);
      heap.fail_at = i;
      index = NULL;
      int32_t status = lnsp_index_create(&s, &options, &index, &support_error);
      CHECK_INT(status, i == 1 ? LNSP_E_MEMORY : LNSP_OK);
      if (i == 2) {
        CHECK_REFUSED(lnsp_search_create(index, &limits, &options, &search, &support_error),
                      LNSP_E_MEMORY);
        CHECK(search == NULL);
      }
      lnsp_index_destroy(index);
      CHECK_INT(heap.live, 0);
    }
    /* in the caller's block, wherever it starts */
    CHECK_OK(lnsp_index_measure(&s, &bytes, &support_error));
    unsigned char *room = malloc((size_t)bytes + 200);
    lnsp_options in = {.struct_size = sizeof in,
                       .block = room + 5,
                       .block_bytes = (size_t)bytes + 63};
    memset(room, 0x5a, (size_t)bytes + 200);
    CHECK_OK(lnsp_index_create(&s, &in, &index, &support_error));
    x = rows_of(vectors[0], 333);
    CHECK_OK(lnsp_index_add(index, &x, ids, &support_error));
    lnsp_index_destroy(index);
    for (size_t i = 0; i < 5; i++) CHECK(room[i] == 0x5a);
    for (size_t i = (size_t)bytes + 68; i < (size_t)bytes + 200; i++) CHECK(room[i] == 0x5a);
    in.block_bytes = (size_t)bytes - 1;
    CHECK_REFUSED(lnsp_index_create(&s, &in, &index, &support_error), LNSP_E_MEMORY);
    free(room);
  }
}

/* ---- files ---- */

static void files_and_borrowed_memory_find_the_same(void) {
  for (int t = 0; t < 3; t++) {
    found expected, f;
    float a[WIDTH], b[WIDTH];
    lnsp_index *index = made_of(types[t], MANY, MANY + 3, NULL), *other = NULL;
    lnsp_index_options roomy = {.struct_size = sizeof roomy, .capacity = MANY + 5};
    lnsp_file *file = NULL;
    lnsp_tensor one = rows_of(vectors[0], 1);
    const int64_t fresh = 1;
    look(index, BEST, &expected);
    support_bytes bytes = saved(index);
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    for (int way = 0; way < 2; way++) {
      if (way == 0)
        CHECK_OK(lnsp_index_open_file(file, &roomy, NULL, &other, &support_error));
      else
        CHECK_OK(lnsp_index_open_borrowed(bytes.data, bytes.size, NULL, NULL, &other,
                                          &support_error));
      look(other, BEST, &f);
      CHECK(!memcmp(&expected, &f, sizeof f));
      CHECK_OK(lnsp_index_read(other, ids[99], a, WIDTH, &support_error));
      CHECK_OK(lnsp_index_read(index, ids[99], b, WIDTH, &support_error));
      CHECK(!memcmp(a, b, sizeof a));
      support_bytes again = saved(other);
      CHECK(again.size == bytes.size && !memcmp(again.data, bytes.data, bytes.size));
      free(again.data);
      if (way == 0) {
        CHECK_OK(lnsp_index_add(other, &one, &fresh, &support_error));
        CHECK_OK(lnsp_index_remove(other, ids, 1, &support_error));
      } else {
        CHECK_REFUSED(lnsp_index_add(other, &one, &fresh, &support_error), LNSP_E_STATE);
        CHECK_REFUSED(lnsp_index_remove(other, ids, 1, &support_error), LNSP_E_STATE);
      }
      lnsp_index_destroy(other);
    }
    lnsp_file_destroy(file);
    lnsp_index_destroy(index);
    free(bytes.data);
  }
}

/* Without ids, or with ids that ascend, a borrowed index takes no more than a handle. */
static void borrowing_takes_next_to_nothing(void) {
  float x[3] = {1, 0, -1};
  int64_t got[3];
  float scores[3];
  const char *json[] =
      {"{\"vectors\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[0,12]}}    ",
       "{\"ids\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[0,24]},"
       "\"vectors\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[24,36]}}     "};
  for (int i = 0; i < 2; i++) {
    uint64_t room[64];
    uint8_t *file = (uint8_t *)room;
    size_t length = strlen(json[i]) / 8 * 8;
    size_t size = hostile_make(file, json[i], length, i ? 36 : 12);
    const int64_t own[3] = {4, 9, 11};
    if (i) memcpy(file + 8 + length, own, sizeof own);
    memcpy(file + size - 12, x, sizeof x);
    support_heap heap;
    lnsp_allocator allocator = support_allocator(&heap);
    lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
    lnsp_index *index = NULL;
    lnsp_search *search = NULL;
    CHECK_OK(lnsp_index_open_borrowed(file, size, NULL, &options, &index, &support_error));
    CHECK(heap.live_bytes <= 1024);
    float q = -3;
    lnsp_tensor query = lnsp_tensor_f32("q", &q, 2, 1, 1, 0);
    CHECK_OK(lnsp_search_create(index, NULL, &options, &search, &support_error));
    CHECK_OK(lnsp_search_run(search, &query, NULL, 3, got, scores, &support_error));
    CHECK(got[0] == (i ? 11 : 2) && got[1] == (i ? 9 : 1) && got[2] == (i ? 4 : 0));
    CHECK(lnsp_index_read(index, i ? 9 : 1, &q, 1, NULL) == LNSP_OK);
    CHECK(lnsp_index_read(index, 3, &q, 1, NULL) == LNSP_E_MISSING);
    lnsp_search_destroy(search);
    lnsp_index_destroy(index);
    CHECK_INT(heap.live, 0);
    /* one byte on, elements do not lie as they should: a copy takes them */
    memmove(file + 1, file, size);
    CHECK_REFUSED(lnsp_index_open_borrowed(file + 1, size, NULL, NULL, &index, &support_error),
                  LNSP_E_FORMAT);
    lnsp_file *open = NULL;
    CHECK_OK(lnsp_file_open_memory(file + 1, size, NULL, &open, &support_error));
    CHECK_OK(lnsp_index_open_file(open, NULL, NULL, &index, &support_error));
    CHECK_INT(count_of(index), 3);
    lnsp_index_destroy(index);
    lnsp_file_destroy(open);
  }
}

static int32_t open_both(const char *json, const void *data, size_t bytes, int32_t trust) {
  static uint64_t room[512];
  uint8_t *file = (uint8_t *)room;
  char padded[1024];
  size_t length = strlen(json);
  memcpy(padded, json, length);
  while (length % 8) padded[length++] = ' ';
  size_t size = hostile_make(file, padded, length, bytes);
  if (bytes) memcpy(file + 8 + length, data, bytes);
  lnsp_index_options s = {.struct_size = sizeof s, .skip_checks = trust};
  lnsp_index *index = (lnsp_index *)(uintptr_t)1;
  lnsp_file *open = NULL;
  int32_t status = lnsp_index_open_borrowed(file, size, &s, NULL, &index, &support_error);
  CHECK((status == LNSP_OK) == (index != NULL));
  lnsp_index_destroy(index);
  if (lnsp_file_open_memory(file, size, NULL, &open, NULL) != LNSP_OK) return status;
  CHECK_INT(lnsp_index_open_file(open, &s, NULL, &index, NULL), status);
  lnsp_index_destroy(index);
  lnsp_file_destroy(open);
  return status;
}

static void hostile_files_are_refused(void) {
  const float fine[4] = {1, 2, 3, 4}, nan[4] = {1, 2, NAN, 4}, huge[4] = {1, 2, 3, 3e38f};
  const uint16_t half_nan[4] = {0, 0, 0x7c01, 0};
  struct {
    int64_t ids[2];
    float vectors[4];
  } twice = {{5, 5}, {1, 2, 3, 4}}, low = {{5, -1}, {1, 2, 3, 4}},
    good = {{9, 2}, {1, 2, 3, 4}};
  struct {
    float scales[2];
    int8_t codes[4];
  } bad_scale = {{1, -1}, {1, -128, 3, 4}}, nan_scale = {{1, NAN}, {1, 2, 3, 4}},
    scaled = {{1, 0}, {1, -128, 3, 4}};
#define V(dtype, shape, from, to) \
  "\"vectors\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"
#define OTHER(name, dtype, shape, to) \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[0," to "]},"
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "16") "}", fine, 16, 0), LNSP_OK);
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "16") "}", nan, 16, 0), LNSP_E_NOT_FINITE);
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "16") "}", nan, 16, 1), LNSP_OK);
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "16") "}", huge, 16, 0), LNSP_E_ARGUMENT);
  CHECK_INT(open_both("{" V("F16", "[2,2]", "0", "8") "}", half_nan, 8, 0), LNSP_E_NOT_FINITE);
  CHECK_INT(open_both("{" V("F32", "[4]", "0", "16") "}", fine, 16, 0), LNSP_E_SHAPE);
  CHECK_INT(open_both("{" V("F32", "[0,2]", "0", "0") "}", fine, 0, 0), LNSP_OK);
  CHECK_INT(open_both("{" V("F32", "[2,0]", "0", "0") "}", fine, 0, 0), LNSP_E_LIMIT);
  CHECK_INT(open_both("{" V("F64", "[2,1]", "0", "16") "}", fine, 16, 0), LNSP_E_DTYPE);
  CHECK_INT(open_both("{" V("F32", "[2,2]", "0", "12") "}", fine, 12, 0), LNSP_E_FORMAT);
  CHECK_INT(open_both("{\"other\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}",
                      fine, 16, 0),
            LNSP_E_MISSING);
  CHECK_INT(open_both("{" OTHER("ids", "I64", "[2]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &good, 32, 0),
            LNSP_OK);
  CHECK_INT(open_both("{" OTHER("ids", "I64", "[2]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &twice, 32, 1),
            LNSP_E_FORMAT);
  CHECK_INT(open_both("{" OTHER("ids", "I64", "[2]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &low, 32, 1),
            LNSP_E_FORMAT);
  CHECK_INT(open_both("{" OTHER("ids", "U64", "[2]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &good, 32, 0),
            LNSP_E_DTYPE);
  CHECK_INT(open_both("{" OTHER("ids", "I64", "[2,1]", "16") V("F32", "[2,2]", "16", "32") "}",
                      &good, 32, 0),
            LNSP_E_SHAPE);
  CHECK_INT(open_both("{" OTHER("scales", "F32", "[2]", "8") V("I8", "[2,2]", "8", "12") "}",
                      &scaled, 12, 0),
            LNSP_OK);
  CHECK_INT(open_both("{" OTHER("scales", "F32", "[2]", "8") V("I8", "[2,2]", "8", "12") "}",
                      &bad_scale, 12, 0),
            LNSP_E_NOT_FINITE);
  CHECK_INT(open_both("{" OTHER("scales", "F32", "[2]", "8") V("I8", "[2,2]", "8", "12") "}",
                      &nan_scale, 12, 0),
            LNSP_E_NOT_FINITE);
  CHECK_INT(open_both("{" OTHER("scale", "F32", "[2]", "8") V("I8", "[2,2]", "8", "12") "}",
                      &scaled, 12, 0),
            LNSP_E_MISSING);
  CHECK_INT(open_both("{" V("I8", "[4294967296,4294967296]", "0", "12") "}", &scaled, 12, 0),
            LNSP_E_FORMAT);
}

/* Trusted bytes may be anything: what has no score is never found, nothing else happens. */
static void trusted_files_may_lie(void) {
  static uint64_t room[512];
  uint8_t *file = (uint8_t *)room;
  const char *json =
      "{\"vectors\":{\"dtype\":\"F32\",\"shape\":[60,2],\"data_offsets\":[0,480]}}       ";
  size_t length = strlen(json) / 8 * 8, size = hostile_make(file, json, length, 480);
  float v[60][2], q[2] = {1, 0}, scores[60];
  int64_t got[60];
  int seen = 0;
  for (int i = 0; i < 60; i++) {
    v[i][0] = i % 3 == 0 ? NAN : i % 3 == 1 ? -INFINITY : (float)i;
    v[i][1] = 0;
  }
  memcpy(file + 8 + length, v, sizeof v);
  lnsp_index_options s = {.struct_size = sizeof s, .skip_checks = 1};
  lnsp_search_options limits = {sizeof limits, 1, 60, 0};
  lnsp_index *index = NULL;
  lnsp_search *search = NULL;
  lnsp_tensor query = lnsp_tensor_f32("q", q, 2, 1, 2, 0);
  CHECK_OK(lnsp_index_open_borrowed(file, size, &s, NULL, &index, &support_error));
  CHECK_OK(lnsp_search_create(index, &limits, NULL, &search, &support_error));
  CHECK_OK(lnsp_search_run(search, &query, NULL, 60, got, scores, &support_error));
  while (seen < 60 && got[seen] >= 0) seen++;
  CHECK_INT(seen, 20);
  CHECK(got[0] == 59 && got[19] == 2);
  lnsp_search_destroy(search);
  lnsp_index_destroy(index);
}

/* Every cut and every changed byte: an index or a refusal, and no read beyond the end. */
static void damaged_files_end_well(void) {
  lnsp_index *index = made_of(LNSP_I8, 2, 2, NULL), *other = NULL;
  support_bytes bytes = saved(index);
  found f;
  for (size_t i = 0; i <= bytes.size; i++) {
    uint8_t *copy = malloc(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    if (i < bytes.size) copy[i] ^= (uint8_t)(1u << i % 8);
    if (lnsp_index_open_borrowed(copy, bytes.size, NULL, NULL, &other, NULL) == LNSP_OK) {
      lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
      lnsp_index_get_info(other, &facts, NULL);
      if (facts.width == WIDTH) look(other, BEST, &f);
    }
    lnsp_index_destroy(other);
    free(copy);
    uint8_t *cut = malloc(i ? i : 1);
    memcpy(cut, bytes.data, i);
    CHECK((lnsp_index_open_borrowed(cut, i, NULL, NULL, &other, NULL) == LNSP_OK) ==
          (i == bytes.size));
    lnsp_index_destroy(other);
    free(cut);
  }
  lnsp_index_destroy(index);
  free(bytes.data);
}

int main(void) {
  support_use_all();
  fill();
  RUN(is_as_large_as_measured);
  RUN(files_and_borrowed_memory_find_the_same);
  RUN(borrowing_takes_next_to_nothing);
  RUN(hostile_files_are_refused);
  RUN(trusted_files_may_lie);
  RUN(damaged_files_end_well);
  FINISH();
}

/* lnsp_reservoir_* against Vitter's algorithm R in Python (tests/tools/metric_numbers.py). */
#include "../metrics/metric_numbers.h"
#include "support.h"

static lnsp_reservoir_options options_of(int32_t dtype, int64_t width, int64_t capacity) {
  lnsp_reservoir_options settings = {sizeof settings, dtype, width, capacity, RESERVOIR_SEED};
  return settings;
}

static void as_python(void) {
  const lnsp_reservoir_options settings = options_of(LNSP_I32, 2, RESERVOIR_CAPACITY);
  lnsp_reservoir_info info = {sizeof info, 0, 0, 0, 0, 0, 0};
  lnsp_reservoir *r = NULL;
  uint64_t bytes = 0;
  int32_t out[RESERVOIR_STREAM][2];
  CHECK_OK(lnsp_reservoir_measure(&settings, &bytes, &support_error));
  CHECK_OK(lnsp_reservoir_create(&settings, NULL, &r, &support_error));
  CHECK_REFUSED(lnsp_reservoir_sample(r, 1, out, &support_error), LNSP_E_STATE);
  for (int32_t i = 0; i < RESERVOIR_STREAM; i++) {
    const int32_t item[2] = {i, -i};
    CHECK_OK(lnsp_reservoir_add(r, item, 1, &support_error));
  }
  CHECK_OK(lnsp_reservoir_get_info(r, &info, &support_error));
  CHECK_INT(info.count, RESERVOIR_CAPACITY);
  CHECK_INT(info.seen, RESERVOIR_STREAM);
  CHECK_INT(info.bytes, bytes);
  CHECK_OK(lnsp_reservoir_read(r, 0, RESERVOIR_CAPACITY, out, &support_error));
  for (int i = 0; i < RESERVOIR_CAPACITY; i++)
    CHECK(out[i][0] == reservoir_kept[i] && out[i][1] == -reservoir_kept[i]);
  const int drawn = (int)(sizeof reservoir_drawn / sizeof *reservoir_drawn);
  CHECK_OK(lnsp_reservoir_sample(r, drawn, out, &support_error));
  for (int i = 0; i < drawn; i++) CHECK_INT(out[i][0], reservoir_drawn[i]);
  lnsp_reservoir_destroy(r);
}

/* Saved at any point of the stream, it goes on as the one that was not; in one block. */
static void goes_on(void) {
  const lnsp_reservoir_options settings = options_of(0, 3, 4);
  const char *path = support_path("reservoir.safetensors");
  for (int cut = 0; cut < 12; cut++) {
    support_heap heap;
    const lnsp_allocator allocator = support_allocator(&heap);
    lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
    lnsp_reservoir *a = NULL, *b = NULL;
    float x[3], one[4][3], other[4][3];
    CHECK_OK(lnsp_reservoir_create(&settings, &options, &a, &support_error));
    for (int i = 0; i < 20; i++) {
      if (i == cut) {
        CHECK_OK(lnsp_reservoir_save(a, path, &support_error));
        CHECK_OK(lnsp_reservoir_open(path, &options, &b, &support_error));
        heap.calls = 0;
      }
      support_fill(x, 3, (uint32_t)i);
      CHECK_OK(lnsp_reservoir_add(a, x, 1, &support_error));
      if (b) CHECK_OK(lnsp_reservoir_add(b, x, 1, &support_error));
    }
    CHECK_OK(lnsp_reservoir_read(a, 0, 4, one, &support_error));
    CHECK_OK(lnsp_reservoir_read(b, 0, 4, other, &support_error));
    CHECK(!memcmp(one, other, sizeof one));
    CHECK_OK(lnsp_reservoir_sample(a, 4, one, &support_error));
    CHECK_OK(lnsp_reservoir_sample(b, 4, other, &support_error));
    CHECK(!memcmp(one, other, sizeof one));
    CHECK_INT(heap.calls, 0);
    lnsp_reservoir_destroy(a);
    lnsp_reservoir_destroy(b);
    CHECK_INT(heap.live, 0);
  }
  remove(path);
}

/* Every item has the same probability of being kept: 300 streams of 40 into 10. */
static void is_fair(void) {
  int kept[40] = {0};
  for (uint64_t seed = 0; seed < 300; seed++) {
    lnsp_reservoir_options settings = options_of(LNSP_I64, 1, 10);
    lnsp_reservoir *r = NULL;
    int64_t out[10];
    settings.seed = seed;
    CHECK_OK(lnsp_reservoir_create(&settings, NULL, &r, &support_error));
    for (int64_t i = 0; i < 40; i++) CHECK_OK(lnsp_reservoir_add(r, &i, 1, &support_error));
    CHECK_OK(lnsp_reservoir_read(r, 0, 10, out, &support_error));
    for (int i = 0; i < 10; i++) kept[out[i]]++;
    lnsp_reservoir_destroy(r);
  }
  for (int i = 0; i < 40; i++) /* 75 are expected; five standard deviations are 37 */
    CHECK_SAY(kept[i] > 38 && kept[i] < 112, "item %d was kept %d times of 300", i, kept[i]);
}

static void refusals(void) {
  lnsp_reservoir_options settings = options_of(LNSP_F32, 3, 0);
  lnsp_reservoir *r = NULL;
  lnsp_file *file = NULL;
  support_bytes bytes = {NULL, 0};
  lnsp_sink sink = {sizeof sink, &bytes, support_write};
  lnsp_tensor items = lnsp_tensor_f32("items", NULL, 2, 3, 2, 0);
  lnsp_key_value pairs[2] = {{"lnsp.reservoir", "1"}, {"lnsp.reservoir.state", "2 3 0 0"}};
  lnsp_writer *writer = NULL;
  const float x[6] = {0};
  CHECK_REFUSED(lnsp_reservoir_create(&settings, NULL, &r, &support_error), LNSP_E_LIMIT);
  settings.capacity = 4;
  settings.dtype = 99;
  CHECK_REFUSED(lnsp_reservoir_create(&settings, NULL, &r, &support_error), LNSP_E_DTYPE);
  settings.dtype = LNSP_F32;
  settings.width = 0;
  CHECK_REFUSED(lnsp_reservoir_create(&settings, NULL, &r, &support_error), LNSP_E_LIMIT);
  CHECK_REFUSED(lnsp_reservoir_open("no/such/file", NULL, &r, &support_error), LNSP_E_MISSING);
  /* three items in a reservoir that says it keeps two */
  CHECK_OK(lnsp_writer_create_sink(&sink, &items, 1, pairs, 2, NULL, &writer, &support_error));
  CHECK_OK(lnsp_writer_write(writer, x, sizeof x, &support_error));
  CHECK_OK(lnsp_writer_close(writer, &support_error));
  lnsp_writer_destroy(writer);
  CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
  CHECK(lnsp_reservoir_open_file(file, NULL, &r, &support_error) != LNSP_OK && !r);
  lnsp_file_destroy(file);
  free(bytes.data);
}

int main(void) {
  RUN(as_python);
  RUN(goes_on);
  RUN(is_fair);
  RUN(refusals);
  FINISH();
}

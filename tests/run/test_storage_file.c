/* Files of models stored in fewer bytes: what is written, what opens as what, and what
 * is refused. */
#include "storage.h"

/* Saved, a model opens as what it was, to the bit; and converting on the way out gives
 * the file of the converted model. */
static void files_keep_the_storage(void) {
  for (int n = 0; n < STORAGE_NETS; n++)
    for (int t = 0; t < STORAGE_TYPES; t++) {
      lnsp_model *a = storage_new(storage_nets[n], 9), *c = NULL;
      lnsp_model *b = storage_convert(a, storage_types[t]);
      support_bytes kept = storage_save(b, 0), made = storage_save(a, storage_types[t]), again;
      CHECK(kept.size == made.size && !memcmp(kept.data, made.data, kept.size));
      CHECK_OK(lnsp_model_open_memory(kept.data, kept.size, NULL, &c, &support_error));
      CHECK_INT(lnsp_graph_storage(lnsp_model_graph(c)),
                lnsp_graph_storage(lnsp_model_graph(b)));
      CHECK(storage_same_hash(b, c));
      again = storage_save(c, 0);
      CHECK(kept.size == again.size && !memcmp(kept.data, again.data, kept.size));
      lnsp_model_destroy(a);
      lnsp_model_destroy(b);
      lnsp_model_destroy(c);
      free(kept.data);
      free(made.data);
      free(again.data);
    }
}

/* Matrices in the type, vectors and scales as F32; everything aligned to its elements. */
static void files_say_what_they_hold(void) {
  for (int t = 0; t < STORAGE_TYPES; t++) {
    lnsp_model *a = storage_new(storage_nets[1], 9);
    support_bytes bytes = storage_save(a, storage_types[t]);
    const lnsp_graph *graph = lnsp_model_graph(a);
    lnsp_file *file = NULL;
    int32_t matrices = 0;
    int64_t offset = 0;
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    for (int32_t i = 0; i < lnsp_graph_tensor_count(graph); i++) {
      lnsp_tensor known, is, scale;
      char name[128];
      CHECK_OK(lnsp_graph_tensor_at(graph, i, &known, &support_error));
      CHECK_INT(known.dtype, LNSP_F32);
      CHECK_OK(lnsp_file_tensor(file, known.name, &is, &support_error));
      CHECK_INT(is.dtype, known.rank == 2 ? storage_types[t] : LNSP_F32);
      matrices += known.rank == 2;
      snprintf(name, sizeof name, "%s_scale", known.name);
      if (is.dtype != LNSP_I8) continue;
      CHECK_OK(lnsp_file_tensor(file, name, &scale, &support_error));
      CHECK_INT(scale.dtype, LNSP_F32);
      CHECK(scale.rank == 2 && scale.dims[0] == known.dims[0] && scale.dims[1] == 1);
    }
    CHECK_INT(lnsp_file_tensor_count(file),
              lnsp_graph_tensor_count(graph) + (storage_types[t] == LNSP_I8 ? matrices : 0));
    for (int32_t i = 0; i < lnsp_file_tensor_count(file); i++) {
      lnsp_tensor is;
      CHECK_OK(lnsp_file_tensor_at(file, i, &is, &support_error));
      int64_t size = (int64_t)lnsp_dtype_bytes(is.dtype), count = 1;
      for (int d = 0; d < is.rank; d++) count *= is.dims[d];
      CHECK_INT(offset % size, 0);
      offset += count * size;
    }
    lnsp_file_destroy(file);
    lnsp_model_destroy(a);
    free(bytes.data);
  }
}

/* ---- made-up files of one layer, y = linear x 3 of width 2, and of two ---- */

#define ONE "lnsp 1; x=input 2; y=linear x 3 w=a; output output=y"
#define TWO \
  "lnsp 1; x=input 2; y=linear x 3 w=a bias=0; y=linear y 2 w=b bias=0; output output=y"

static const int8_t codes[6] = {-127, 127, 0, 3, -1, 64};
static float scales[3] = {.5f, 0.f, 0x1p-140f};
static float floats[6] = {1, -2, 3, -4, 5, -6};
static const uint16_t halves[6] = {0x3f80, 0xbf80, 0x4000, 0x0001, 0x8000, 0x3c00};

static lnsp_tensor made(const char *name, int32_t dtype, const void *data, int32_t rank,
                        int64_t dim0, int64_t dim1) {
  lnsp_tensor tensor = lnsp_tensor_f32(name, NULL, rank, dim0, dim1, 1);
  tensor.dtype = dtype;
  tensor.data = (void *)(uintptr_t)data;
  return tensor;
}

static support_bytes write_file(const char *graph, const lnsp_tensor *tensors, int32_t count) {
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  lnsp_key_value pair = {"lnsp.graph", graph};
  lnsp_writer *writer = NULL;
  CHECK_OK(lnsp_writer_create_sink(&sink, tensors, count, graph ? &pair : NULL, graph != NULL,
                                   NULL, &writer, &support_error));
  for (int32_t i = 0; i < count; i++) {
    size_t size = lnsp_dtype_bytes(tensors[i].dtype);
    for (int d = 0; d < tensors[i].rank; d++) size *= (size_t)tensors[i].dims[d];
    CHECK_OK(lnsp_writer_write(writer, tensors[i].data, size, &support_error));
  }
  CHECK_OK(lnsp_writer_close(writer, &support_error));
  lnsp_writer_destroy(writer);
  return bytes;
}

static int32_t open_made(const char *graph, const lnsp_tensor *tensors, int32_t count,
                         const lnsp_options *options, lnsp_model **out) {
  support_bytes bytes = write_file(graph, tensors, count);
  int32_t status = lnsp_model_open_memory(bytes.data, bytes.size, options, out, &support_error);
  CHECK((status == LNSP_OK) == (*out != NULL));
  free(bytes.data);
  return status;
}

static void scales_are_read(void) {
  for (int rank = 1; rank <= 2; rank++)
    for (int force = 0; force < 2; force++) {
      lnsp_tensor t[3] = {made("a.weight", LNSP_I8, codes, 2, 3, 2),
                          made("a.weight_scale", LNSP_F32, scales, rank, 3, 1),
                          made("a.bias", LNSP_F32, floats, 1, 3, 0)};
      lnsp_options as = {.struct_size = sizeof as, .storage = force ? LNSP_F32 : 0};
      lnsp_model *model = NULL;
      float w[6];
      CHECK_OK(open_made(ONE, t, 3, &as, &model));
      CHECK(storage_is(model, force ? LNSP_F32 : LNSP_I8));
      CHECK_OK(lnsp_model_tensor_read(model, "a.weight", w, 6, &support_error));
      for (int i = 0; i < 6; i++) {
        float expected = (float)codes[i] * scales[i / 2];
        CHECK(!memcmp(&w[i], &expected, 4));
      }
      lnsp_model_destroy(model);
    }
}

/* The type is that of all matrices; else float32 holds them all. */
static void types_of_files(void) {
  const struct {
    int32_t first, second, is;
  } cases[] = {{LNSP_BF16, LNSP_BF16, LNSP_BF16}, {LNSP_F16, LNSP_F16, LNSP_F16},
               {LNSP_BF16, LNSP_F16, LNSP_F32},   {LNSP_F32, LNSP_BF16, LNSP_F32},
               {LNSP_I8, LNSP_BF16, LNSP_F32},    {LNSP_I8, LNSP_I8, LNSP_I8}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lnsp_tensor t[4];
    lnsp_model *model = NULL;
    lnsp_graph *graph = NULL;
    lnsp_file *file = NULL;
    int32_t n = 0, type[2] = {cases[i].first, cases[i].second};
    for (int m = 0; m < 2; m++) {
      const void *data = type[m] == LNSP_F32  ? (void *)floats
                         : type[m] == LNSP_I8 ? (const void *)codes
                                              : (const void *)halves;
      t[n++] = made(m ? "b.weight" : "a.weight", type[m], data, 2, m ? 2 : 3, m ? 3 : 2);
      if (type[m] == LNSP_I8)
        t[n++] =
            made(m ? "b.weight_scale" : "a.weight_scale", LNSP_F32, scales, 1, m ? 2 : 3, 0);
    }
    CHECK_OK(open_made(TWO, t, n, NULL, &model));
    CHECK(storage_is(model, cases[i].is));
    support_bytes bytes = write_file(TWO, t, n);
    CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
    CHECK_OK(lnsp_graph_open_file(file, NULL, &graph, &support_error));
    CHECK_INT(lnsp_graph_storage(graph), cases[i].is);
    lnsp_memory_info told = {.struct_size = sizeof told}, own = told;
    CHECK_OK(lnsp_model_measure(graph, &told, &support_error));
    CHECK_OK(lnsp_model_measure(lnsp_model_graph(model), &own, &support_error));
    CHECK(!memcmp(&told, &own, sizeof own));
    lnsp_graph_destroy(graph);
    lnsp_file_destroy(file);
    lnsp_model_destroy(model);
    free(bytes.data);
  }
}

/* A state_dict as PyTorch's model.bfloat16() has it: vectors are rounded too, and are
 * widened here. */
static void plain_state_dict(void) {
  lnsp_tensor t[2] = {made("net.a.weight", LNSP_BF16, halves, 2, 3, 2),
                      made("net.a.bias", LNSP_BF16, halves, 1, 3, 0)};
  lnsp_options as = {.struct_size = sizeof as, .architecture = ONE, .prefix = "net."};
  lnsp_model *model = NULL;
  float b[3];
  CHECK_OK(open_made(NULL, t, 2, &as, &model));
  CHECK(storage_is(model, LNSP_BF16));
  CHECK_OK(lnsp_model_tensor_read(model, "a.bias", b, 3, &support_error));
  CHECK(b[0] == 1 && b[1] == -1 && b[2] == 2);
  lnsp_model_destroy(model);
}

static void hostile_scales(void) {
  const float bad[] = {-1e-30f, NAN, INFINITY, -INFINITY, 3e36f};
  const int8_t beyond[6] = {0, 0, 0, -128, 0, 0};
  lnsp_tensor t[3] = {made("a.weight", LNSP_I8, codes, 2, 3, 2),
                      made("a.bias", LNSP_F32, floats, 1, 3, 0),
                      made("a.weight_scale", LNSP_F32, scales, 1, 3, 0)};
  lnsp_model *model = NULL;
  CHECK_REFUSED(open_made(ONE, t, 2, NULL, &model), LNSP_E_MISSING);
  CHECK_STR(support_error.name, "a.weight");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    float some[3] = {1, 1, bad[i]};
    t[2].data = some;
    CHECK_REFUSED(open_made(ONE, t, 3, NULL, &model), LNSP_E_NOT_FINITE);
    CHECK_STR(support_error.name, "a.weight_scale");
  }
  const lnsp_tensor misshapen[] = {made("a.weight_scale", LNSP_F32, floats, 1, 2, 0),
                                   made("a.weight_scale", LNSP_F32, floats, 1, 4, 0),
                                   made("a.weight_scale", LNSP_F32, floats, 2, 1, 3),
                                   made("a.weight_scale", LNSP_F32, floats, 2, 3, 2),
                                   made("a.weight_scale", LNSP_F32, floats, 3, 3, 1),
                                   made("a.weight_scale", LNSP_F32, floats, 0, 0, 0)};
  for (size_t i = 0; i < sizeof misshapen / sizeof *misshapen; i++) {
    t[2] = misshapen[i];
    CHECK_REFUSED(open_made(ONE, t, 3, NULL, &model), LNSP_E_SHAPE);
  }
  t[2] = made("a.weight_scale", LNSP_BF16, halves, 1, 3, 0);
  CHECK_REFUSED(open_made(ONE, t, 3, NULL, &model), LNSP_E_DTYPE);
  t[2] = made("a.weight_scale", LNSP_F32, scales, 1, 3, 0);
  t[0].data = (void *)(uintptr_t)beyond;
  CHECK_REFUSED(open_made(ONE, t, 3, NULL, &model), LNSP_E_FORMAT);
  CHECK_STR(support_error.name, "a.weight");
  t[0] = made("a.weight", LNSP_F32, floats, 2, 3, 2); /* scales of nothing */
  CHECK_REFUSED(open_made(ONE, t, 3, NULL, &model), LNSP_E_UNKNOWN);
  t[1] = made("a.bias", LNSP_I8, codes, 1, 3, 0); /* vectors are no codes */
  CHECK_REFUSED(open_made(ONE, t, 2, NULL, &model), LNSP_E_DTYPE);
  t[0] = made("a.weight", LNSP_U8, codes, 2, 3, 2);
  CHECK_REFUSED(open_made(ONE, t, 2, NULL, &model), LNSP_E_DTYPE);
}

/* The largest value that int8 takes comes back from a file, finite. */
static void largest_value(void) {
  float most[6] = {1, -0x1.fffffcp+127f, 0, 0, 0, 0}, w[6];
  lnsp_tensor t[2] = {made("a.weight", LNSP_F32, most, 2, 3, 2),
                      made("a.bias", LNSP_F32, floats, 1, 3, 0)};
  lnsp_model *model = NULL, *narrow = NULL;
  CHECK_OK(open_made(ONE, t, 2, NULL, &model));
  support_bytes bytes = storage_save(model, LNSP_I8);
  CHECK_OK(lnsp_model_open_memory(bytes.data, bytes.size, NULL, &narrow, &support_error));
  CHECK_OK(lnsp_model_tensor_read(narrow, "a.weight", w, 6, &support_error));
  CHECK(isfinite(w[1]) && w[1] < -3.4e38f);
  lnsp_model_destroy(narrow);
  lnsp_model_destroy(model);
  free(bytes.data);
}

/* Each byte of a file changed, and each end cut off: opened or refused, never worse. */
static void damaged_files(void) {
  for (int t = 1; t < STORAGE_TYPES; t++) {
    lnsp_model *a = storage_new(ONE, 9), *b = NULL;
    support_bytes bytes = storage_save(a, storage_types[t]);
    float w[6];
    for (size_t i = 0; i < bytes.size; i++)
      for (int bit = 0; bit < 8; bit += 7) {
        unsigned char *copy = malloc(bytes.size);
        memcpy(copy, bytes.data, bytes.size);
        copy[i] = (unsigned char)(copy[i] ^ 1 << bit);
        if (lnsp_model_open_memory(copy, bytes.size, NULL, &b, &support_error) == LNSP_OK) {
          CHECK_OK(lnsp_model_tensor_read(b, "a.weight", w, 6, &support_error));
          for (int k = 0; k < 6; k++) CHECK(isfinite(w[k]));
        }
        lnsp_model_destroy(b);
        free(copy);
      }
    for (size_t size = 0; size < bytes.size; size++) {
      unsigned char *copy = malloc(size + 1);
      memcpy(copy, bytes.data, size);
      CHECK(lnsp_model_open_memory(copy, size, NULL, &b, &support_error) != LNSP_OK);
      free(copy);
    }
    lnsp_model_destroy(a);
    free(bytes.data);
  }
}

/* With the k-th allocation failing, for every k: refused, and nothing is left. */
static void every_allocation_may_fail(void) {
  for (int t = 0; t < STORAGE_TYPES; t++) {
    lnsp_model *a = storage_new(storage_nets[0], 9);
    support_bytes bytes = storage_save(a, storage_types[t]);
    int32_t status = LNSP_E_MEMORY;
    for (int k = 1; status == LNSP_E_MEMORY && k < 20; k++) {
      support_heap heap;
      support_bytes out;
      lnsp_sink sink = support_sink(&out);
      lnsp_allocator allocator = support_allocator(&heap);
      lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
      lnsp_model *b = NULL, *c = NULL;
      heap.fail_at = k;
      status = lnsp_model_open_memory(bytes.data, bytes.size, &options, &b, &support_error);
      if (status == LNSP_OK)
        status = lnsp_model_convert(b, LNSP_F32, &options, &c, &support_error);
      if (status == LNSP_OK) status = lnsp_model_save_sink(b, &sink, 0, &support_error);
      CHECK(status == LNSP_OK || status == LNSP_E_MEMORY);
      CHECK(status == LNSP_OK ? k > 4 : support_error.message[0] != 0);
      lnsp_model_destroy(b);
      lnsp_model_destroy(c);
      free(out.data);
      CHECK_INT(heap.live, 0);
    }
    CHECK_INT(status, LNSP_OK);
    lnsp_model_destroy(a);
    free(bytes.data);
  }
}

static uint64_t total(int32_t status, const lnsp_memory_info *memory) {
  CHECK_INT(status, LNSP_OK);
  return memory->total_bytes;
}

/* What `lnsp info --memory` adds up from a file's graph is what an allocator counts: to
 * run it, to train in place, and to publish to who runs the version before. */
static void plans_add_up(void) {
  for (int t = 0; t < STORAGE_TYPES; t++)
    for (int as = 0; as < STORAGE_TYPES; as++) {
      support_heap heap;
      lnsp_allocator allocator = support_allocator(&heap);
      lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
      lnsp_size_options limits = {.struct_size = sizeof limits,
                                  .max_rows = 9,
                                  .max_concepts = 2};
      lnsp_memory_info m = LNSP_MEMORY_INFO_INIT;
      lnsp_model *a = storage_new(storage_nets[1], 9), *model[2] = {NULL, NULL};
      support_bytes bytes = storage_save(a, storage_types[t]);
      lnsp_graph *graph = NULL, *stored = NULL;
      lnsp_file *file = NULL;
      lnsp_session *session = NULL;
      lnsp_trainer *trainer = NULL;
      lnsp_model_destroy(a);
      CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
      CHECK_OK(lnsp_graph_open_file(file, NULL, &graph, &support_error));
      CHECK_OK(lnsp_graph_convert(graph, storage_types[as], NULL, &stored, &support_error));
      uint64_t one_model = total(lnsp_model_measure(stored, &m, NULL), &m);
      uint64_t one_session = total(lnsp_session_measure(stored, &limits, &m, NULL), &m);
      options.storage = storage_types[as];
      CHECK_OK(lnsp_model_open_file(file, &options, &model[0], &support_error));
      options.storage = 0;
      CHECK_OK(lnsp_session_create(model[0], &limits, &options, &session, &support_error));
      CHECK_INT(heap.live_bytes, one_model + one_session);
      lnsp_session_destroy(session);
      lnsp_model_destroy(model[0]);
      if (storage_types[t] != LNSP_I8) {
        uint64_t one_trainer =
            total(lnsp_trainer_measure(graph, "cosine", "adamw ema=.9", &limits, &m, NULL), &m);
        options.storage = 0;
        CHECK_OK(lnsp_trainer_open_file(file, "cosine", "adamw ema=.9", &limits, &options,
                                        &trainer, &support_error));
        CHECK_INT(heap.live_bytes, one_trainer);
        options.storage = storage_types[as];
        CHECK_OK(lnsp_trainer_publish(trainer, 0, &options, &model[0], &support_error));
        CHECK_OK(lnsp_trainer_publish(trainer, 1, &options, &model[1], &support_error));
        options.storage = 0;
        CHECK_OK(lnsp_session_create(model[0], &limits, &options, &session, &support_error));
        CHECK_INT(heap.live_bytes, one_trainer + 2 * one_model + one_session);
        CHECK_OK(lnsp_session_rebind(session, model[1], &support_error));
        lnsp_session_destroy(session);
        lnsp_model_destroy(model[0]);
        lnsp_model_destroy(model[1]);
        lnsp_trainer_destroy(trainer);
      }
      CHECK_INT(heap.live, 0);
      lnsp_graph_destroy(graph);
      lnsp_graph_destroy(stored);
      lnsp_file_destroy(file);
      free(bytes.data);
    }
}

int main(void) {
  support_use_all();
  RUN(files_keep_the_storage);
  RUN(files_say_what_they_hold);
  RUN(scales_are_read);
  RUN(types_of_files);
  RUN(plain_state_dict);
  RUN(hostile_scales);
  RUN(largest_value);
  RUN(damaged_files);
  RUN(every_allocation_may_fail);
  RUN(plans_add_up);
  FINISH();
}

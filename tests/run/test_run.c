/* Models and sessions: loading, saving, running. */
#include "support.h"

#define SMALL "student d=20 s=12 k=8 heads=2"
#define WIDTH 20

static lnsp_model *make_model(const char *text, uint64_t seed) {
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_create(text, seed, NULL, &model, &support_error));
  return model;
}

static void hash_of(const lnsp_model *model, uint8_t hash[32]) {
  CHECK_OK(lnsp_model_hash(model, hash, &support_error));
}

static void a_seed_makes_a_model(void) {
  lnsp_model *a = make_model(SMALL, 1), *b = make_model(SMALL, 1), *c = make_model(SMALL, 2);
  uint8_t ha[32], hb[32], hc[32];
  float w[240], norm[20];
  double sum = 0, most = 0, bound = 1 / sqrt(20.0);
  hash_of(a, ha);
  hash_of(b, hb);
  hash_of(c, hc);
  CHECK(!memcmp(ha, hb, 32));
  CHECK(memcmp(ha, hc, 32) != 0);
  CHECK_OK(lnsp_model_tensor_read(a, "layers.compress_1.weight", w, 240, &support_error));
  for (int i = 0; i < 240; i++) {
    sum += w[i];
    if (fabs((double)w[i]) > most) most = fabs((double)w[i]);
  }
  CHECK(most <= bound && most > .9 * bound);
  CHECK_NEAR(sum / 240, 0, bound / 4);
  CHECK_OK(lnsp_model_tensor_read(a, "layers.input_norm.weight", norm, 20, &support_error));
  for (int i = 0; i < 20; i++) CHECK(norm[i] == 1.f);
  CHECK_REFUSED(lnsp_model_tensor_read(a, "nosuch", w, 240, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_model_tensor_read(a, "layers.compress_1.weight", w, 239, &support_error),
                LNSP_E_SHAPE);
  lnsp_model_destroy(a);
  lnsp_model_destroy(b);
  lnsp_model_destroy(c);
}

static void saves_and_loads_the_same_bits(void) {
  const char *texts[] = {SMALL, "family_a s=24 heads=3 attn_bias=1", "ln_min d=21 s=9",
                         "family_b_doc d=17 s=33 k=18 act=relu",
                         ("student d=18 s=7 k=5 heads=5 "
                          "teacher=0 act=none residual=0 normalise=0")};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lnsp_model *a = make_model(texts[i], i), *b = NULL;
    uint8_t ha[32], hb[32];
    support_bytes bytes;
    lnsp_sink sink = support_sink(&bytes);
    CHECK_OK(lnsp_model_save_sink(a, &sink, LNSP_F32, &support_error));
    CHECK_OK(lnsp_model_open_memory(bytes.data, bytes.size, NULL, &b, &support_error));
    if (!b) continue;
    hash_of(a, ha);
    hash_of(b, hb);
    CHECK(!memcmp(ha, hb, 32));
    CHECK_STR(lnsp_graph_architecture(lnsp_model_graph(b)),
              lnsp_graph_architecture(lnsp_model_graph(a)));
    lnsp_model_destroy(a);
    lnsp_model_destroy(b);
    free(bytes.data);
  }
}

static void half_storage_rounds_once(void) {
  const int32_t types[2] = {LNSP_F16, LNSP_BF16};
  for (int i = 0; i < 2; i++) {
    lnsp_model *a = make_model(SMALL, 1), *b = NULL, *c = NULL;
    support_bytes bytes, again;
    lnsp_sink sink = support_sink(&bytes), sink_again = support_sink(&again);
    float wa[240], wb[240];
    CHECK_OK(lnsp_model_save_sink(a, &sink, types[i], &support_error));
    CHECK_OK(lnsp_model_open_memory(bytes.data, bytes.size, NULL, &b, &support_error));
    CHECK_OK(lnsp_model_tensor_read(a, "layers.compress_1.weight", wa, 240, NULL));
    CHECK_OK(lnsp_model_tensor_read(b, "layers.compress_1.weight", wb, 240, NULL));
    for (int j = 0; j < 240; j++)
      CHECK_NEAR(wb[j], wa[j], fabs((double)wa[j]) * (i ? 1. / 256 : 1. / 2048) + 1e-7);
    CHECK_OK(lnsp_model_save_sink(b, &sink_again, types[i], &support_error));
    CHECK(bytes.size == again.size && !memcmp(bytes.data, again.data, bytes.size));
    CHECK_REFUSED(lnsp_model_save_sink(b, &sink_again, LNSP_I16, &support_error), LNSP_E_DTYPE);
    lnsp_model_destroy(a);
    lnsp_model_destroy(b);
    lnsp_model_destroy(c);
    free(bytes.data);
    free(again.data);
  }
}

static int32_t failing_write(void *user, const void *from, size_t bytes) {
  size_t *left = user;
  (void)from;
  if (bytes > *left) return 1;
  *left -= bytes;
  return 0;
}

static void a_full_sink_is_an_error(void) {
  lnsp_model *model = make_model(SMALL, 1);
  for (size_t room = 0; room < 9000; room += 700) {
    size_t left = room;
    lnsp_sink sink = {sizeof sink, &left, failing_write};
    int32_t status = lnsp_model_save_sink(model, &sink, LNSP_F32, &support_error);
    CHECK(status == LNSP_E_IO || (room > 5000 && status == LNSP_OK));
  }
  lnsp_model_destroy(model);
}

/* A row alone gives the bits that it gives in a batch, whatever its neighbours. */
static void rows_are_independent(void) {
  lnsp_model *model = make_model("student d=37 s=23 k=18 heads=3", 4);
  lnsp_size_options limits = {sizeof limits, 9, 4, 0, 0, 0, 0};
  lnsp_session *session = NULL, *one = NULL;
  float x[9 * 4 * 37], y[9 * 4 * 37], alone[4 * 37], code[9 * 4 * 18], code_alone[4 * 18];
  support_fill(x, sizeof x / sizeof *x, 7);
  lnsp_size_options small = {sizeof small, 1, 4, 0, 0, 0, 0};
  CHECK_OK(lnsp_session_create(model, &limits, NULL, &session, &support_error));
  CHECK_OK(lnsp_session_create(model, &small, NULL, &one, &support_error));
  for (int64_t concepts = 1; concepts <= 4; concepts++)
    for (int64_t rows = 1; rows <= 9; rows++) {
      lnsp_tensor in = lnsp_tensor_f32("input", x, 3, rows, concepts, 37);
      lnsp_tensor out[2] = {lnsp_tensor_f32("output", y, 3, rows, concepts, 37),
                            lnsp_tensor_f32("code", code, 3, rows, concepts, 18)};
      CHECK_OK(lnsp_session_run(session, &in, 1, out, 2, &support_error));
      for (int64_t r = 0; r < rows; r++) {
        lnsp_tensor in1 = lnsp_tensor_f32("input", x + r * concepts * 37, 3, 1, concepts, 37);
        lnsp_tensor out1[2] = {lnsp_tensor_f32("output", alone, 3, 1, concepts, 37),
                               lnsp_tensor_f32("code", code_alone, 3, 1, concepts, 18)};
        CHECK_OK(lnsp_session_run(one, &in1, 1, out1, 2, &support_error));
        CHECK(!memcmp(alone, y + r * concepts * 37, (size_t)concepts * 37 * 4));
        CHECK(!memcmp(code_alone, code + r * concepts * 18, (size_t)concepts * 18 * 4));
      }
    }
  lnsp_session_destroy(session);
  lnsp_session_destroy(one);
  lnsp_model_destroy(model);
}

/* Any strides in, any strides out. */
static void strides(void) {
  lnsp_model *model = make_model(SMALL, 4);
  lnsp_size_options limits = {sizeof limits, 3, 1, 0, 0, 0, 0};
  lnsp_session *session = NULL;
  float x[60], y[60], xt[60], yt[200];
  support_fill(x, 60, 7);
  for (int r = 0; r < 3; r++)
    for (int i = 0; i < 20; i++) xt[i * 3 + r] = x[r * 20 + i];
  CHECK_OK(lnsp_session_create(model, &limits, NULL, &session, &support_error));
  lnsp_tensor in = lnsp_tensor_f32("input", x, 2, 3, WIDTH, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", y, 2, 3, WIDTH, 0);
  CHECK_OK(lnsp_session_run(session, &in, 1, &out, 1, &support_error));
  in.data = xt;
  in.strides[0] = 1;
  in.strides[1] = 3;
  out.data = yt;
  out.strides[0] = 61;
  out.strides[1] = 2;
  for (int i = 0; i < 200; i++) yt[i] = 9.f;
  CHECK_OK(lnsp_session_run(session, &in, 1, &out, 1, &support_error));
  for (int r = 0; r < 3; r++)
    for (int i = 0; i < 20; i++) CHECK(yt[r * 61 + i * 2] == y[r * 20 + i]);
  CHECK(yt[1] == 9.f && yt[39] == 9.f && yt[162] == 9.f);
  lnsp_session_destroy(session);
  lnsp_model_destroy(model);
}

/* Data at an odd address, and strides that no memory has. */
static void any_address_and_impossible_strides(void) {
  lnsp_model *model = make_model(SMALL, 4);
  lnsp_size_options limits = {sizeof limits, 3, 2, 0, 0, 0, 0};
  lnsp_session *session = NULL;
  float x[120], y[120];
  static char odd_x[1 + sizeof x], odd_y[1 + 2 * sizeof y];
  support_fill(x, 120, 7);
  CHECK_OK(lnsp_session_create(model, &limits, NULL, &session, &support_error));
  lnsp_tensor in = lnsp_tensor_f32("input", x, 3, 3, 2, WIDTH), odd_in = in, bad = in;
  lnsp_tensor out = lnsp_tensor_f32("output", y, 3, 3, 2, WIDTH), odd_out = out;
  CHECK_OK(lnsp_session_run(session, &in, 1, &out, 1, &support_error));
  memcpy(odd_x + 1, x, sizeof x);
  odd_in.data = odd_x + 1;
  odd_out.data = odd_y + 1;
  odd_out.strides[0] = 80; /* every other float */
  odd_out.strides[1] = 40;
  odd_out.strides[2] = 2;
  CHECK_OK(lnsp_session_run(session, &odd_in, 1, &odd_out, 1, &support_error));
  for (int i = 0; i < 120; i++) CHECK(!memcmp(odd_y + 1 + 8 * i, y + i, 4));
  odd_in.strides[0] = -40; /* backwards */
  odd_in.strides[1] = WIDTH;
  odd_in.strides[2] = 1;
  odd_in.data = x + 80;
  CHECK_OK(lnsp_session_run(session, &odd_in, 1, &odd_out, 1, &support_error));
  for (int i = 0; i < 40; i++) CHECK(!memcmp(odd_y + 1 + 8 * i, y + 80 + i, 4));
  const int64_t wild[] = {INT64_MAX, INT64_MIN, INT64_MAX / 2, INT64_MIN / 2,
                          INT64_MAX / 4 + 1};
  for (int d = 0; d < 3; d++)
    for (int i = 0; i < 5; i++) {
      bad.strides[0] = bad.strides[1] = bad.strides[2] = 1;
      bad.strides[d] = wild[i];
      CHECK_REFUSED(lnsp_session_run(session, &bad, 1, &out, 1, &support_error), LNSP_E_SHAPE);
    }
  bad = in;
  bad.dims[0] = INT64_MAX;
  CHECK_REFUSED(lnsp_session_run(session, &bad, 1, &out, 1, &support_error), LNSP_E_LIMIT);
  bad.rank = INT32_MAX;
  CHECK_REFUSED(lnsp_session_run(session, &bad, 1, &out, 1, &support_error), LNSP_E_SHAPE);
  lnsp_session_destroy(session);
  lnsp_model_destroy(model);
}

/* A value that overflows inside is refused although the output looks sound: a NaN
 * is not greater than zero, so relu would make it 0. And the next run is right. */
static void overflow_inside_is_refused(void) {
  lnsp_model *model = make_model("lnsp 1; x = input 4; h = linear x 16 w=a; h = layernorm h "
                                 "affine=0; h = relu h; h = linear h 4 w=b; output output=h",
                                 1);
  lnsp_session *session = NULL;
  float x[4] = {3e38f, -3e38f, 3e38f, -3e38f}, y[4] = {7, 7, 7, 7};
  lnsp_tensor in = lnsp_tensor_f32("input", x, 2, 1, 4, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", y, 2, 1, 4, 0);
  CHECK_OK(lnsp_session_create(model, NULL, NULL, &session, &support_error));
  CHECK_REFUSED(lnsp_session_run(session, &in, 1, &out, 1, &support_error), LNSP_E_NOT_FINITE);
  CHECK(y[0] == 7 && y[3] == 7);
  for (int i = 0; i < 4; i++) x[i] = (float)i;
  CHECK_OK(lnsp_session_run(session, &in, 1, &out, 1, &support_error));
  for (int i = 0; i < 4; i++) CHECK(isfinite(y[i]));
  lnsp_session_destroy(session);
  lnsp_model_destroy(model);
}

static void refusals(void) {
  lnsp_model *model = make_model(SMALL, 4), *other = make_model("ln_min d=20 s=4", 1);
  lnsp_session *session = NULL;
  float x[60] = {0}, y[60];
  for (int i = 0; i < 60; i++) y[i] = 5.f;
  CHECK_OK(lnsp_session_create(model, NULL, NULL, &session, &support_error));
  lnsp_tensor in = lnsp_tensor_f32("input", x, 2, 1, WIDTH, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", y, 2, 1, WIDTH, 0), t;
  t = in, t.dims[0] = 2;
  CHECK_REFUSED(lnsp_session_run(session, &t, 1, &out, 1, &support_error), LNSP_E_LIMIT);
  t = in, t.dims[0] = 0;
  CHECK_REFUSED(lnsp_session_run(session, &t, 1, &out, 1, &support_error), LNSP_E_SHAPE);
  t = in, t.dims[1] = 21;
  CHECK_REFUSED(lnsp_session_run(session, &t, 1, &out, 1, &support_error), LNSP_E_SHAPE);
  t = in, t.rank = 1;
  CHECK_REFUSED(lnsp_session_run(session, &t, 1, &out, 1, &support_error), LNSP_E_SHAPE);
  t = in, t.dtype = LNSP_F64;
  CHECK_REFUSED(lnsp_session_run(session, &t, 1, &out, 1, &support_error), LNSP_E_DTYPE);
  t = in, t.data = NULL;
  CHECK_REFUSED(lnsp_session_run(session, &t, 1, &out, 1, &support_error), LNSP_E_ARGUMENT);
  t = in, t.name = "inputs";
  CHECK_REFUSED(lnsp_session_run(session, &t, 1, &out, 1, &support_error), LNSP_E_MISSING);
  t = out, t.name = "nosuch";
  CHECK_REFUSED(lnsp_session_run(session, &in, 1, &t, 1, &support_error), LNSP_E_MISSING);
  t = out, t.dims[0] = 3;
  CHECK_REFUSED(lnsp_session_run(session, &in, 1, &t, 1, &support_error), LNSP_E_SHAPE);
  CHECK_REFUSED(lnsp_session_rebind(session, other, &support_error), LNSP_E_MISMATCH);
  CHECK_REFUSED(lnsp_session_run(NULL, &in, 1, &out, 1, &support_error), LNSP_E_ARGUMENT);
  lnsp_options options = {.struct_size = sizeof options, .isa = "nosuch"};
  lnsp_session *none = NULL;
  CHECK_REFUSED(lnsp_session_create(model, NULL, &options, &none, &support_error),
                LNSP_E_UNKNOWN);
  for (int i = 0; i < 60; i++) CHECK(y[i] == 5.f);
  lnsp_session_destroy(session);
  lnsp_model_destroy(model);
  lnsp_model_destroy(other);
}

/* Options and limits of callers built against an older or newer header. */
static void structs_of_other_sizes(void) {
  struct {
    lnsp_size_options limits;
    int64_t more;
  } longer;
  lnsp_model *model = make_model(SMALL, 4);
  lnsp_session *session = NULL;
  memset(&longer, 0, sizeof longer);
  longer.limits.struct_size = sizeof longer;
  longer.limits.max_rows = 2;
  CHECK_OK(lnsp_session_create(model, &longer.limits, NULL, &session, &support_error));
  lnsp_session_destroy(session);
  longer.more = 1; /* asks for something this library does not know */
  CHECK_REFUSED(lnsp_session_create(model, &longer.limits, NULL, &session, &support_error),
                LNSP_E_UNSUPPORTED);
  longer.limits.struct_size = 8; /* struct_size and max_rows only */
  longer.limits.max_concepts = 1 << 30;
  CHECK_OK(lnsp_session_create(model, &longer.limits, NULL, &session, &support_error));
  lnsp_session_destroy(session);
  longer.limits.struct_size = 0;
  CHECK_REFUSED(lnsp_session_create(model, &longer.limits, NULL, &session, &support_error),
                LNSP_E_ARGUMENT);
  lnsp_memory_info memory;
  memset(&memory, 0xAA, sizeof memory);
  memory.struct_size = 16;
  CHECK_OK(lnsp_model_measure(lnsp_model_graph(model), &memory, &support_error));
  CHECK(memory.struct_size == 16 && memory.total_bytes > 1000 &&
        memory.weight_bytes == UINT64_C(0xAAAAAAAAAAAAAAAA));
  lnsp_model_destroy(model);
}

static void nodes_are_kept_on_request(void) {
  lnsp_model *model = make_model("ln_min d=20 s=4", 4);
  lnsp_size_options limits = {sizeof limits, 2, 1, 0, 0, 1, 0};
  lnsp_session *session = NULL, *plain = NULL;
  float x[40], y[40];
  lnsp_tensor node;
  support_fill(x, 40, 1);
  lnsp_tensor in = lnsp_tensor_f32("input", x, 2, 2, WIDTH, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", y, 2, 2, WIDTH, 0);
  CHECK_OK(lnsp_session_create(model, &limits, NULL, &session, &support_error));
  CHECK_OK(lnsp_session_create(model, NULL, NULL, &plain, &support_error));
  CHECK_REFUSED(lnsp_session_node(session, 0, &node, &support_error), LNSP_E_STATE);
  CHECK_OK(lnsp_session_run(session, &in, 1, &out, 1, &support_error));
  CHECK_OK(lnsp_session_node(session, 0, &node, &support_error));
  CHECK_INT(node.dims[2], 20);
  for (int i = 0; i < 20; i++) CHECK(((float *)node.data)[i] == x[i]);
  CHECK_REFUSED(lnsp_session_node(session, 99, &node, &support_error), LNSP_E_ARGUMENT);
  CHECK_REFUSED(lnsp_session_node(plain, 0, &node, &support_error), LNSP_E_STATE);
  lnsp_session_destroy(session);
  lnsp_session_destroy(plain);
  lnsp_model_destroy(model);
}

/* Saves a model with one tensor renamed, retyped or reshaped, and opens it. */
static int32_t open_edited(const lnsp_tensor *tensors, int32_t count, const char *arch,
                           const char *prefix, float value) {
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  lnsp_key_value pair = {"lnsp.arch", arch};
  lnsp_writer *writer = NULL;
  lnsp_model *model = NULL;
  lnsp_options options = {.struct_size = sizeof options, .prefix = prefix};
  CHECK_OK(
      lnsp_writer_create_sink(&sink, tensors, count, &pair, 1, NULL, &writer, &support_error));
  for (int32_t t = 0; t < count; t++) {
    int64_t n = tensors[t].dims[0] * (tensors[t].rank > 1 ? tensors[t].dims[1] : 1);
    for (int64_t i = 0; i < n; i++)
      CHECK_OK(lnsp_writer_write(writer, &value, 4, &support_error));
  }
  CHECK_OK(lnsp_writer_close(writer, &support_error));
  lnsp_writer_destroy(writer);
  memset(&support_error, 0, sizeof support_error);
  int32_t status =
      lnsp_model_open_memory(bytes.data, bytes.size, &options, &model, &support_error);
  CHECK((status == LNSP_OK) == (model != NULL));
  CHECK(status == LNSP_OK || support_error.message[0]);
  lnsp_model_destroy(model);
  free(bytes.data);
  return status;
}

static void model_files_must_fit(void) {
  float none = 0;
  lnsp_tensor good[7] = {lnsp_tensor_f32("input_norm.weight", &none, 1, 6, 0, 0),
                         lnsp_tensor_f32("input_norm.bias", &none, 1, 6, 0, 0),
                         lnsp_tensor_f32("compress.weight", &none, 2, 4, 6, 0),
                         lnsp_tensor_f32("compress.bias", &none, 1, 4, 0, 0),
                         lnsp_tensor_f32("align.weight", &none, 2, 6, 4, 0),
                         lnsp_tensor_f32("align.bias", &none, 1, 6, 0, 0),
                         lnsp_tensor_f32("stray", &none, 1, 1, 0, 0)};
  lnsp_tensor t[7];
  const float nan_value = (float)NAN;
  CHECK_INT(open_edited(good, 6, "ln_min", NULL, .5f), LNSP_OK);
  CHECK_INT(open_edited(good, 6, "ln_min", NULL, nan_value), LNSP_E_NOT_FINITE);
  CHECK_INT(open_edited(good, 5, "ln_min", NULL, .5f), LNSP_E_MISSING);
  CHECK_INT(open_edited(good, 7, "ln_min", NULL, .5f), LNSP_E_UNKNOWN);
  CHECK_STR(support_error.name, "stray");
  CHECK_INT(open_edited(good, 6, "nosuch", NULL, .5f), LNSP_E_UNKNOWN);
  CHECK_INT(open_edited(good, 6, "ln_min s=5", NULL, .5f), LNSP_E_SHAPE);
  memcpy(t, good, sizeof t);
  t[5].dims[0] = 5;
  CHECK_INT(open_edited(t, 6, "ln_min", NULL, .5f), LNSP_E_SHAPE);
  const char *names[6] = {"m.input_norm.weight", "m.input_norm.bias", "m.compress.weight",
                          "m.compress.bias",     "m.align.weight",    "m.align.bias"};
  memcpy(t, good, sizeof t);
  for (int i = 0; i < 6; i++) t[i].name = names[i];
  CHECK_INT(open_edited(t, 7, "ln_min", "m.", .5f), LNSP_OK); /* stray is not ours */
  CHECK(open_edited(t, 6, "ln_min", NULL, .5f) != LNSP_OK);
}

int main(void) {
  support_use_all();
  RUN(a_seed_makes_a_model);
  RUN(saves_and_loads_the_same_bits);
  RUN(half_storage_rounds_once);
  RUN(a_full_sink_is_an_error);
  RUN(rows_are_independent);
  RUN(strides);
  RUN(any_address_and_impossible_strides);
  RUN(overflow_inside_is_refused);
  RUN(refusals);
  RUN(structs_of_other_sizes);
  RUN(nodes_are_kept_on_request);
  RUN(model_files_must_fit);
  FINISH();
}

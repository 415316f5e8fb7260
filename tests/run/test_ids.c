/* Ids and masks as callers give them: every integer type, any strides, and what is refused
 * before anything is computed. */
#include "support.h"

#define NET                                                                       \
  "lnsp 1; x = ids count=200; e = embedding x 200 12 w=e; e = position e 6 w=p;"  \
  "a = attention e heads=3 w=a; h = gru a 9 w=g; m = mean h; o = linear m 7 w=o;" \
  "output output=o"
enum { ROWS = 3, CONCEPTS = 5, OUT = 7 };

static const int64_t ids[ROWS][CONCEPTS] = {{1, 100, 3, 0, 99},
                                            {7, 7, 120, 5, 2},
                                            {9, 8, 1, 6, 4}};
static const int64_t mask[ROWS][CONCEPTS] = {{1, 1, 1, 0, 0}, {1, 0, 1, 1, 0}, {1, 1, 1, 1, 1}};

static lnsp_model *model;
static lnsp_session *session;
static float out[ROWS * OUT];

static void begin(void) {
  lnsp_size_options limits = {.struct_size = sizeof limits,
                              .max_rows = ROWS,
                              .max_concepts = 7};
  CHECK_OK(lnsp_model_create(NET, 3, NULL, &model, &support_error));
  CHECK_OK(lnsp_session_create(model, &limits, NULL, &session, &support_error));
}

static void end(void) {
  lnsp_session_destroy(session);
  lnsp_model_destroy(model);
}

static lnsp_tensor integers(const char *name, int32_t dtype, const void *data, int64_t rows,
                            int64_t concepts) {
  lnsp_tensor t = {.name = name, .dtype = dtype, .rank = 2, .dims = {rows, concepts}};
  t.data = (void *)(uintptr_t)data;
  return t;
}

/* Runs; out is what came, or -5 throughout where nothing did. */
static int32_t run(const lnsp_tensor *inputs, int32_t count) {
  lnsp_tensor to = lnsp_tensor_f32("output", out, 2, ROWS, OUT, 0);
  for (int i = 0; i < ROWS * OUT; i++) out[i] = -5;
  to.dims[0] = inputs[0].dims[0] > ROWS || inputs[0].dims[0] < 1 ? ROWS : inputs[0].dims[0];
  return lnsp_session_run(session, inputs, count, &to, 1, &support_error);
}

static void refused(const lnsp_tensor *inputs, int32_t count, int32_t code) {
  CHECK_REFUSED(run(inputs, count), code);
  for (int i = 0; i < ROWS * OUT; i++) CHECK(out[i] == -5);
}

/* The numbers in another type, at an odd address, with strides. */
static lnsp_tensor as_type(const char *name, const int64_t from[ROWS][CONCEPTS], int32_t dtype,
                           int64_t row, int64_t concept, unsigned char *memory) {
  const int64_t size = (int64_t)lnsp_dtype_bytes(dtype);
  unsigned char *data = memory + 1 + (row < 0 ? -row * (ROWS - 1) * size : 0) +
                        (concept < 0 ? -concept * (CONCEPTS - 1) * size : 0);
  const uint16_t one = 1;
  const int little = *(const unsigned char *)&one == 1;
  for (int64_t r = 0; r < ROWS; r++)
    for (int64_t c = 0; c < CONCEPTS; c++)
      memcpy(data + (r * row + c * concept) * size,
             (const char *)&from[r][c] + (little ? 0 : 8 - size), (size_t)size);
  lnsp_tensor t = integers(name, dtype, data, ROWS, CONCEPTS);
  t.strides[0] = row;
  t.strides[1] = concept;
  return t;
}

static void any_integer_type_and_strides(void) {
  static const int32_t types[] = {LNSP_I8,  LNSP_I16, LNSP_I32, LNSP_I64,
                                  LNSP_U16, LNSP_U32, LNSP_U64, LNSP_U8};
  static const int64_t strides[][2] = {{CONCEPTS, 1}, {1, ROWS}, {11, 2}, {-9, -1}, {-5, 1}};
  static unsigned char id_memory[1024], mask_memory[1024];
  float expected[ROWS * OUT];
  lnsp_tensor in[2];
  begin();
  in[0] = integers("ids", LNSP_I64, ids, ROWS, CONCEPTS);
  in[1] = integers("mask", LNSP_I64, mask, ROWS, CONCEPTS);
  CHECK_OK(run(in, 2));
  memcpy(expected, out, sizeof out);
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
      in[0] = as_type("ids", ids, types[t], strides[s][0], strides[s][1], id_memory);
      in[1] = as_type("mask", mask, t ? types[t] : LNSP_BOOL, strides[s][0], strides[s][1],
                      mask_memory);
      CHECK_OK(run(in, 2));
      CHECK_SAY(!memcmp(expected, out, sizeof out), "type %zu, strides %zu", t, s);
    }
  end();
}

/* What stands where the mask is 0 changes nothing, and neither does a longer row. */
static void padding_changes_no_bits(void) {
  int64_t longer[ROWS][7], keep[ROWS][7];
  float expected[ROWS * OUT], shorter[OUT];
  lnsp_tensor in[2];
  begin();
  in[0] = integers("ids", LNSP_I64, ids, ROWS, CONCEPTS);
  in[1] = integers("mask", LNSP_I64, mask, ROWS, CONCEPTS);
  CHECK_OK(run(in, 2));
  memcpy(expected, out, sizeof out);
  in[0] = integers("ids", LNSP_I64, ids, 1, 3); /* the first row without its padding */
  CHECK_OK(run(in, 1));
  memcpy(shorter, out, sizeof shorter);
  CHECK(!memcmp(shorter, expected, sizeof shorter));
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < 6; c++) {
      keep[r][c] = c < CONCEPTS && mask[r][c];
      longer[r][c] = keep[r][c] ? ids[r][c] : 199 - r - c;
    }
  in[0] = integers("ids", LNSP_I64, longer, ROWS, 6);
  in[1] = integers("mask", LNSP_I64, keep, ROWS, 6);
  in[0].strides[0] = in[1].strides[0] = 7;
  in[0].strides[1] = in[1].strides[1] = 1;
  CHECK_OK(run(in, 2));
  CHECK(!memcmp(expected, out, sizeof out));
  end();
}

static void bad_ids_are_refused(void) {
  int64_t bad[ROWS][CONCEPTS];
  const uint64_t huge[1] = {UINT64_MAX};
  const float number[1] = {1};
  lnsp_tensor in;
  begin();
  const int64_t wrong[] = {-1, 200, INT64_MAX, INT64_MIN, (int64_t)1 << 32};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    memcpy(bad, ids, sizeof bad);
    bad[2][4] = wrong[i];
    in = integers("ids", LNSP_I64, bad, ROWS, CONCEPTS);
    refused(&in, 1, LNSP_E_ARGUMENT);
    CHECK(strstr(support_error.message, "row 2, concept 4") != NULL);
  }
  in = integers("ids", LNSP_U64, huge, 1, 1);
  refused(&in, 1, LNSP_E_ARGUMENT);
  in = integers("ids", LNSP_F32, number, 1, 1);
  refused(&in, 1, LNSP_E_DTYPE);
  in = integers("ids", LNSP_I64, NULL, 1, 1);
  refused(&in, 1, LNSP_E_ARGUMENT);
  in = integers("input", LNSP_I64, ids, 1, 1);
  refused(&in, 1, LNSP_E_MISSING);
  in = integers("ids", LNSP_I64, ids, ROWS, CONCEPTS);
  in.rank = 1;
  refused(&in, 1, LNSP_E_SHAPE);
  in.rank = 3;
  in.dims[2] = 1;
  refused(&in, 1, LNSP_E_SHAPE);
  in = integers("ids", LNSP_I64, ids, ROWS, CONCEPTS);
  in.strides[0] = INT64_MAX / 2;
  refused(&in, 1, LNSP_E_SHAPE);
  in.strides[0] = INT64_MIN;
  refused(&in, 1, LNSP_E_SHAPE);
  in = integers("ids", LNSP_I64, ids, 0, CONCEPTS);
  refused(&in, 1, LNSP_E_SHAPE);
  in = integers("ids", LNSP_I64, ids, 1, 0);
  refused(&in, 1, LNSP_E_SHAPE);
  in = integers("ids", LNSP_I64, ids, 1, 7); /* positions are 6 */
  refused(&in, 1, LNSP_E_SHAPE);
  in = integers("ids", LNSP_I64, ids, INT64_MAX, INT64_MAX);
  CHECK(run(&in, 1) != LNSP_OK);
  end();
}

static void bad_masks_are_refused(void) {
  int64_t bad[ROWS][CONCEPTS];
  lnsp_tensor in[2];
  begin();
  in[0] = integers("ids", LNSP_I64, ids, ROWS, CONCEPTS);
  in[1] = integers("mask", LNSP_I64, bad, ROWS, CONCEPTS);
  const int64_t wrong[] = {2, -1, 256, INT64_MIN};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    memcpy(bad, mask, sizeof bad);
    bad[1][3] = wrong[i];
    refused(in, 2, LNSP_E_ARGUMENT);
    CHECK(strstr(support_error.message, "row 1, concept 3") != NULL);
  }
  memset(bad, 0, sizeof bad); /* no concept at all */
  bad[0][0] = bad[1][1] = 1;
  refused(in, 2, LNSP_E_ARGUMENT);
  CHECK(strstr(support_error.message, "row 2") != NULL);
  in[1] = integers("mask", LNSP_F32, mask, ROWS, CONCEPTS);
  refused(in, 2, LNSP_E_DTYPE);
  in[1] = integers("mask", LNSP_I64, mask, ROWS, CONCEPTS - 1);
  refused(in, 2, LNSP_E_SHAPE);
  in[1] = integers("mask", LNSP_I64, mask, ROWS - 1, CONCEPTS);
  refused(in, 2, LNSP_E_SHAPE);
  in[1] = integers("mask", LNSP_I64, NULL, ROWS, CONCEPTS);
  refused(in, 2, LNSP_E_ARGUMENT);
  in[1] = integers("mask", LNSP_I64, mask, ROWS, CONCEPTS);
  in[1].strides[1] = INT64_MAX;
  refused(in, 2, LNSP_E_SHAPE);
  in[1] = integers("masks", LNSP_I64, mask, ROWS, CONCEPTS);
  refused(in, 2, LNSP_E_ARGUMENT);
  end();
}

int main(void) {
  RUN(any_integer_type_and_strides);
  RUN(padding_changes_no_bits);
  RUN(bad_ids_are_refused);
  RUN(bad_masks_are_refused);
  FINISH();
}

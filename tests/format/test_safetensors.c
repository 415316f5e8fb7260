/* Reading safetensors files: one that PyTorch wrote, conversions, large headers. */
#include <fenv.h>

#include "hostile.h"

#define PYTORCH "tests/data/format/pytorch.safetensors"

static uint8_t *read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  uint8_t *data = malloc(1 << 16);
  CHECK(file != NULL);
  *bytes = file ? fread(data, 1, 1 << 16, file) : 0;
  if (file) fclose(file);
  return data;
}

/* What tests/data/format/README.md says is in it: element i of 6. */
static void check_pytorch(lnsp_file *file) {
  static const char *const integers[] = {"i8", "i16", "i32", "i64", "u8", "u16", "u64", "bool"};
  static const int64_t first[] = {-30, -3000, -300000, -(INT64_C(1) << 41), 0, 0, 0, 0};
  static const int64_t each[] = {10, 1000, 100000, INT64_C(1) << 40, 50, 13107, 3, 0};
  lnsp_tensor tensor;
  lnsp_error p;
  float floats[16];
  double doubles[6];
  int64_t whole[6];
  uint32_t u32[6];
  int i, k;
  CHECK_INT(lnsp_file_tensor_count(file), 17);
  CHECK_INT(lnsp_file_tensor(file, "f32", &tensor, &p), LNSP_OK);
  CHECK_STR(tensor.name, "f32");
  CHECK_INT(tensor.dtype, LNSP_F32);
  CHECK_INT(tensor.rank, 2);
  CHECK_INT(tensor.dims[0], 2);
  CHECK_INT(tensor.dims[1], 3);
  CHECK(tensor.data == NULL && tensor.strides[0] == 0);
  CHECK_INT(lnsp_file_read(file, "f32", 0, 6, LNSP_F32, floats, &p), LNSP_OK);
  for (i = 0; i < 6; i++) CHECK(floats[i] == (float)i * 0.5f - 1);
  CHECK_INT(lnsp_file_read(file, "f32", 4, 2, LNSP_F32, floats, &p), LNSP_OK);
  CHECK(floats[0] == 1 && floats[1] == 1.5f && floats[2] == 0);
  CHECK_INT(lnsp_file_read(file, "f16", 0, 6, LNSP_F32, floats, &p), LNSP_OK);
  for (i = 0; i < 6; i++) CHECK(floats[i] == (float)i * 0.25f - 1);
  CHECK_INT(lnsp_file_read(file, "bf16", 1, 5, LNSP_F32, floats, &p), LNSP_OK);
  for (i = 0; i < 5; i++) CHECK(floats[i] == (float)(i + 1) * 2 - 8);
  CHECK_INT(lnsp_file_read(file, "f64", 0, 6, LNSP_F32, floats, &p), LNSP_OK);
  CHECK_INT(lnsp_file_read(file, "f64", 0, 6, LNSP_F64, doubles, &p), LNSP_OK);
  for (i = 0; i < 6; i++) CHECK(doubles[i] == i * 0.1 && floats[i] == (float)(i * 0.1));
  for (k = 0; k < 8; k++) {
    CHECK_INT(lnsp_file_read(file, integers[k], 0, 6, LNSP_I64, whole, &p), LNSP_OK);
    for (i = 0; i < 6; i++) CHECK_INT(whole[i], each[k] ? first[k] + i * each[k] : i % 2);
  }
  CHECK_INT(lnsp_file_read(file, "u32", 0, 6, LNSP_U32, u32, &p), LNSP_OK);
  for (i = 0; i < 6; i++) CHECK(u32[i] == (uint32_t)i * 858993459u);
  CHECK_INT(lnsp_file_tensor(file, "scalar", &tensor, &p), LNSP_OK);
  CHECK_INT(tensor.rank, 0);
  CHECK_INT(lnsp_file_read(file, "scalar", 0, 1, LNSP_F32, floats, &p), LNSP_OK);
  CHECK(floats[0] == 2.5f);
  CHECK_INT(lnsp_file_tensor(file, "empty", &tensor, &p), LNSP_OK);
  CHECK_INT(tensor.dims[0], 0);
  CHECK_INT(tensor.dims[1], 3);
  CHECK_INT(lnsp_file_read(file, "empty", 0, 0, LNSP_F32, NULL, &p), LNSP_OK);
  CHECK_INT(lnsp_file_read(file, "\xc3\xa9\"\\\n\xf0\x9f\x98\x80", 0, 1, LNSP_F32, floats, &p),
            LNSP_OK);
  CHECK(floats[0] == 7);
  CHECK_STR(lnsp_file_metadata(file, "format"), "pt");
  CHECK_STR(lnsp_file_metadata(file, "note"),
            "quote \" backslash \\ newline \n \xc3\xa9 \xf0\x9f\x98\x80");
  CHECK(lnsp_file_metadata(file, "Format") == NULL);
}

static void test_pytorch_file(void) {
  size_t bytes;
  uint8_t *data = read_file(PYTORCH, &bytes);
  hostile_bytes from = {data, bytes, bytes, 0, -1};
  lnsp_source source = {sizeof(lnsp_source), &from, bytes, hostile_read};
  lnsp_file *file;
  lnsp_error p;
  CHECK_INT(lnsp_file_open(PYTORCH, NULL, &file, &p), LNSP_OK);
  check_pytorch(file);
  lnsp_file_destroy(file);
  CHECK_INT(lnsp_file_open_memory(data, bytes, NULL, &file, &p), LNSP_OK);
  check_pytorch(file);
  lnsp_file_destroy(file);
  CHECK_INT(lnsp_file_open_source(&source, NULL, &file, &p), LNSP_OK);
  check_pytorch(file);
  lnsp_file_destroy(file);
  lnsp_file_destroy(NULL);
  free(data);
}

static void test_arguments(void) {
  lnsp_file *file, *none = (lnsp_file *)(uintptr_t)1;
  lnsp_source source = {sizeof(lnsp_source), NULL, 0, NULL};
  lnsp_tensor tensor;
  lnsp_key_value pair;
  lnsp_error p;
  float out[8];
  CHECK_INT(lnsp_file_open(NULL, NULL, &none, &p), LNSP_E_ARGUMENT);
  CHECK(none == NULL);
  CHECK_INT(lnsp_file_open(PYTORCH, NULL, NULL, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_open_memory(NULL, 10, NULL, &none, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_open_source(NULL, NULL, &none, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_open_source(&source, NULL, &none, &p), LNSP_E_ARGUMENT);
  none = (lnsp_file *)(uintptr_t)1;
  CHECK_INT(lnsp_file_open("tests/no such file", NULL, &none, &p), LNSP_E_MISSING);
  CHECK(none == NULL);
  CHECK(strstr(p.message, "tests/no such file") != NULL);
  CHECK_INT(lnsp_file_open("tests", NULL, &none, &p), LNSP_E_IO); /* a folder */
  CHECK_INT(lnsp_file_open("tests/support/check.h", NULL, &none, &p), LNSP_E_FORMAT);
  CHECK_INT(lnsp_file_open(PYTORCH, NULL, &file, NULL), LNSP_OK);
  CHECK_INT(lnsp_file_tensor_at(file, -1, &tensor, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_tensor_at(file, 17, &tensor, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_tensor_at(file, 0, NULL, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_tensor_at(NULL, 0, &tensor, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_tensor(file, "nothing", &tensor, &p), LNSP_E_MISSING);
  CHECK_STR(p.name, "nothing");
  CHECK_INT(lnsp_file_tensor(file, NULL, &tensor, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_metadata_at(file, 1, &pair, &p), LNSP_OK);
  CHECK_INT(lnsp_file_metadata_at(file, 2, &pair, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_metadata_at(file, -1, &pair, &p), LNSP_E_ARGUMENT);
  CHECK(lnsp_file_metadata(file, NULL) == NULL && lnsp_file_metadata(NULL, "a") == NULL);
  CHECK_INT(lnsp_file_tensor_count(NULL), 0);
  CHECK_INT(lnsp_file_read(file, "nothing", 0, 1, LNSP_F32, out, &p), LNSP_E_MISSING);
  CHECK_INT(lnsp_file_read(file, "f32", 0, 1, LNSP_F32, NULL, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_read(file, "f32", 0, 7, LNSP_F32, out, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_read(file, "f32", 6, 1, LNSP_F32, out, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_read(file, "f32", 7, 0, LNSP_F32, out, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_read(file, "f32", -1, 1, LNSP_F32, out, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_read(file, "f32", 1, -1, LNSP_F32, out, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_read(file, "f32", INT64_MAX, INT64_MAX, LNSP_F32, out, &p),
            LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_file_read(file, "f32", 6, 0, LNSP_F32, NULL, &p), LNSP_OK);
  CHECK_INT(lnsp_file_read(file, "f32", 0, 6, LNSP_F64, out, &p), LNSP_E_DTYPE);
  CHECK_INT(lnsp_file_read(file, "f32", 0, 6, LNSP_I32, out, &p), LNSP_E_DTYPE);
  CHECK_INT(lnsp_file_read(file, "i32", 0, 6, LNSP_F32, out, &p), LNSP_E_DTYPE);
  CHECK_INT(lnsp_file_read(file, "i32", 0, 6, 0, out, &p), LNSP_E_DTYPE);
  CHECK_INT(lnsp_file_read(file, "i32", 0, 6, 99, out, &p), LNSP_E_DTYPE);
  CHECK_INT(lnsp_file_read(file, "i32", 0, 6, LNSP_U32, out, &p), LNSP_E_DTYPE);
  lnsp_file_destroy(file);
}

/* One tensor of raw little-endian bytes. */
static lnsp_file *file_of(uint8_t *space, const char *dtype, size_t count, const void *data,
                          size_t bytes) {
  char json[200];
  lnsp_file *file = NULL;
  size_t all;
  snprintf(json, sizeof(json),
           "{\"t\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", dtype, count,
           bytes);
  all = hostile_make(space, json, strlen(json), bytes);
  memcpy(space + all - bytes, data, bytes);
  CHECK_INT(lnsp_file_open_memory(space, all, NULL, &file, NULL), LNSP_OK);
  return file;
}

static void put64(uint8_t *to, uint64_t value) {
  int i;
  for (i = 0; i < 8; i++) to[i] = (uint8_t)(value >> (8 * i));
}

static void test_integers_that_do_not_fit(void) {
  static const int64_t values[] =
      {INT32_MAX, INT32_MIN, (int64_t)INT32_MAX + 1, (int64_t)INT32_MIN - 1, INT64_MAX,
       INT64_MIN, -1};
  uint8_t space[1024], raw[56], u32[4] = {0xff, 0xff, 0xff, 0x7f}, bools[3] = {0, 1, 2};
  int32_t narrow[8], kept[8];
  int64_t wide[8];
  lnsp_file *file;
  lnsp_error p;
  int i;
  for (i = 0; i < 7; i++) put64(raw + 8 * i, (uint64_t)values[i]);
  memset(narrow, 0x5a, sizeof(narrow));
  memcpy(kept, narrow, sizeof(kept));
  file = file_of(space, "I64", 7, raw, 56);
  CHECK_INT(lnsp_file_read(file, "t", 0, 7, LNSP_I64, wide, &p), LNSP_OK);
  CHECK(memcmp(wide, values, sizeof(values)) == 0);
  for (i = 0; i < 7; i++) {
    int fits = values[i] >= INT32_MIN && values[i] <= INT32_MAX;
    CHECK_INT(lnsp_file_read(file, "t", i, 1, LNSP_I32, narrow, &p),
              fits ? LNSP_OK : LNSP_E_LIMIT);
    if (fits) CHECK_INT(narrow[0], values[i]);
  }
  memcpy(narrow, kept, sizeof(kept));
  CHECK_INT(lnsp_file_read(file, "t", 0, 7, LNSP_I32, narrow, &p), LNSP_E_LIMIT);
  CHECK(memcmp(narrow, kept, sizeof(kept)) == 0); /* the first two fitted */
  lnsp_file_destroy(file);
  file = file_of(space, "U64", 7, raw, 56);
  CHECK_INT(lnsp_file_read(file, "t", 0, 1, LNSP_I64, wide, &p), LNSP_OK);
  CHECK_INT(lnsp_file_read(file, "t", 4, 1, LNSP_I64, wide, &p), LNSP_OK);
  CHECK(wide[0] == INT64_MAX);
  CHECK_INT(lnsp_file_read(file, "t", 5, 1, LNSP_I64, wide, &p), LNSP_E_LIMIT); /* 2^63 */
  CHECK_INT(lnsp_file_read(file, "t", 6, 1, LNSP_I64, wide, &p), LNSP_E_LIMIT);
  CHECK_INT(lnsp_file_read(file, "t", 6, 1, LNSP_I32, narrow, &p), LNSP_E_LIMIT);
  lnsp_file_destroy(file);
  file = file_of(space, "U32", 1, u32, 4);
  CHECK_INT(lnsp_file_read(file, "t", 0, 1, LNSP_I32, narrow, &p), LNSP_OK);
  CHECK_INT(narrow[0], INT32_MAX);
  lnsp_file_destroy(file);
  u32[3] = 0x80;
  file = file_of(space, "U32", 1, u32, 4);
  CHECK_INT(lnsp_file_read(file, "t", 0, 1, LNSP_I32, narrow, &p), LNSP_E_LIMIT);
  CHECK_INT(lnsp_file_read(file, "t", 0, 1, LNSP_I64, wide, &p), LNSP_OK);
  CHECK(wide[0] == 0x80ffffff);
  lnsp_file_destroy(file);
  file = file_of(space, "BOOL", 3, bools, 3);
  CHECK_INT(lnsp_file_read(file, "t", 0, 3, LNSP_I32, narrow, &p), LNSP_OK);
  CHECK(narrow[0] == 0 && narrow[1] == 1 && narrow[2] == 1);
  lnsp_file_destroy(file);
}

static void test_doubles_rounded_to_nearest(void) {
  static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  const double values[] = {0.1,        -0.1,       1e-40,    3.5e38, -1e300,
                           16777217.0, 16777219.0, INFINITY, 1e-50};
  const float expected[] = {0.1f,        -0.1f,       1e-40f,   INFINITY, -INFINITY,
                            16777216.0f, 16777220.0f, INFINITY, 0.0f};
  uint8_t space[1024], raw[72];
  float out[9];
  lnsp_file *file;
  int i;
  for (i = 0; i < 9; i++) {
    uint64_t bits;
    memcpy(&bits, &values[i], 8);
    put64(raw + 8 * i, bits);
  }
  file = file_of(space, "F64", 9, raw, 72);
  for (i = 0; i < 4; i++) {
    int32_t code;
    memset(out, 0, sizeof(out));
    fesetround(modes[i]);
    code = lnsp_file_read(file, "t", 0, 9, LNSP_F32, out, NULL);
    CHECK_INT(fegetround(), modes[i]);
    fesetround(FE_TONEAREST);
    CHECK_INT(code, LNSP_OK);
    CHECK(memcmp(out, expected, sizeof(out)) == 0);
  }
  lnsp_file_destroy(file);
}

/* Longer than the pieces that conversion works in, at odd starts. */
static void test_long_conversion(void) {
  static uint8_t space[4096], raw[3000];
  static float out[1002];
  static int64_t whole[1002];
  lnsp_file *file;
  int first, i;
  for (i = 0; i < 1500; i++) {
    raw[2 * i] = 0;
    raw[2 * i + 1] = (uint8_t)(i % 100);
  }
  file = file_of(space, "BF16", 1000, raw, 2000);
  for (first = 0; first < 600; first += 37) {
    out[1000 - first] = -5;
    CHECK_INT(lnsp_file_read(file, "t", first, 1000 - first, LNSP_F32, out, NULL), LNSP_OK);
    for (i = first; i < 1000; i++) {
      uint32_t bits;
      memcpy(&bits, &out[i - first], 4);
      CHECK_INT(bits, (uint32_t)(i % 100) << 24);
    }
    CHECK(out[1000 - first] == -5);
  }
  lnsp_file_destroy(file);
  file = file_of(space, "I16", 1000, raw, 2000);
  CHECK_INT(lnsp_file_read(file, "t", 1, 999, LNSP_I64, whole, NULL), LNSP_OK);
  for (i = 1; i < 1000; i++) CHECK_INT(whole[i - 1], (i % 100) * 256);
  lnsp_file_destroy(file);
}

/* Tens of thousands of tensors, backwards in the header: names and offsets are
 * checked in less than quadratic time, and found again. */
static void test_many_tensors(void) {
  enum { COUNT = 60000 };
  size_t room = (size_t)COUNT * 100, length = 0;
  char *json = malloc(room), name[32];
  uint8_t *data = malloc(room + 8 + COUNT);
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_file *file = NULL;
  lnsp_error p;
  int i;
  json[length++] = '{';
  for (i = COUNT - 1; i >= 0; i--)
    length +=
        (size_t)snprintf(json + length, room - length,
                         "%s\"n%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                         i == COUNT - 1 ? "" : ",", i * 7919 % COUNT, i, i + 1);
  json[length++] = '}';
  options.max_header_bytes = 1u << 24;
  CHECK_INT(lnsp_file_open_memory(data, hostile_make(data, json, length, COUNT), &options,
                                  &file, &p),
            LNSP_OK);
  CHECK_INT(lnsp_file_tensor_count(file), COUNT);
  for (i = 0; i < COUNT; i += 61) {
    uint8_t byte = 0;
    snprintf(name, sizeof(name), "n%d", i * 7919 % COUNT);
    CHECK_INT(lnsp_file_read(file, name, 0, 1, LNSP_U8, &byte, &p), LNSP_OK);
    CHECK_INT(byte, (uint8_t)(i * 7 + 1));
  }
  lnsp_file_destroy(file);
  free(json);
  free(data);
}

/* The handle in the caller's memory; the same options by older and newer callers. */
static void test_own_block(void) {
  static uint8_t block[65536];
  struct newer {
    lnsp_options known;
    uint64_t later;
  } newer;
  lnsp_file *file;
  lnsp_error p;
  size_t need;
  memset(&newer, 0, sizeof(newer));
  newer.known.struct_size = sizeof(lnsp_options);
  newer.known.block = block + 3;
  newer.known.block_bytes = sizeof(block) - 3;
  CHECK_INT(lnsp_file_open(PYTORCH, &newer.known, &file, &p), LNSP_OK);
  CHECK((uint8_t *)file >= block && (uint8_t *)file < block + sizeof(block));
  check_pytorch(file);
  lnsp_file_destroy(file);
  for (need = 0; need < sizeof(block) - 3; need += 64) { /* one size is the least */
    newer.known.block_bytes = need;
    if (lnsp_file_open(PYTORCH, &newer.known, &file, &p) == LNSP_OK) break;
    CHECK_INT(p.code, LNSP_E_MEMORY);
  }
  CHECK(need > 1000 && need < 8192);
  lnsp_file_destroy(file);
  newer.known.struct_size = sizeof(newer);
  newer.known.block_bytes = sizeof(block) - 3;
  CHECK_INT(lnsp_file_open(PYTORCH, &newer.known, &file, &p), LNSP_OK);
  lnsp_file_destroy(file);
  newer.later = 1;
  CHECK_INT(lnsp_file_open(PYTORCH, &newer.known, &file, &p), LNSP_E_UNSUPPORTED);
  newer.known.struct_size = 8; /* header cap, then nothing */
  newer.known.max_header_bytes = 100;
  CHECK_INT(lnsp_file_open(PYTORCH, &newer.known, &file, &p), LNSP_E_LIMIT);
}

static void test_info(void) {
  static const size_t bytes[] = {0, 4, 2, 2, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 0};
  static const char *const names[] = {"?",   "F32", "F16", "BF16", "F64", "I8",   "I16", "I32",
                                      "I64", "U8",  "U16", "U32",  "U64", "BOOL", "?"};
  float data[6];
  lnsp_tensor tensor = lnsp_tensor_f32("t", data, 2, 2, 3, 99);
  char text[32];
  int32_t i;
  for (i = 0; i <= 14; i++) {
    CHECK_INT(lnsp_dtype_bytes(i), bytes[i]);
    CHECK_STR(lnsp_dtype_name(i), names[i]);
  }
  CHECK_INT(lnsp_dtype_bytes(-1), 0);
  CHECK_STR(lnsp_dtype_name(INT32_MIN), "?");
  CHECK_STR(lnsp_status_name(LNSP_OK), "LNSP_OK");
  CHECK_STR(lnsp_status_name(LNSP_E_FORMAT), "LNSP_E_FORMAT");
  CHECK_STR(lnsp_status_name(LNSP_E_INTERNAL), "LNSP_E_INTERNAL");
  CHECK_STR(lnsp_status_name(LNSP_E_REFUSED), "LNSP_E_REFUSED");
  CHECK_STR(lnsp_status_name(LNSP_E_CANCELLED + 1), "LNSP_E_?");
  CHECK_STR(lnsp_status_name(-1), "LNSP_E_?");
  snprintf(text, sizeof(text), "%d.%d.%d", LNSP_VERSION_MAJOR, LNSP_VERSION_MINOR,
           LNSP_VERSION_PATCH);
  CHECK_STR(lnsp_version_text(), text);
  CHECK_INT(lnsp_version(),
            LNSP_VERSION_MAJOR * 10000 + LNSP_VERSION_MINOR * 100 + LNSP_VERSION_PATCH);
  CHECK_INT(lnsp_arithmetic_version(), LNSP_ARITHMETIC_VERSION);
  CHECK_STR(tensor.name, "t");
  CHECK_INT(tensor.dtype, LNSP_F32);
  CHECK(tensor.rank == 2 && tensor.dims[0] == 2 && tensor.dims[1] == 3 && tensor.dims[2] == 0);
  CHECK(tensor.data == data && tensor.strides[0] == 0 && tensor.strides[1] == 0);
}

int main(void) {
  RUN(test_pytorch_file);
  RUN(test_arguments);
  RUN(test_integers_that_do_not_fit);
  RUN(test_doubles_rounded_to_nearest);
  RUN(test_long_conversion);
  RUN(test_many_tensors);
  RUN(test_own_block);
  RUN(test_info);
  FINISH();
}

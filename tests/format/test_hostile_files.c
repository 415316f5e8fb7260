/* Hostile files: a written corpus with its codes and places, every truncation,
 * every flipped byte, failing memory and failing disks. */
#include "hostile.h"

typedef struct hostile_case {
  const char *json;
  size_t data_bytes;
  int32_t code;
  long offset; /* in the JSON; -1: not looked at */
} hostile_case;

#define T(name, dtype, shape, offsets) \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define A T("a", "F32", "[2]", "[0,8]")
#define F LNSP_E_FORMAT

static const hostile_case refused[] = {
    /* no JSON at all, or not this JSON */
    {"  ", 0, F, 0},
    {"[]", 0, F, 0},
    {"null", 0, F, 0},
    {" {}", 0, F, 0},
    {"\xef\xbb\xbf{}", 0, F, 0},
    {"{{", 0, F, 1},
    {"{]", 0, F, 1},
    {"{,}", 0, F, 1},
    {"{\"a\"}", 0, F, 4},
    {"{\"a\":}", 0, F, 5},
    {"{\"a\":1}", 0, F, 5},
    {"{\"a\":null}", 0, F, 5},
    {"{\"a\":[]}", 0, F, 5},
    {"{\"a\":{}}", 0, F, 6},
    {"{a:{}}", 0, F, 1},
    {"{'a':{}}", 0, F, 1},
    {"{" A, 8, F, 53},
    {"{" A ",", 8, F, 54},
    {"{" A ",}", 8, F, 54},
    {"{" A " " A "}", 8, F, 54},
    {"{" A "}}", 8, F, 54},
    {"{" A "} x", 8, F, 55},
    {"{" A "}\n", 8, F, 54},
    {"{}{}", 0, F, 2},
    {"{\"a", 0, F, 3},
    {"{\"a\\", 0, F, 3},
    {"{\"", 0, F, 2},
    /* keys of a tensor */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, F, 31},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, F, -1},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, F, -1},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, F,
     20},
    {"{\"a\":{\"dtype\":\"F32\",\"d\\u0074ype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
     8, F, 20},
    {"{\"a\":{\"shape\":[2],\"shape\":[2],\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, F,
     -1},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8],\"dtype\":\"F32\",\"data_offsets\":[0,8]}}",
     8, F, -1},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8, F, 53},
    {"{\"a\":{\"\":1}}", 8, F, 6},
    {"{\"a\":{\"Dtype\":\"F32\"}}", 8, F, 6},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],}}", 8, F, 53},
    {"{\"a\":{\"dtype\" \"F32\"}}", 8, F, 14},
    {"{\"a\":{\"dtype\":\"F32\" \"shape\":[2]}}", 8, F, 20},
    /* dtypes */
    {"{" T("a", "F8_E4M3", "[8]", "[0,8]") "}", 8, LNSP_E_DTYPE, 14},
    {"{" T("a", "f32", "[2]", "[0,8]") "}", 8, LNSP_E_DTYPE, 14},
    {"{" T("a", "?", "[2]", "[0,8]") "}", 8, LNSP_E_DTYPE, 14},
    {"{" T("a", "", "[2]", "[0,8]") "}", 8, LNSP_E_DTYPE, 14},
    {"{" T("a", "F32 ", "[2]", "[0,8]") "}", 8, LNSP_E_DTYPE, 14},
    {"{\"a\":{\"dtype\":1}}", 8, F, 14},
    {"{\"a\":{\"dtype\":[\"F32\"]}}", 8, F, 14},
    /* shapes */
    {"{" T("a", "F32", "2", "[0,8]") "}", 8, F, 28},
    {"{" T("a", "F32", "[-2]", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[2.0]", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[2e0]", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[02]", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[+2]", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[\"2\"]", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[2,]", "[0,8]") "}", 8, F, 31},
    {"{" T("a", "F32", "[,2]", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[2 1]", "[0,8]") "}", 8, F, 31},
    {"{" T("a", "F32", "[[2]]", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[[[[[[[[[[[[[[[[", "[0,8]") "}", 8, F, 29},
    {"{" T("a", "F32", "[2", "[0,8]") "}", 8, F, 31},
    {"{" T("a", "F32", "[1,1,1,1,2]", "[0,8]") "}", 8, LNSP_E_LIMIT, -1},
    {"{" T("a", "F32", "[3]", "[0,8]") "}", 8, F, 2},
    {"{" T("a", "F32", "[]", "[0,8]") "}", 8, F, 2},
    {"{" T("a", "F32", "[0]", "[0,8]") "}", 8, F, 2},
    {"{" T("a", "F64", "[2]", "[0,8]") "}", 8, F, 2},
    {"{" T("a", "U8", "[9223372036854775808]", "[0,8]") "}", 8, F, 28},
    {"{" T("a", "U8", "[18446744073709551624]", "[0,8]") "}", 8, F, 28},
    {"{" T("a", "F32", "[4611686018427387906]", "[0,8]") "}", 8, F,
     2}, /* times 4 is 8 mod 2^64 */
    {"{" T("a", "F32", "[4294967296,4294967296,4294967296,2]", "[0,8]") "}", 8, F, 2},
    {"{" T("a", "F32", "[4294967296,4294967296,0]", "[0,0]") "}", 0, F, 2},
    /* offsets */
    {"{" T("a", "F32", "[2]", "[8,0]") "}", 8, F, -1},
    {"{" T("a", "F32", "[2]", "[0]") "}", 8, F, -1},
    {"{" T("a", "F32", "[2]", "[]") "}", 8, F, -1},
    {"{" T("a", "F32", "[2]", "[0,8,8]") "}", 8, F, -1},
    {"{" T("a", "F32", "[2]", "[-8,0]") "}", 8, F, -1},
    {"{" T("a", "F32", "[2]", "[0,8.5]") "}", 8, F, -1},
    {"{" T("a", "F32", "[2]", "8") "}", 8, F, -1},
    {"{" T("a", "F32", "[2]", "[4,12]") "}", 12, F, 2}, /* a hole at the start */
    {"{" A "," T("b", "U8", "[2]", "[9,11]") "}", 11, F, 55}, /* between */
    {"{" A "," T("b", "U8", "[4]", "[4,8]") "}", 8, F, 55}, /* over each other */
    {"{" A "," T("b", "F32", "[2]", "[0,8]") "}", 8, F, 55},
    {"{" A "," T("b", "U8", "[0]", "[4,4]") "}", 8, F, -1}, /* empty, inside another */
    {"{" A "," T("b", "U8", "[0]", "[9,9]") "}", 9, F, -1},
    {"{" A "}", 7, F, 61},
    {"{" A "}", 0, F, 54},
    {"{" A "}", 9, F, 62},
    {"{}", 1, F, 2},
    {"{" T("a", "U8", "[9223372036854775800]", "[0,9223372036854775800]") "}", 8, F, -1},
    {"{" T("a", "U8", "[5]", "[9223372036854775800,9223372036854775805]") "}", 8, F, 2},
    /* names */
    {"{" A "," T("a", "F32", "[1]", "[8,12]") "}", 12, F, 55},
    {"{" A "," T("\\u0061", "F32", "[1]", "[8,12]") "}", 12, F, 55},
    {"{" T("", "U8", "[1]", "[0,1]") "," T("", "U8", "[1]", "[1,2]") "}", 2, F, -1},
    {"{" T("a\\u0000b", "F32", "[2]", "[0,8]") "}", 8, F, 3},
    {"{" T("a\\x", "F32", "[2]", "[0,8]") "}", 8, F, 3},
    {"{" T("a\\u12", "F32", "[2]", "[0,8]") "}", 8, F, 3},
    {"{" T("a\\u12g4", "F32", "[2]", "[0,8]") "}", 8, F, 3},
    {"{" T("\\ud800", "F32", "[2]", "[0,8]") "}", 8, F, 2},
    {"{" T("\\udc00\\ud800", "F32", "[2]", "[0,8]") "}", 8, F, 2},
    {"{" T("\\ud800\\u0041", "F32", "[2]", "[0,8]") "}", 8, F, 2},
    {"{" T("\\ud800x", "F32", "[2]", "[0,8]") "}", 8, F, 2},
    {"{" T("\x01", "F32", "[2]", "[0,8]") "}", 8, F, 2},
    {"{" T("a\nb", "F32", "[2]", "[0,8]") "}", 8, F, 3},
    {"{" T("a\xff", "F32", "[2]", "[0,8]") "}", 8, F, 3},
    {"{" T("\xc0\xaf", "F32", "[2]", "[0,8]") "}", 8, F, 2},
    {"{" T("\xed\xa0\x80", "F32", "[2]", "[0,8]") "}", 8, F, 2},
    {"{" T("\xf4\x90\x80\x80", "F32", "[2]", "[0,8]") "}", 8, F, 2},
    {"{\"\xe2\x82", 0, F, 2},
    /* metadata */
    {"{\"__metadata__\":1}", 0, F, 16},
    {"{\"__metadata__\":null}", 0, F, 16},
    {"{\"__metadata__\":[]}", 0, F, 16},
    {"{\"__metadata__\":{\"a\":1}}", 0, F, 21},
    {"{\"__metadata__\":{\"a\":{}}}", 0, F, 21},
    {"{\"__metadata__\":{\"a\":[\"b\"]}}", 0, F, 21},
    {"{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", 0, F, 26},
    {"{\"__metadata__\":{\"a\":\"b\",\"\\u0061\":\"c\"}}", 0, F, 26},
    {"{\"__metadata__\":{\"a\":\"b\",}}", 0, F, 25},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, F, 19},
    {"{\"__metadata__\":{},\"__metadat\\u0061__\":{}}", 0, F, 19},
    {"{\"__metadata__\":{\"a\":\"\\ud83d\"}}", 0, F, 22},
    {"{\"__metadata__\":{\"dtype\":\"F32\",\"shape\":[2]}}", 0, F, -1},
    {"{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\"},\"t\":{}}", 0, F, -1},
    {"{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"},\"t\":{\"dtype\":\"F32\"}}", 0, F,
     -1},
};

static const hostile_case taken[] = {
    {"{}", 0, LNSP_OK, 0},
    {"{}      ", 0, LNSP_OK, 0},
    {"{ \"a\"\t:\r\n{ \"shape\" : [ 2 , 1 ] , \"data_offsets\" : [ 0 , 8 ] , \"dtype\" : "
     "\"F32\" } }",
     8, LNSP_OK, 0},
    {"{" A "}", 8, LNSP_OK, 0},
    {"{" A "}   ", 8, LNSP_OK, 0},
    {"{" T("b", "U8", "[2]", "[8,10]") "," A "}", 10, LNSP_OK, 0}, /* any order */
    {"{" T("e", "U8", "[0]", "[8,8]") "," A "}", 8, LNSP_OK, 0},
    {"{" T("e", "U8", "[3,0,2]", "[0,0]") "," A "," T("f", "U8", "[0]", "[0,0]") "}", 8,
     LNSP_OK, 0},
    {"{" T("s", "F64", "[]", "[0,8]") "}", 8, LNSP_OK, 0},
    {"{" T("s", "F32", "[1,2,1,1]", "[0,8]") "}", 8, LNSP_OK, 0},
    {"{" T("", "F32", "[2]", "[0,8]") "}", 8, LNSP_OK, 0},
    {"{\"__metadata__\":{}," A "}", 8, LNSP_OK, 0},
    {"{" A ",\"__metadata__\":{\"a\":\"b\",\"\":\"\"}}", 8, LNSP_OK, 0},
    {"{\"__met\\u0061data__\":{\"\\ud83d\\ude00\\u00e9\\n\\/\":\"\\\"\\\\\"}," A "}", 8,
     LNSP_OK, 0},
    {"{\"__metadata__\":{\":{[,]}\\\":\":\"}}}}]]::\"}," A "}", 8, LNSP_OK, 0},
};

static void test_refused(void) {
  static uint8_t file[HOSTILE_MAX_BYTES];
  size_t i;
  lnsp_error p;
  for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
    const hostile_case *c = &refused[i];
    size_t bytes = hostile_make(file, c->json, strlen(c->json), c->data_bytes);
    int32_t code = hostile_open(file, bytes, &p);
    CHECK_SAY(code == c->code, "%s: %d, expected %d (%s)", c->json, code, c->code,
              code ? p.message : "");
    CHECK_SAY(c->offset < 0 || p.offset == 8 + c->offset, "%s: offset %d, expected %d (%s)",
              c->json, (int)p.offset - 8, (int)c->offset, p.message);
  }
}

static void test_taken(void) {
  static uint8_t file[HOSTILE_MAX_BYTES];
  size_t i;
  lnsp_error p;
  for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
    const hostile_case *c = &taken[i];
    size_t bytes = hostile_make(file, c->json, strlen(c->json), c->data_bytes);
    int32_t code = hostile_open(file, bytes, &p);
    CHECK_SAY(code == LNSP_OK, "%s: %d (%s)", c->json, code, p.message);
  }
}

/* The 8 bytes before the header. */
static void test_lengths(void) {
  static const uint64_t lengths[] = {0,
                                     1,
                                     3,
                                     4,
                                     1u << 20,
                                     0x7fffffff,
                                     0xffffffff,
                                     UINT64_C(1) << 32,
                                     INT64_MAX,
                                     UINT64_MAX,
                                     UINT64_MAX - 7,
                                     UINT64_MAX - 9};
  uint8_t file[10] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
  lnsp_error p;
  size_t i, k;
  CHECK_INT(hostile_open(file, 10, &p), LNSP_OK);
  for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
    for (k = 0; k < 8; k++) file[k] = (uint8_t)(lengths[i] >> (8 * k));
    CHECK_INT(hostile_open(file, 10, &p), LNSP_E_FORMAT);
    CHECK_INT(p.offset, 0);
  }
}

static void test_header_cap(void) {
  static uint8_t file[8 + (1 << 20) + 16];
  const size_t cap = 1 << 20;
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_file *opened;
  lnsp_error p;
  memset(file, ' ', sizeof(file));
  memcpy(file, "\0\0\x10\0\0\0\0\0{}", 10); /* exactly 1 MiB */
  CHECK_INT(hostile_open(file, 8 + cap, &p), LNSP_OK);
  file[0] = 1;
  CHECK_INT(hostile_open(file, 8 + cap + 1, &p), LNSP_E_LIMIT);
  CHECK_INT(p.offset, 0);
  options.max_header_bytes = (1 << 20) + 1;
  CHECK_INT(lnsp_file_open_memory(file, 8 + cap + 1, &options, &opened, &p), LNSP_OK);
  lnsp_file_destroy(opened);
  options.max_header_bytes = 100;
  CHECK_INT(lnsp_file_open_memory(file, 8 + cap + 1, &options, &opened, &p), LNSP_E_LIMIT);
}

/* What a megabyte of one thing costs: no deep stack, no quadratic time, no memory
 * beyond a small multiple of the header. */
static void test_floods(void) {
  static const char *const floods[] = {"{",     "[",       "\"",    ":",      "\\", ",",
                                       "\"\":", "{\"a\":", "\"\",", "{\"\":", "[{", "0"};
  const size_t length = 1 << 20;
  uint8_t *file = malloc(8 + length);
  size_t i, k;
  for (i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
    lnsp_options options;
    lnsp_allocator allocator;
    hostile_memory memory;
    lnsp_file *opened;
    lnsp_error p;
    const size_t n = strlen(floods[i]);
    memcpy(file, "\0\0\x10\0\0\0\0\0{", 9);
    for (k = 9; k < 8 + length; k++) file[k] = (uint8_t)floods[i][(k - 9) % n];
    hostile_options(&options, &allocator, &memory);
    CHECK_INT(lnsp_file_open_memory(file, 8 + length, &options, &opened, &p), LNSP_E_FORMAT);
    CHECK_INT(memory.held, 0);
    CHECK_SAY(memory.most_bytes <= 8 * length, "%s takes %zu bytes", floods[i],
              memory.most_bytes);
  }
  free(file);
}

static const char small_json[] =
    "{\"__metadata__\":{\"lnsp.arch\":\"mlp\",\"n\\u00e9\":\"x\"}," T(
        "w", "F32", "[2,3]",
        "[0,24]") "," T("b", "I64", "[2]", "[24,40]") "," T("h", "F16", "[3]",
                                                            "[40,46]") "," T("m", "BOOL", "[2]",
                                                                             "[46,48]") "}   ";

static void test_truncations(void) {
  uint8_t file[1024];
  lnsp_error p;
  size_t bytes = hostile_make(file, small_json, strlen(small_json), 48), n;
  CHECK_INT(hostile_open(file, bytes, &p), LNSP_OK);
  for (n = 0; n < bytes; n++) {
    int32_t code = hostile_open(file, n, &p);
    CHECK_SAY(code == LNSP_E_FORMAT, "cut to %zu bytes: %d", n, code);
  }
  file[bytes] = 0; /* and one byte more */
  CHECK_INT(hostile_open(file, bytes + 1, &p), LNSP_E_FORMAT);
}

/* No flip may crash or read out of bounds. A flip in the header that is taken
 * must be one that JSON allows: in a name, a value or a space. */
static void test_flips(void) {
  uint8_t file[1024];
  lnsp_error p;
  size_t bytes = hostile_make(file, small_json, strlen(small_json), 48), at;
  size_t refused_count = 0, tried = 0;
  int bit, value;
  for (at = 0; at < bytes - 48; at++) {
    for (bit = 0; bit < 8; bit++) {
      file[at] ^= (uint8_t)(1 << bit);
      tried++;
      refused_count += hostile_open(file, bytes, &p) != LNSP_OK;
      file[at] ^= (uint8_t)(1 << bit);
    }
  }
  CHECK_SAY(refused_count > tried * 3 / 4, "only %zu of %zu refused", refused_count, tried);
  for (at = 0; at < bytes - 48; at++) { /* every byte to every value */
    uint8_t kept = file[at];
    for (value = 0; value < 256; value++) {
      file[at] = (uint8_t)value;
      hostile_open(file, bytes, &p);
    }
    file[at] = kept;
    file[at] = (uint8_t)(kept + 1); /* the length and all punctuation matter */
    if (at < 8 || strchr("{}[]:,\"", kept))
      CHECK_SAY(hostile_open(file, bytes, &p) != LNSP_OK, "byte %zu can be changed", at);
    file[at] = kept;
  }
}

/* Every byte taken out, and every byte doubled. */
static void test_edits(void) {
  uint8_t file[1024];
  char json[512];
  lnsp_error p;
  size_t length = strlen(small_json), at;
  for (at = 0; at < length; at++) {
    memcpy(json, small_json, at);
    memcpy(json + at, small_json + at + 1, length - at - 1);
    hostile_open(file, hostile_make(file, json, length - 1, 48), &p);
    memcpy(json + at + 1, small_json + at, length - at);
    hostile_open(file, hostile_make(file, json, length + 1, 48), &p);
  }
  CHECK_INT(hostile_open(file, hostile_make(file, small_json, length, 48), &p), LNSP_OK);
}

static void test_failing_memory_and_source(void) {
  uint8_t file[1024];
  hostile_bytes bytes = {file, 0, 0, 0, -1};
  lnsp_source source = {sizeof(lnsp_source), &bytes, 0, hostile_read};
  lnsp_options options;
  lnsp_allocator allocator;
  hostile_memory memory;
  lnsp_file *opened;
  lnsp_error p;
  float out[6], kept[6];
  int fails, opens = 0;
  bytes.bytes = hostile_make(file, small_json, strlen(small_json), 48);
  source.size_bytes = bytes.bytes;
  hostile_options(&options, &allocator, &memory);
  memory.fail_from = 0;
  opened = (lnsp_file *)(uintptr_t)1;
  CHECK_INT(lnsp_file_open_source(&source, &options, &opened, &p), LNSP_E_MEMORY);
  CHECK(opened == NULL);
  for (fails = 0; !opens; fails++) { /* each read in turn */
    hostile_options(&options, &allocator, &memory);
    bytes.calls = 0;
    bytes.fail_at = fails;
    opened = (lnsp_file *)(uintptr_t)1;
    if (lnsp_file_open_source(&source, &options, &opened, &p) == LNSP_OK) {
      opens = 1;
    } else {
      CHECK_INT(p.code, LNSP_E_IO);
      CHECK(opened == NULL);
    }
    CHECK_INT(memory.held, opens);
  }
  CHECK(fails >= 3);
  CHECK_INT(memory.calls, 1); /* one block a handle */
  bytes.calls = 0;
  bytes.fail_at = 0;
  memset(out, 0x44, sizeof(out));
  memcpy(kept, out, sizeof(out));
  CHECK_INT(lnsp_file_read(opened, "w", 0, 6, LNSP_F32, out, &p), LNSP_E_IO);
  CHECK_STR(p.name, "w");
  CHECK(memcmp(kept, out, sizeof(out)) == 0);
  CHECK_INT(lnsp_file_read(opened, "w", 0, 6, LNSP_F32, out, &p), LNSP_OK);
  CHECK_INT(memory.calls, 1);
  lnsp_file_destroy(opened);
  CHECK_INT(memory.held, 0);
}

/* A source whose header changes between the two times that it is read. */
typedef struct hostile_swap {
  const uint8_t *first, *second;
  size_t bytes;
  int reads;
} hostile_swap;

static int32_t hostile_swap_read(void *user, uint64_t offset, void *to, size_t bytes) {
  hostile_swap *swap = user;
  memcpy(to, (swap->reads++ < 2 ? swap->first : swap->second) + offset, bytes);
  return 0;
}

static void test_changing_source(void) {
  char many[400], few[400];
  uint8_t a[512], b[512];
  hostile_swap swap = {a, b, 0, 0};
  lnsp_source source = {sizeof(lnsp_source), &swap, 0, hostile_swap_read};
  lnsp_file *opened = NULL;
  lnsp_error p;
  memset(few, ' ', sizeof(few));
  memset(many, ' ', sizeof(many));
  memcpy(few, "{}", 2);
  strcpy(many, "{" T("a", "U8", "[0]",
                     "[0,0]") "," T("b", "U8", "[0]",
                                    "[0,0]") ",\"__metadata__\":{\"a\":\"b\",\"c\":\"d\"}}");
  many[strlen(many)] = ' ';
  source.size_bytes = hostile_make(a, few, 400, 0);
  hostile_make(b, many, 400, 0);
  CHECK_INT(lnsp_file_open_source(&source, NULL, &opened, &p), LNSP_E_FORMAT);
  lnsp_file_destroy(opened);
}

int main(void) {
  RUN(test_refused);
  RUN(test_taken);
  RUN(test_lengths);
  RUN(test_header_cap);
  RUN(test_floods);
  RUN(test_truncations);
  RUN(test_flips);
  RUN(test_edits);
  RUN(test_failing_memory_and_source);
  RUN(test_changing_source);
  FINISH();
}

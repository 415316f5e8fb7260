/* The base room: checksums, hashes, memory, problems, host. */
#include <fenv.h>
#include <float.h>

#include "base/arena.h"
#include "base/blake2s.h"
#include "base/block.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/cpu.h"
#include "base/crc32c.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/format.h"
#include "base/fpenv.h"
#include "base/refcount.h"
#include "base/struct.h"
#include "check.h"
#include "splitmix.h"

/* ---- checksums and hashes ------------------------------------------------ */

static void test_crc32c(void) {
  uint8_t data[300];
  size_t i, split;
  uint32_t whole;
  CHECK_INT(lnspi_crc32c(0, "", 0), 0);
  CHECK(lnspi_crc32c(0, "123456789", 9) == 0xe3069283u);
  memset(data, 0, 32); /* RFC 3720, B.4 */
  CHECK(lnspi_crc32c(0, data, 32) == 0x8a9136aau);
  memset(data, 255, 32);
  CHECK(lnspi_crc32c(0, data, 32) == 0x62a8ab43u);
  for (i = 0; i < 32; i++) data[i] = (uint8_t)i;
  CHECK(lnspi_crc32c(0, data, 32) == 0x46dd794eu);
  for (i = 0; i < 1024; i++) { /* every entry of the tables: one byte at each of 4 places */
    uint8_t word[4] = {0, 0, 0, 0};
    uint32_t bits = ~0u, by_byte = 0;
    word[i / 256] = (uint8_t)i;
    for (int k = 0; k < 4; k++) {
      bits ^= word[k];
      for (int j = 0; j < 8; j++) bits = (bits >> 1) ^ (0x82f63b78u & (0u - (bits & 1)));
      by_byte = lnspi_crc32c(by_byte, &word[k], 1);
    }
    CHECK(lnspi_crc32c(0, word, 4) == ~bits);
    CHECK(by_byte == ~bits);
  }
  for (i = 0; i < sizeof(data); i++) data[i] = (uint8_t)random_bits();
  whole = lnspi_crc32c(0, data, sizeof(data));
  for (split = 0; split <= sizeof(data); split++)
    CHECK(lnspi_crc32c(lnspi_crc32c(0, data, split), data + split, sizeof(data) - split) ==
          whole);
}

static void hash_hex(const void *data, size_t bytes, char text[65]) {
  lnspi_blake2s state;
  uint8_t digest[32];
  lnspi_blake2s_init(&state);
  lnspi_blake2s_update(&state, data, bytes);
  lnspi_blake2s_final(&state, digest);
  lnspi_digest_to_hex(digest, text);
}

static void test_blake2s(void) {
  static uint8_t data[1000000];
  char text[65], part[65];
  size_t i, split, n;
  hash_hex("", 0, text);
  CHECK_STR(text, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
  hash_hex("abc", 3, text); /* RFC 7693, appendix B */
  CHECK_STR(text, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
  for (i = 0; i < 1024; i++) data[i] = (uint8_t)i;
  hash_hex(data, 1024, text);
  CHECK_STR(text, "a049455add68f38d48845e25a52ba3100c4d0899178c202aec07364fecacf650");
  for (i = 0; i < 64; i++) data[i] = (uint8_t)(i % 251);
  hash_hex(data, 64, text);
  CHECK_STR(text, "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e");
  memset(data, 'a', sizeof(data));
  hash_hex(data, sizeof(data), text);
  CHECK_STR(text, "bec0c0e6cde5b67acb73b81f79a67a4079ae1c60dac9d2661af18e9f8b50dfa5");
  for (i = 0; i < 300; i++) data[i] = (uint8_t)random_bits();
  for (n = 0; n <= 260; n++) {
    hash_hex(data, n, text);
    for (split = 0; split <= n; split++) {
      lnspi_blake2s state;
      uint8_t digest[32];
      lnspi_blake2s_init(&state);
      lnspi_blake2s_update(&state, data, split);
      lnspi_blake2s_update(&state, data + split, n - split);
      lnspi_blake2s_final(&state, digest);
      lnspi_digest_to_hex(digest, part);
      CHECK_STR(part, text);
    }
  }
}

/* A MAC; digests from Python's hashlib.blake2s(data, key=...). */
static void test_blake2s_keyed(void) {
  static const char *const expected[3] = {
      "1fe202f4c299a3a0d95fca80622da1413db52d4de906c030e82e66eef1b09b59",
      "3964b7fc45cd56896213920330be13b92ead57e87af0130c84bf84fc035e430b",
      "5b190c8db24dbe622f16065607f0159bf6744cae31f59c3d38499730fc78c748",
  };
  static const uint8_t lengths[3] = {1, 16, 32};
  uint8_t key[32], digest[32], other[32];
  char text[65];
  for (int i = 0; i < 32; i++) key[i] = (uint8_t)(7 * i + 1);
  for (int i = 0; i < 3; i++) {
    lnspi_blake2s state;
    lnspi_blake2s_init_keyed(&state, key, lengths[i]);
    lnspi_blake2s_update(&state, "what a device has learnt", i == 1 ? 0 : 24);
    lnspi_blake2s_final(&state, digest);
    lnspi_digest_to_hex(digest, text);
    CHECK_STR(text, expected[i]);
  }
  for (int bit = 0; bit < 256; bit++) {
    memcpy(other, digest, 32);
    CHECK(lnspi_digest_equal(digest, other));
    other[bit / 8] = (uint8_t)(other[bit / 8] ^ 1 << bit % 8);
    CHECK(!lnspi_digest_equal(digest, other));
  }
}

static void test_hex(void) {
  uint8_t digest[32], back[32];
  char text[80];
  int i;
  for (i = 0; i < 32; i++) digest[i] = (uint8_t)(i * 37 + 5);
  lnspi_digest_to_hex(digest, text);
  CHECK_INT(strlen(text), 64);
  CHECK(lnspi_digest_from_hex(text, back) == 1);
  CHECK(memcmp(digest, back, 32) == 0);
  text[10] = 'A'; /* upper case */
  CHECK(lnspi_digest_from_hex(text, back) == 0);
  lnspi_digest_to_hex(digest, text);
  text[63] = 0;
  CHECK(lnspi_digest_from_hex(text, back) == 0);
  lnspi_digest_to_hex(digest, text);
  strcpy(text + 64, "0");
  CHECK(lnspi_digest_from_hex(text, back) == 0);
  CHECK(lnspi_digest_from_hex("", back) == 0);
  CHECK(memcmp(digest, back, 32) == 0); /* refusals wrote nothing */
}

static void test_byte_order(void) {
  uint8_t p[8];
  lnspi_store64(p, UINT64_C(0x0102030405060708));
  CHECK_INT(p[0], 8);
  CHECK_INT(p[7], 1);
  CHECK(lnspi_load64(p) == UINT64_C(0x0102030405060708));
  CHECK(lnspi_load32(p) == 0x05060708u);
  CHECK_INT(lnspi_load16(p), 0x0708);
  CHECK(lnspi_bits_float(lnspi_float_bits(-1.5f)) == -1.5f);
}

/* ---- problems ------------------------------------------------------------ */

static void test_format(void) {
  const char *volatile null = NULL;
  char text[64], small[8];
  size_t n =
      lnspi_format(text, sizeof(text), "%s|%c|%d|%u|%x|%%", "ab", 'c', -12, 34u, 0xbeefu);
  CHECK_STR(text, "ab|c|-12|34|beef|%");
  CHECK_INT(n, strlen(text));
  lnspi_format(text, sizeof(text), "%lld %llu %zu", -9223372036854775807LL - 1,
               18446744073709551615ULL, (size_t)7);
  CHECK_STR(text, "-9223372036854775808 18446744073709551615 7");
  lnspi_format(text, sizeof(text), "%d %d %s\n", INT32_MIN, 0, "a\nb\x7f");
  CHECK_STR(text, "-2147483648 0 a?b?\n"); /* the format's own newline stays */
  lnspi_format(text, sizeof(text), "%s %s", "\xc3\xa9\xff\xe2\x82", null);
  CHECK_STR(text, "\xc3\xa9??? (null)"); /* what is not UTF-8 becomes ? */
  n = lnspi_format(small, sizeof(small), "%s", "123456789");
  CHECK_STR(small, "1234567");
  CHECK_INT(n, 9);
  n = lnspi_format(small, sizeof(small), "%s", "123456\xc3\xa9z"); /* cut before the e acute */
  CHECK_STR(small, "123456"); /* and nothing after the cut */
  CHECK_INT(n, 9);
  n = lnspi_format(small, 1, "%s", "x");
  CHECK_STR(small, "");
  CHECK_INT(n, 1);
}

static void test_problem(void) {
  lnsp_error p;
  char name[300];
  CHECK_INT(sizeof(lnsp_error), 384);
  memset(&p, 0xa5, sizeof(p));
  CHECK_INT(lnspi_error_set(&p, LNSP_E_IO, "x", "why %d", 3), LNSP_E_IO);
  CHECK_INT(p.code, LNSP_E_IO);
  CHECK_INT(p.offset, -1);
  CHECK_INT(p.line, 0);
  CHECK_INT(p.column, 0);
  CHECK_INT(p.reserved, 0);
  CHECK_STR(p.name, "x");
  CHECK_STR(p.message, "why 3");
  CHECK_INT(lnspi_error_set_at(&p, LNSP_E_FORMAT, 77, NULL, "a"), LNSP_E_FORMAT);
  CHECK_INT(p.offset, 77);
  CHECK_STR(p.name, "");
  CHECK_INT(lnspi_error_set_line(&p, LNSP_E_SYNTAX, 4, 5, "b"), LNSP_E_SYNTAX);
  CHECK_INT(p.line, 4);
  CHECK_INT(p.column, 5);
  CHECK_INT(p.offset, -1);
  /* adding to another's message */
  lnspi_error_set(&p, LNSP_E_FORMAT, "t", "inner");
  lnspi_error_set(&p, p.code, p.name, "outer: %s", p.message);
  CHECK_STR(p.message, "outer: inner");
  CHECK_STR(p.name, "t");
  memset(name, 'n', sizeof(name));
  name[299] = 0;
  lnspi_error_set(&p, LNSP_E_IO, name, "%s %s", name, name);
  CHECK_INT(strlen(p.name), sizeof(p.name) - 1);
  CHECK_INT(strlen(p.message), sizeof(p.message) - 1);
  CHECK_INT(lnspi_error_set(NULL, LNSP_E_IO, NULL, "%s", "x"), LNSP_E_IO);
}

/* ---- memory --------------------------------------------------------------- */

static void test_checked(void) {
  uint64_t out = 5;
  CHECK(lnspi_checked_add(1, 2, &out) && out == 3);
  CHECK(!lnspi_checked_add(UINT64_MAX, 1, &out) && out == 3);
  CHECK(lnspi_checked_add(UINT64_MAX, 0, &out) && out == UINT64_MAX);
  CHECK(lnspi_checked_mul(UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1, &out));
  CHECK(!lnspi_checked_mul(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
  CHECK(lnspi_checked_mul(0, UINT64_MAX, &out) && out == 0);
  CHECK(lnspi_checked_mul(UINT64_MAX, 0, &out) && out == 0);
  CHECK(lnspi_checked_align_up(65, 64, &out) && out == 128);
  CHECK(lnspi_checked_align_up(128, 64, &out) && out == 128);
  CHECK(lnspi_checked_align_up(0, 64, &out) && out == 0);
  CHECK(!lnspi_checked_align_up(UINT64_MAX - 3, 64, &out));
}

static void test_arena(void) {
  static uint8_t raw[1024 + 64];
  uint8_t *base = raw + (64 - (uintptr_t)raw % 64) % 64;
  lnspi_arena count = {NULL, 0, 0, 0}, place = {NULL, 0, 0, 0};
  uint8_t *a, *b;
  CHECK(lnspi_arena_alloc(&count, 3, 5) == NULL);
  CHECK_INT(count.used, 15);
  CHECK(lnspi_arena_alloc(&count, 2, 50) == NULL);
  CHECK_INT(count.used, 164);
  place.base = base;
  place.capacity = count.used;
  a = lnspi_arena_alloc(&place, 3, 5);
  b = lnspi_arena_alloc(&place, 2, 50);
  CHECK(a == base && b == base + 64);
  CHECK(!place.failed);
  CHECK(lnspi_arena_alloc(&place, 1, 100) == NULL); /* does not fit */
  CHECK(place.failed);
  CHECK(lnspi_arena_alloc(&place, 1, 1) == NULL); /* and failure stays */
  CHECK(lnspi_arena_alloc(&count, UINT64_MAX / 2, 3) == NULL);
  CHECK(count.failed);
}

typedef struct counted {
  int calls, held, fail_from; /* calls from number fail_from on fail */
  size_t last_bytes;
  int crooked;
} counted;

static void *counted_allocate(void *user, size_t bytes) {
  counted *c = user;
  uint8_t *p;
  if (c->calls++ >= c->fail_from) return NULL;
  c->held++;
  c->last_bytes = bytes;
  p = malloc(bytes + 128 + 8);
  memset(p, 0xee, bytes + 128 + 8);
  {
    uint8_t *q = p + 64 + (64 - (uintptr_t)p % 64) % 64;
    memcpy(q - sizeof(p), &p, sizeof(p));
    return c->crooked ? q + 8 : q;
  }
}

static void counted_release(void *user, void *block, size_t bytes) {
  counted *c = user;
  uint8_t *q = block, *p;
  if (c->crooked) q -= 8;
  memcpy(&p, q - sizeof(p), sizeof(p));
  CHECK_INT(bytes, c->last_bytes);
  c->held--;
  free(p);
}

static int is_zero(const void *data, size_t bytes) {
  const uint8_t *p = data;
  while (bytes--)
    if (*p++) return 0;
  return 1;
}

static void test_block_open(void) {
  lnspi_block block;
  lnsp_options options;
  lnsp_error error;
  counted c = {0, 0, 1, 0, 0};
  lnsp_allocator allocator = {sizeof(lnsp_allocator), &c, counted_allocate, counted_release};
  static uint8_t own[1000];
  int shift;
  memset(&options, 0, sizeof(options));
  /* malloc */
  CHECK_INT(lnspi_block_open(&block, &options, 1001, &error), LNSP_OK);
  CHECK((uintptr_t)block.memory % 64 == 0);
  CHECK(is_zero(block.memory, 1001));
  memset(block.memory, 0xff, 1001);
  lnspi_block_close(&block);
  CHECK_INT(lnspi_block_open(&block, &options, UINT64_MAX, &error), LNSP_E_MEMORY);
  CHECK_INT(lnspi_block_open(&block, &options, SIZE_MAX / 2, &error), LNSP_E_MEMORY);
  /* the caller's allocator; the block's record lies inside the block */
  options.allocator = &allocator;
  CHECK_INT(lnspi_block_open(&block, &options, 500, &error), LNSP_OK);
  CHECK_INT(c.last_bytes, 500);
  CHECK(is_zero(block.memory, 500));
  memcpy(block.memory, &block, sizeof(block));
  lnspi_block_close(block.memory);
  CHECK_INT(c.held, 0);
  CHECK_INT(lnspi_block_open(&block, &options, 500, &error), LNSP_E_MEMORY);
  CHECK_INT(error.code, LNSP_E_MEMORY);
  c.fail_from = 100;
  c.crooked = 1;
  CHECK_INT(lnspi_block_open(&block, &options, 500, &error), LNSP_E_MEMORY);
  CHECK_INT(c.held, 0);
  /* the caller's block, at every alignment */
  options.allocator = NULL;
  for (shift = 0; shift < 64; shift++) {
    uint8_t *start = own + (64 - (uintptr_t)own % 64) % 64 + shift;
    memset(own, 0x77, sizeof(own));
    options.block = start;
    options.block_bytes = 500 + 63;
    CHECK_INT(lnspi_block_open(&block, &options, 500, &error), LNSP_OK);
    CHECK((uintptr_t)block.memory % 64 == 0 && (uint8_t *)block.memory >= start);
    CHECK(is_zero(block.memory, 500));
    CHECK(((uint8_t *)block.memory)[500] == 0x77);
    lnspi_block_close(&block);
    options.block_bytes = 500 + (size_t)((64 - shift) % 64) - 1;
    CHECK_INT(lnspi_block_open(&block, &options, 500, &error), LNSP_E_MEMORY);
  }
}

/* lnsp_size_options as it might look in an older and in a newer version */
static void test_struct_read(void) {
  struct longer {
    lnsp_size_options known;
    uint32_t later[2];
  } longer;
  lnsp_size_options limits, got;
  lnsp_error error;
  memset(&limits, 0, sizeof(limits));
  limits.max_rows = 7;
  limits.keep_nodes = 1;
  limits.struct_size = sizeof(limits);
  CHECK_INT(lnspi_struct_read(&got, sizeof(got), &limits, "limits", &error), LNSP_OK);
  CHECK(memcmp(&got, &limits, sizeof(got)) == 0);
  limits.struct_size = 8; /* shorter: the rest is zero */
  memset(&got, 0x55, sizeof(got));
  CHECK_INT(lnspi_struct_read(&got, sizeof(got), &limits, "limits", &error), LNSP_OK);
  CHECK_INT(got.max_rows, 7);
  CHECK_INT(got.keep_nodes, 0);
  CHECK_INT(got.struct_size, 8);
  memset(&longer, 0, sizeof(longer));
  longer.known.struct_size = sizeof(longer);
  longer.known.max_rows = 9;
  CHECK_INT(lnspi_struct_read(&got, sizeof(got), &longer, "limits", &error), LNSP_OK);
  CHECK_INT(got.max_rows, 9);
  CHECK_INT(got.struct_size, sizeof(got)); /* got itself can be read as such a struct */
  longer.later[1] = 1; /* asks for something unknown */
  memset(&got, 0x55, sizeof(got));
  CHECK_INT(lnspi_struct_read(&got, sizeof(got), &longer, "limits", &error),
            LNSP_E_UNSUPPORTED);
  CHECK_INT(got.max_rows, 0x55555555);
  limits.struct_size = 0;
  CHECK_INT(lnspi_struct_read(&got, sizeof(got), &limits, "limits", &error), LNSP_E_ARGUMENT);
  limits.struct_size = 0xcdcdcdcdu; /* never set */
  CHECK_INT(lnspi_struct_read(&got, sizeof(got), &limits, "limits", &error), LNSP_E_ARGUMENT);
  CHECK(strstr(error.message, "limits") != NULL);
  CHECK_INT(lnspi_struct_read(&got, sizeof(got), NULL, "limits", &error), LNSP_OK);
  CHECK_INT(got.struct_size, sizeof(got));
  CHECK_INT(got.max_rows, 0);
}

static void test_struct_write(void) {
  lnsp_memory_info made, to;
  lnsp_error error;
  memset(&made, 0x33, sizeof(made));
  memset(&to, 0, sizeof(to));
  to.struct_size = 24;
  CHECK_INT(lnspi_struct_write(&to, &made, sizeof(made), "out", &error), LNSP_OK);
  CHECK_INT(to.struct_size, 24);
  CHECK(to.weight_bytes == UINT64_C(0x3333333333333333));
  CHECK_INT(to.moment_bytes, 0);
  to.struct_size = sizeof(to);
  CHECK_INT(lnspi_struct_write(&to, &made, sizeof(made), "out", &error), LNSP_OK);
  CHECK(to.plan_bytes == UINT64_C(0x3333333333333333));
  to.struct_size = 0;
  CHECK_INT(lnspi_struct_write(&to, &made, sizeof(made), "out", &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnspi_struct_write(NULL, &made, sizeof(made), "out", &error), LNSP_E_ARGUMENT);
}

static void test_options_read(void) {
  lnsp_options options, got;
  lnsp_error error;
  lnsp_allocator allocator = {sizeof(lnsp_allocator), NULL, counted_allocate, NULL};
  CHECK_INT(lnspi_struct_read_options(NULL, &got, &error), LNSP_OK);
  CHECK(got.allocator == NULL && got.max_header_bytes == 0);
  options = (lnsp_options)LNSP_OPTIONS_INIT;
  options.max_header_bytes = 12;
  CHECK_INT(lnspi_struct_read_options(&options, &got, &error), LNSP_OK);
  CHECK_INT(got.max_header_bytes, 12);
  options.allocator = &allocator;
  CHECK_INT(lnspi_struct_read_options(&options, &got, &error), LNSP_E_ARGUMENT);
  allocator.release = counted_release;
  CHECK_INT(lnspi_struct_read_options(&options, &got, &error), LNSP_OK);
  allocator.struct_size = 0;
  CHECK_INT(lnspi_struct_read_options(&options, &got, &error), LNSP_E_ARGUMENT);
  options.allocator = NULL;
  options.block_bytes = 5;
  CHECK_INT(lnspi_struct_read_options(&options, &got, &error), LNSP_E_ARGUMENT);
}

/* ---- host ----------------------------------------------------------------- */

static void test_floating_point_state(void) {
  static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST};
  volatile float one = 1.0f, three = 3.0f, tiny = FLT_MIN, half = 0.5f;
  size_t i;
  for (i = 0; i < 4; i++) {
    lnspi_fpenv saved;
    volatile float third, small;
    int after;
    fesetround(modes[i]);
    saved = lnspi_fpenv_enter();
    third = one / three;
    small = tiny * half;
    lnspi_fpenv_leave(saved);
    after = fegetround();
    fesetround(FE_TONEAREST);
    CHECK_INT(after, modes[i]);
    CHECK(lnspi_float_bits(third) == 0x3eaaaaabu);
    CHECK(small > 0);
  }
#if defined(__x86_64__) && defined(__GNUC__)
  {
    unsigned before = 0x9fc0u, now; /* flush to zero and denormals are zero */
    lnspi_fpenv saved;
    volatile float small;
    __asm__ volatile("ldmxcsr %0" : : "m"(before));
    __asm__ volatile("stmxcsr %0" : "=m"(before)); /* valgrind has no such modes */
    saved = lnspi_fpenv_enter();
    small = tiny * half;
    lnspi_fpenv_leave(saved);
    __asm__ volatile("stmxcsr %0" : "=m"(now));
    {
      unsigned usual = 0x1f80u;
      __asm__ volatile("ldmxcsr %0" : : "m"(usual));
    }
    CHECK(small > 0);
    CHECK_INT(now, before);
  }
#endif
}

static void test_counts(void) {
  int32_t count = 1;
  CHECK_INT(lnspi_refcount_increment(&count), 2);
  CHECK_INT(lnspi_refcount_decrement(&count), 1);
  CHECK_INT(lnspi_refcount_decrement(&count), 0);
  CHECK_INT(count, 0);
}

static void test_cpu_features(void) {
  uint32_t features = lnspi_cpu_features();
#if defined(__x86_64__) && defined(__GNUC__)
  CHECK_INT((features & LNSPI_CPU_AVX2) != 0,
            __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  CHECK_INT((features & LNSPI_CPU_AVX512) != 0,
            __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
  CHECK_INT((features & LNSPI_CPU_AVX512VNNI) != 0,
            (features & LNSPI_CPU_AVX512) != 0 && __builtin_cpu_supports("avx512vnni"));
  if (features & LNSPI_CPU_AMX) CHECK(features & LNSPI_CPU_AVX512VNNI);
  CHECK_INT(features & LNSPI_CPU_NEON, 0);
#elif defined(__aarch64__)
  CHECK_INT(features, LNSPI_CPU_NEON);
#else
  CHECK_INT(features, 0);
#endif
}

int main(void) {
  RUN(test_crc32c);
  RUN(test_blake2s);
  RUN(test_blake2s_keyed);
  RUN(test_hex);
  RUN(test_byte_order);
  RUN(test_format);
  RUN(test_problem);
  RUN(test_checked);
  RUN(test_arena);
  RUN(test_block_open);
  RUN(test_struct_read);
  RUN(test_struct_write);
  RUN(test_options_read);
  RUN(test_floating_point_state);
  RUN(test_counts);
  RUN(test_cpu_features);
  FINISH();
}

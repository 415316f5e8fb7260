/* Writing safetensors files: the bytes, refusals, failing sinks, and paths. */
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64 /* or readdir fails on 32-bit hosts */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile.h"

static lnsp_tensor tensor_of(const char *name, int32_t dtype, int32_t rank, int64_t a,
                             int64_t b) {
  lnsp_tensor t;
  memset(&t, 0, sizeof(t));
  t.name = name;
  t.dtype = dtype;
  t.rank = rank;
  t.dims[0] = a;
  t.dims[1] = b;
  return t;
}

static uint8_t space[65536];
static hostile_bytes to_memory;
static lnsp_sink memory_sink(void) {
  lnsp_sink sink = {sizeof(lnsp_sink), &to_memory, hostile_write};
  memset(space, 0, sizeof(space));
  memset(&to_memory, 0, sizeof(to_memory));
  to_memory.data = space;
  to_memory.capacity = sizeof(space);
  to_memory.fail_at = -1;
  return sink;
}

static void test_bytes(void) {
  static const char expected[] =
      "{\"__metadata__\":{\"k\":\"v\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],"
      "\"data_offsets\":"
      "[0,24]},\"s\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[24,25]}}";
  lnsp_tensor tensors[2];
  lnsp_key_value pair = {"k", "v"};
  lnsp_sink sink = memory_sink();
  lnsp_writer *writer;
  lnsp_error p;
  const float w[6] = {1, -2, 3, 4, 5, 6};
  const uint8_t s = 9;
  size_t header = (sizeof(expected) - 1 + 7) / 8 * 8, i;
  tensors[0] = tensor_of("w", LNSP_F32, 2, 2, 3);
  tensors[1] = tensor_of("s", LNSP_U8, 0, 77, 77);
  CHECK_INT(lnsp_writer_create_sink(&sink, tensors, 2, &pair, 1, NULL, &writer, &p), LNSP_OK);
  CHECK_INT(to_memory.bytes, 8 + header);
  CHECK_INT(lnsp_writer_write(writer, w, 4, &p), LNSP_OK); /* in any whole pieces */
  CHECK_INT(lnsp_writer_write(writer, w + 1, 0, &p), LNSP_OK);
  CHECK_INT(lnsp_writer_write(writer, w + 1, 20, &p), LNSP_OK);
  CHECK_INT(lnsp_writer_write(writer, &s, 1, &p), LNSP_OK);
  CHECK_INT(lnsp_writer_close(writer, &p), LNSP_OK);
  CHECK_INT(lnsp_writer_close(writer, &p), LNSP_E_STATE);
  CHECK_INT(lnsp_writer_write(writer, w, 0, &p), LNSP_E_STATE);
  lnsp_writer_destroy(writer);
  lnsp_writer_destroy(NULL);
  CHECK_INT(space[0] | space[1] << 8, header);
  CHECK(memcmp(space + 2, "\0\0\0\0\0\0", 6) == 0);
  CHECK(memcmp(space + 8, expected, sizeof(expected) - 1) == 0);
  for (i = sizeof(expected) - 1; i < header; i++) CHECK_INT(space[8 + i], ' ');
  CHECK(memcmp(space + 8 + header, "\0\0\x80\x3f\0\0\0\xc0", 8) == 0); /* little-endian */
  CHECK_INT(space[8 + header + 24], 9);
  CHECK_INT(to_memory.bytes, 8 + header + 25);
}

/* Every dtype, empty and scalar tensors, names that need escapes; padding of
 * every length. */
static void test_round_trip(void) {
  static const char *const names[] = {"",
                                      "a\"b",
                                      "c\\d",
                                      "\n\t\x01\x1f",
                                      "\xc3\xa9\xf0\x9f\x98\x80",
                                      "/\x7f",
                                      "{}[]:,",
                                      "x",
                                      "long.name.of.a.layer.weight",
                                      "y",
                                      "z",
                                      "q",
                                      "__metadata"};
  lnsp_tensor tensors[13], got;
  lnsp_key_value pairs[2] = {{"", "\"\\\r"}, {"lnsp.arch", "student heads=8"}};
  uint8_t data[13 * 24];
  char padding[9] = "";
  lnsp_file *file;
  lnsp_error p;
  int i, n;
  for (i = 0; i < 13; i++)
    tensors[i] = tensor_of(names[i], i + 1, i == 4 ? 0 : i == 6 ? 2 : 1, i == 6 ? 0 : 3, 4);
  for (i = 0; i < (int)sizeof(data); i++) data[i] = (uint8_t)(i * 31 + 7);
  for (n = 0; n < 9; n++) {
    lnsp_sink sink = memory_sink();
    lnsp_writer *writer;
    size_t total = 0;
    memset(padding, 'p', (size_t)n);
    padding[n] = 0;
    pairs[0].key = padding;
    CHECK_INT(lnsp_writer_create_sink(&sink, tensors, 13, pairs, 2, NULL, &writer, &p),
              LNSP_OK);
    CHECK_INT(to_memory.bytes % 8, 0);
    for (i = 0; i < 13; i++) {
      size_t bytes = lnsp_dtype_bytes(i + 1) * (i == 4 ? 1 : i == 6 ? 0 : 3);
      CHECK_INT(lnsp_writer_write(writer, data + total, bytes, &p), LNSP_OK);
      total += bytes;
    }
    CHECK_INT(lnsp_writer_close(writer, &p), LNSP_OK);
    lnsp_writer_destroy(writer);
    CHECK_INT(lnsp_file_open_memory(space, to_memory.bytes, NULL, &file, &p), LNSP_OK);
    CHECK_INT(lnsp_file_tensor_count(file), 13);
    for (total = 0, i = 0; i < 13; i++) {
      int64_t count = i == 4 ? 1 : i == 6 ? 0 : 3;
      uint8_t back[24];
      size_t bytes = (size_t)count * lnsp_dtype_bytes(i + 1);
      CHECK_INT(lnsp_file_tensor_at(file, i, &got, &p), LNSP_OK);
      CHECK_STR(got.name, names[i]);
      CHECK(got.dtype == i + 1 && got.rank == tensors[i].rank);
      CHECK(got.rank < 1 || got.dims[0] == tensors[i].dims[0]);
      CHECK(got.rank < 2 || got.dims[1] == tensors[i].dims[1]);
      CHECK_INT(lnsp_file_read(file, names[i], 0, count, i + 1, back, &p), LNSP_OK);
      CHECK(memcmp(back, data + total, bytes) == 0);
      total += bytes;
    }
    CHECK_STR(lnsp_file_metadata(file, padding), "\"\\\r");
    CHECK_STR(lnsp_file_metadata(file, "lnsp.arch"), "student heads=8");
    lnsp_file_destroy(file);
  }
}

static void test_refusals(void) {
  lnsp_tensor good = tensor_of("w", LNSP_F32, 1, 2, 0), bad[2];
  lnsp_key_value pairs[2] = {{"k", "v"}, {"k", "w"}};
  lnsp_sink sink = memory_sink(), mute = sink;
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_writer *writer;
  lnsp_error p;
#define REFUSED(code, t, n, m, k)                                                   \
  do {                                                                              \
    writer = (lnsp_writer *)(uintptr_t)1;                                           \
    CHECK_INT(lnsp_writer_create_sink(&sink, t, n, m, k, NULL, &writer, &p), code); \
    CHECK(writer == NULL);                                                          \
    CHECK_INT(to_memory.bytes, 0);                                                  \
  } while (0)
#define REFUSED_TENSOR(code, name, dtype, rank, a, b) \
  do {                                                \
    bad[0] = good;                                    \
    bad[1] = tensor_of(name, dtype, rank, a, b);      \
    REFUSED(code, bad, 2, NULL, 0);                   \
  } while (0)
  REFUSED_TENSOR(LNSP_E_ARGUMENT, NULL, LNSP_F32, 1, 2, 0);
  REFUSED_TENSOR(LNSP_E_ARGUMENT, "w", LNSP_F32, 1, 2, 0);
  REFUSED_TENSOR(LNSP_E_ARGUMENT, "__metadata__", LNSP_F32, 1, 2, 0);
  REFUSED_TENSOR(LNSP_E_ARGUMENT, "a\xff", LNSP_F32, 1, 2, 0);
  REFUSED_TENSOR(LNSP_E_DTYPE, "x", 0, 1, 2, 0);
  REFUSED_TENSOR(LNSP_E_DTYPE, "x", 14, 1, 2, 0);
  REFUSED_TENSOR(LNSP_E_LIMIT, "x", LNSP_F32, -1, 2, 0);
  REFUSED_TENSOR(LNSP_E_LIMIT, "x", LNSP_F32, 5, 2, 0);
  REFUSED_TENSOR(LNSP_E_SHAPE, "x", LNSP_F32, 1, -1, 0);
  REFUSED_TENSOR(LNSP_E_SHAPE, "x", LNSP_F32, 2, INT64_C(1) << 40, INT64_C(1) << 40);
  REFUSED_TENSOR(LNSP_E_SHAPE, "x", LNSP_F32, 1, INT64_MAX, 0);
  REFUSED_TENSOR(LNSP_E_SHAPE, "x", LNSP_U8, 1, INT64_MAX, 0); /* with the 8 bytes before */
  REFUSED(LNSP_E_ARGUMENT, &good, 1, pairs, 2);
  pairs[1].key = NULL;
  REFUSED(LNSP_E_ARGUMENT, &good, 1, pairs, 2);
  pairs[1].key = "b";
  pairs[1].value = NULL;
  REFUSED(LNSP_E_ARGUMENT, &good, 1, pairs, 2);
  pairs[1].value = "\xe2\x82";
  REFUSED(LNSP_E_ARGUMENT, &good, 1, pairs, 2);
  REFUSED(LNSP_E_ARGUMENT, NULL, 1, NULL, 0);
  REFUSED(LNSP_E_ARGUMENT, &good, 1, NULL, 1);
  REFUSED(LNSP_E_ARGUMENT, &good, -1, NULL, 0);
  REFUSED(LNSP_E_ARGUMENT, &good, 1, NULL, -1);
  options.max_header_bytes = 30;
  CHECK_INT(lnsp_writer_create_sink(&sink, &good, 1, NULL, 0, &options, &writer, &p),
            LNSP_E_LIMIT);
  mute.write = NULL;
  CHECK_INT(lnsp_writer_create_sink(&mute, &good, 1, NULL, 0, NULL, &writer, &p),
            LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_writer_create_sink(NULL, &good, 1, NULL, 0, NULL, &writer, &p),
            LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_writer_create_sink(&sink, &good, 1, NULL, 0, NULL, NULL, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_writer_create(NULL, &good, 1, NULL, 0, NULL, &writer, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_writer_create("", &good, 1, NULL, 0, NULL, &writer, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_writer_write(NULL, "", 0, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_writer_close(NULL, &p), LNSP_E_ARGUMENT);
}

static void test_states(void) {
  lnsp_tensor tensors[3];
  lnsp_sink sink = memory_sink();
  lnsp_writer *writer;
  lnsp_error p;
  const uint8_t data[16] = {0};
  size_t before;
  tensors[0] = tensor_of("b", LNSP_U8, 1, 3, 0);
  tensors[1] = tensor_of("e", LNSP_F64, 1, 0, 0);
  tensors[2] = tensor_of("f", LNSP_F32, 1, 2, 0);
  CHECK_INT(lnsp_writer_create_sink(&sink, tensors, 3, NULL, 0, NULL, &writer, &p), LNSP_OK);
  before = to_memory.bytes;
  CHECK_INT(lnsp_writer_write(writer, NULL, 1, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_writer_write(writer, data, 12, &p), LNSP_E_LIMIT);
  CHECK_INT(lnsp_writer_write(writer, data, SIZE_MAX, &p), LNSP_E_LIMIT);
  CHECK_INT(lnsp_writer_write(writer, data, 4, &p), LNSP_E_ARGUMENT); /* within f[0] */
  CHECK_INT(lnsp_writer_write(writer, data, 10, &p), LNSP_E_ARGUMENT);
  CHECK_INT(to_memory.bytes, before);
  CHECK_INT(lnsp_writer_write(writer, data, 2, &p), LNSP_OK);
  CHECK_INT(lnsp_writer_close(writer, &p), LNSP_E_STATE); /* bytes are missing */
  CHECK_INT(p.offset, 2);
  CHECK_INT(lnsp_writer_write(writer, data, 5, &p), LNSP_OK);  /* over the end of b */
  CHECK_INT(lnsp_writer_write(writer, data, 3, &p), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_writer_write(writer, data, 4, &p), LNSP_OK);
  CHECK_INT(to_memory.bytes, before + 11);
  CHECK_INT(lnsp_writer_write(writer, data, 1, &p), LNSP_E_LIMIT);
  CHECK_INT(lnsp_writer_close(writer, &p), LNSP_OK);
  lnsp_writer_destroy(writer);
}

/* Each call to the sink, and each allocation, fails in turn. */
static int32_t write_all(const char *path, const lnsp_sink *sink, const lnsp_options *options,
                         lnsp_error *p) {
  static const float data[500] = {1};
  lnsp_tensor tensors[2];
  lnsp_key_value pair = {"key",
                         "a value that is longer than a short one, to fill the buffer of the "
                         "header more than once: 0123456789 0123456789 0123456789 0123456789 "
                         "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789"};
  lnsp_writer *writer = (lnsp_writer *)(uintptr_t)1;
  int32_t status;
  tensors[0] = tensor_of("a", LNSP_F32, 1, 500, 0);
  tensors[1] = tensor_of("b", LNSP_F32, 1, 500, 0);
  status = path ? lnsp_writer_create(path, tensors, 2, &pair, 1, options, &writer, p)
                : lnsp_writer_create_sink(sink, tensors, 2, &pair, 1, options, &writer, p);
  if (status) {
    CHECK(writer == NULL);
    return status;
  }
  status = lnsp_writer_write(writer, data, sizeof(data), p);
  if (!status) status = lnsp_writer_write(writer, data, sizeof(data), p);
  if (status) CHECK_INT(lnsp_writer_write(writer, data, 4, NULL), LNSP_E_STATE);
  if (status) CHECK_INT(lnsp_writer_close(writer, NULL), LNSP_E_STATE);
  if (!status) status = lnsp_writer_close(writer, p);
  lnsp_writer_destroy(writer);
  return status;
}

static void test_failures(void) {
  lnsp_options options;
  lnsp_allocator allocator;
  hostile_memory memory;
  lnsp_error p;
  int fails;
  for (fails = 0; fails < 100; fails++) {
    lnsp_sink sink = memory_sink();
    int32_t status;
    hostile_options(&options, &allocator, &memory);
    to_memory.fail_at = fails;
    status = write_all(NULL, &sink, &options, &p);
    CHECK_INT(memory.held, 0);
    if (status == LNSP_OK) break;
    CHECK_INT(status, LNSP_E_IO);
    CHECK_INT(p.code, LNSP_E_IO);
  }
  CHECK(fails >= 4);
  {
    lnsp_sink sink = memory_sink();
    hostile_options(&options, &allocator, &memory);
    memory.fail_from = 0;
    CHECK_INT(write_all(NULL, &sink, &options, &p), LNSP_E_MEMORY);
    CHECK_INT(to_memory.bytes, 0);
  }
}

/* ---- paths ---------------------------------------------------------------- */

static char folder[512], path[600];

static int files_in_folder(void) {
  DIR *dir = opendir(folder);
  int n = -2; /* . and .. */
  while (dir && readdir(dir)) n++;
  if (dir) closedir(dir);
  return n;
}

static void write_old(const char *where) {
  FILE *file = fopen(where, "wb");
  CHECK(file && fwrite("old", 1, 3, file) == 3);
  if (file) fclose(file);
}

static int is_old(const char *where) {
  char text[8] = "";
  FILE *file = fopen(where, "rb");
  size_t n = file ? fread(text, 1, sizeof(text), file) : 0;
  if (file) fclose(file);
  return n == 3 && memcmp(text, "old", 3) == 0;
}

static int opens(const char *where) {
  lnsp_file *file;
  int32_t status = lnsp_file_open(where, NULL, &file, NULL);
  int good = !status && lnsp_file_tensor_count(file) > 0;
  lnsp_file_destroy(file);
  return good;
}

static void test_path(void) {
  struct stat facts;
  lnsp_error p;
  umask(022);
  CHECK_INT(write_all(path, NULL, NULL, &p), LNSP_OK);
  CHECK(opens(path));
  CHECK_INT(files_in_folder(), 1);
  CHECK(stat(path, &facts) == 0 && (facts.st_mode & 0777) == 0644);
  CHECK(chmod(path, 0640) == 0); /* its successor keeps the permissions */
  write_old(path);
  CHECK_INT(write_all(path, NULL, NULL, &p), LNSP_OK);
  CHECK(opens(path));
#if !defined(LNSP_NO_POSIX)
  CHECK(stat(path, &facts) == 0 && (facts.st_mode & 0777) == 0640);
#endif
  CHECK_INT(files_in_folder(), 1);
  unlink(path);
}

static void test_path_not_finished(void) {
  lnsp_tensor tensor = tensor_of("a", LNSP_U8, 1, 4, 0);
  lnsp_writer *writer;
  lnsp_error p;
  write_old(path);
  CHECK_INT(lnsp_writer_create(path, &tensor, 1, NULL, 0, NULL, &writer, &p), LNSP_OK);
  CHECK_INT(files_in_folder(), 2);
  CHECK_INT(lnsp_writer_write(writer, "abcd", 4, &p), LNSP_OK);
  CHECK(is_old(path));
  lnsp_writer_destroy(writer); /* no close */
  CHECK(is_old(path));
  CHECK_INT(files_in_folder(), 1);
  CHECK_INT(lnsp_writer_create(path, &tensor, 1, NULL, 0, NULL, &writer, &p), LNSP_OK);
  CHECK_INT(lnsp_writer_close(writer, &p), LNSP_E_STATE);
  lnsp_writer_destroy(writer);
  tensor.dtype = 0; /* refused before a file is made */
  CHECK_INT(lnsp_writer_create(path, &tensor, 1, NULL, 0, NULL, &writer, &p), LNSP_E_DTYPE);
  CHECK(is_old(path));
  CHECK_INT(files_in_folder(), 1);
  unlink(path);
}

/* Two at once: each has its own new file, the last close wins whole. */
static void test_two_writers(void) {
  lnsp_tensor one = tensor_of("one", LNSP_U8, 1, 3, 0),
              two = tensor_of("two", LNSP_U8, 1, 5, 0);
  lnsp_writer *a, *b;
  lnsp_file *file;
  lnsp_tensor got;
  uint8_t back[5];
  CHECK_INT(lnsp_writer_create(path, &one, 1, NULL, 0, NULL, &a, NULL), LNSP_OK);
  CHECK_INT(lnsp_writer_create(path, &two, 1, NULL, 0, NULL, &b, NULL), LNSP_OK);
  CHECK_INT(files_in_folder(), 2);
  CHECK_INT(lnsp_writer_write(a, "123", 3, NULL), LNSP_OK);
  CHECK_INT(lnsp_writer_write(b, "abcde", 5, NULL), LNSP_OK);
  CHECK_INT(lnsp_writer_close(a, NULL), LNSP_OK);
  CHECK_INT(lnsp_file_open(path, NULL, &file, NULL), LNSP_OK);
  CHECK_INT(lnsp_file_tensor(file, "one", &got, NULL), LNSP_OK);
  CHECK_INT(lnsp_writer_close(b, NULL), LNSP_OK);
  /* who has the old one open still reads it */
  CHECK_INT(lnsp_file_read(file, "one", 0, 3, LNSP_U8, back, NULL), LNSP_OK);
  CHECK(memcmp(back, "123", 3) == 0);
  lnsp_file_destroy(file);
  CHECK_INT(lnsp_file_open(path, NULL, &file, NULL), LNSP_OK);
  CHECK_INT(lnsp_file_read(file, "two", 0, 5, LNSP_U8, back, NULL), LNSP_OK);
  CHECK(memcmp(back, "abcde", 5) == 0);
  lnsp_file_destroy(file);
  lnsp_writer_destroy(a);
  lnsp_writer_destroy(b);
  CHECK_INT(files_in_folder(), 1);
  CHECK(opens(path));
  unlink(path);
}

static void test_odd_paths(void) {
  char other[1000], name[256];
  struct stat facts;
  lnsp_error p;
  CHECK_INT(write_all(folder, NULL, NULL, &p), LNSP_E_IO); /* a folder */
  snprintf(other, sizeof(other), "%s/none/file", folder);
  CHECK_INT(write_all(other, NULL, NULL, &p), LNSP_E_IO);
  CHECK(strstr(p.message, other) != NULL);
  snprintf(other, sizeof(other), "%s/file/", folder);
  CHECK_INT(write_all(other, NULL, NULL, &p), LNSP_E_IO);
#if !defined(LNSP_NO_POSIX)
  memset(name, 'n', 255); /* the longest name that a folder takes */
  name[255] = 0;
  snprintf(other, sizeof(other), "%s/%s", folder, name);
  CHECK_INT(write_all(other, NULL, NULL, &p), LNSP_OK);
  CHECK(opens(other));
  unlink(other);
  /* a link stays a link, and what it leads to is replaced */
  write_old(path);
  snprintf(other, sizeof(other), "%s/link", folder);
  CHECK(symlink("file", other) == 0);
  CHECK_INT(write_all(other, NULL, NULL, &p), LNSP_OK);
  CHECK(lstat(other, &facts) == 0 && S_ISLNK(facts.st_mode));
  CHECK(opens(path));
  unlink(path);
  unlink(other);
#else
  (void)name;
  (void)facts;
#endif
  CHECK_INT(files_in_folder(), 0);
  if (getuid() != 0) { /* root may write everywhere */
    write_old(path);
    CHECK(chmod(path, 0444) == 0);
    CHECK_INT(write_all(path, NULL, NULL, &p), LNSP_E_IO);
    CHECK(is_old(path));
    unlink(path);
  }
}

/* Devices are written to, never replaced. Root could replace those of the system
 * if this went wrong: it makes devices of its own instead. */
static int device_at(char *at, const char *system, dev_t number) {
  FILE *file;
  struct stat facts;
  if (getuid() != 0) {
    strcpy(at, system);
  } else {
    snprintf(at, 1000, "%s/device", folder);
#if defined(__linux__)
    if (mknod(at, S_IFCHR | 0666, number) != 0) return 0;
#else
    (void)number;
    return 0;
#endif
  }
  file = fopen(at, "r+b");
  if (!file || fclose(file) != 0) return 0;
  return stat(at, &facts) == 0 && S_ISCHR(facts.st_mode);
}

static void test_devices(void) {
  char at[1000];
  lnsp_error p;
  struct stat facts;
  if (device_at(at, "/dev/full", 0x107)) {
    CHECK_INT(write_all(at, NULL, NULL, &p), LNSP_E_IO);
    CHECK(stat(at, &facts) == 0 && S_ISCHR(facts.st_mode));
  }
  if (getuid() == 0) unlink(at);
  if (device_at(at, "/dev/null", 0x103)) {
    CHECK_INT(write_all(at, NULL, NULL, &p), LNSP_OK);
    CHECK(stat(at, &facts) == 0 && S_ISCHR(facts.st_mode));
  }
  if (getuid() == 0) unlink(at);
}

/* A limit on the size of files stands in for a disk that fills up. */
static void test_disk_that_fills_up(void) {
  static const rlim_t limits[] = {0, 100, 1024, 4000};
  struct rlimit kept, small;
  size_t i;
  write_old(path);
  signal(SIGXFSZ, SIG_IGN);
  CHECK(getrlimit(RLIMIT_FSIZE, &kept) == 0);
  for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
    lnsp_error p;
    int32_t status;
    memset(&p, 0, sizeof(p));
    small = kept;
    small.rlim_cur = limits[i];
    fflush(stdout);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    status = write_all(path, NULL, NULL, &p);
    CHECK(setrlimit(RLIMIT_FSIZE, &kept) == 0);
    CHECK_INT(status, LNSP_E_IO);
    CHECK_INT(p.code, LNSP_E_IO);
    CHECK(is_old(path));
    CHECK_INT(files_in_folder(), 1);
  }
  unlink(path);
}

static void test_path_memory(void) {
  lnsp_options options;
  lnsp_allocator allocator;
  hostile_memory memory;
  lnsp_error p;
  int k;
  write_old(path);
  for (k = 0; k < 10; k++) {
    int32_t status;
    hostile_options(&options, &allocator, &memory);
    memory.fail_from = k;
    status = write_all(path, NULL, &options, &p);
    CHECK_INT(memory.held, 0);
    CHECK_INT(files_in_folder(), 1);
    if (status == LNSP_OK) break;
    CHECK_INT(status, LNSP_E_MEMORY);
    CHECK(is_old(path));
  }
  CHECK_INT(k, 2);
  CHECK(opens(path));
  unlink(path);
}

int main(void) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof(folder), "%s/lnsp-test-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(folder)) {
    printf("not ok folder for the test\n");
    return 1;
  }
  snprintf(path, sizeof(path), "%s/file", folder);
  RUN(test_bytes);
  RUN(test_round_trip);
  RUN(test_refusals);
  RUN(test_states);
  RUN(test_failures);
  RUN(test_path);
  RUN(test_path_not_finished);
  RUN(test_two_writers);
  RUN(test_odd_paths);
  RUN(test_devices);
  RUN(test_disk_that_fills_up);
  RUN(test_path_memory);
  rmdir(folder);
  FINISH();
}

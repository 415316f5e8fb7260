/* Stores in files: locks, full disks, and what create leaves behind. */
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700
#endif
#include "support.h"

#if defined(__unix__) || defined(__APPLE__)
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[512], path[600];

static lnsp_trainer *trainer_new(void) {
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create("ln_min d=64 s=16", 1, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", "adamw lr=.01", NULL, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

static void step(lnsp_trainer *t, uint32_t seed) {
  float x[64], y[64];
  support_fill(x, 64, seed);
  support_fill(y, 64, seed + 1);
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 64, 0),
                       lnsp_tensor_f32("target", y, 2, 1, 64, 0)};
  CHECK_OK(lnsp_trainer_step(t, in, 2, NULL, &support_error));
}

static void hash_of(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, hash, &support_error));
}

/* The system's calls, one of which fails: in this program these names are ours. */
#if defined(__linux__) && defined(__GLIBC__) && defined(__LP64__)
#define HAS_FAILING 1
enum { FAIL_ERROR, FAIL_FULL, FAIL_SHORT, FAIL_INTERRUPTED, FAIL_KINDS };
static int io_calls, io_fail_at, io_for_ever, io_kind;
ssize_t pwrite64(int fd, const void *from, size_t bytes, off_t at);
ssize_t pread64(int fd, void *to, size_t bytes, off_t at);

static int io_fails(void) {
  io_calls++;
  return io_fail_at && (io_for_ever ? io_calls >= io_fail_at : io_calls == io_fail_at);
}
/* What is left of the bytes; 0: the call fails with errno. */
static size_t io_meets(size_t bytes) {
  if (!io_fails()) return bytes;
  if (io_kind == FAIL_SHORT) return (bytes + 1) / 2;
  errno = io_kind == FAIL_FULL ? ENOSPC : io_kind == FAIL_INTERRUPTED ? EINTR : EIO;
  return 0;
}
ssize_t pwrite64(int fd, const void *from, size_t bytes, off_t at) {
  bytes = io_meets(bytes);
  if (!bytes || lseek(fd, at, SEEK_SET) < 0) return -1;
  return write(fd, from, bytes);
}
ssize_t pread64(int fd, void *to, size_t bytes, off_t at) {
  bytes = io_meets(bytes);
  if (!bytes || lseek(fd, at, SEEK_SET) < 0) return -1;
  return read(fd, to, bytes);
}
int fsync(int fd) {
  if (io_kind != FAIL_SHORT && io_kind != FAIL_INTERRUPTED && io_fails()) {
    errno = EIO;
    return -1;
  }
  (void)fd;
  return 0; /* no test here cuts the power, and disks are slow */
}
#endif

static lnsp_store *create(const lnsp_trainer *t, uint64_t size) {
  lnsp_store_options settings = {sizeof settings, 2, 0, 0, 0, 0, size};
  lnsp_store *store = NULL;
  CHECK_OK(lnsp_store_create(path, t, NULL, &settings, NULL, &store, &support_error));
  return store;
}

/* One at a time, in this process and in others; readers beside each other. */
static void locks(void) {
  lnsp_store_options reading = {sizeof reading, 0, 0, 1, 0, 0, 0};
  lnsp_trainer *t = trainer_new();
  lnsp_store *store = create(t, 0), *other = NULL, *third = NULL;
  CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  CHECK_REFUSED(lnsp_store_create(path, t, NULL, NULL, NULL, &other, &support_error),
                LNSP_E_STATE);
#if defined(__linux__)
  CHECK_REFUSED(lnsp_store_open(path, NULL, NULL, &other, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_store_open(path, &reading, NULL, &other, &support_error), LNSP_E_STATE);
#endif
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    lnsp_store *mine = NULL;
    const int refused = lnsp_store_open(path, NULL, NULL, &mine, NULL) == LNSP_E_STATE;
    lnsp_store_destroy(store); /* the child's copy: the lock stays with its parent */
    lnsp_trainer_destroy(t);
    _exit(!refused);
  }
  int status = 1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
        WEXITSTATUS(status) == 0);
  CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  lnsp_store_destroy(store);
  CHECK_OK(lnsp_store_open(path, &reading, NULL, &other, &support_error));
  CHECK_OK(lnsp_store_open(path, &reading, NULL, &third, &support_error));
  CHECK_REFUSED(lnsp_store_commit(other, t, NULL, NULL, &support_error), LNSP_E_STATE);
  CHECK_OK(lnsp_store_load(other, 2, t, NULL, &support_error));
  CHECK_OK(lnsp_store_load(third, 1, t, NULL, &support_error));
  lnsp_store_destroy(other);
  lnsp_store_destroy(third);
  lnsp_trainer_destroy(t);
  unlink(path);
}

/* The disk is full at every size: writes are cut short, then fail. */
static void full_disk(void) {
  uint8_t before[32], after[32], hash[32];
  struct rlimit old, low;
  lnsp_trainer *t = trainer_new(), *other = trainer_new();
  signal(SIGXFSZ, SIG_IGN);
  if (getrlimit(RLIMIT_FSIZE, &old) != 0) return;
  struct stat facts;
  int failed = 0, done = 0;
  for (rlim_t most = 66000; !done; most += 3001) {
    lnsp_store *store = create(t, 1 << 20);
    CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
    hash_of(t, before);
    step(t, (uint32_t)most);
    hash_of(t, after);
    low = old;
    low.rlim_cur = most;
    CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
    const int32_t status = lnsp_store_commit(store, t, NULL, NULL, &support_error);
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    done = status == LNSP_OK;
    failed += !done;
    if (!done) {
      CHECK_INT(status, LNSP_E_IO);
      CHECK_REFUSED(lnsp_store_commit(store, t, NULL, NULL, &support_error), LNSP_E_STATE);
    }
    lnsp_store_destroy(store);
    CHECK_OK(lnsp_store_open(path, NULL, NULL, &store, &support_error));
    CHECK_OK(lnsp_store_load(store, 0, other, NULL, &support_error));
    hash_of(other, hash);
    CHECK(!memcmp(hash, done ? after : before, 32));
    CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
    CHECK_OK(lnsp_store_verify(store, NULL, &support_error));
    lnsp_store_destroy(store);
    CHECK(stat(path, &facts) == 0 && facts.st_size == 1 << 20);
    unlink(path);
    if (check_failures) break;
  }
  CHECK(failed > 5);
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(other);
}

#if defined(HAS_FAILING)
/* Every call to the system fails in turn, in each way, once and for ever. */
static void every_call_fails(void) {
  uint8_t before[32], after[32], hash[32];
  lnsp_trainer *t = trainer_new(), *other = trainer_new();
  for (int mode = 0; mode < 2 * FAIL_KINDS; mode++) {
    for (int at = 1, done = 0; !done; at += 1 + at / 8) {
      lnsp_store *store = create(t, 1 << 18);
      for (uint32_t i = 0; i < 3; i++) {
        CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
        hash_of(t, before);
        step(t, i);
      }
      hash_of(t, after);
      io_calls = 0;
      io_kind = mode / 2;
      io_for_ever = mode % 2;
      io_fail_at = at;
      const int32_t status = lnsp_store_commit(store, t, NULL, NULL, &support_error);
      done = io_calls < at;
      io_fail_at = 0;
      CHECK(status == LNSP_OK || status == LNSP_E_IO);
      CHECK(!done || status == LNSP_OK);
      if (io_kind == FAIL_SHORT || (io_kind == FAIL_INTERRUPTED && !io_for_ever))
        CHECK_INT(status, LNSP_OK); /* that is no failure */
      lnsp_store_destroy(store);
      CHECK_OK(lnsp_store_open(path, NULL, NULL, &store, &support_error));
      CHECK_OK(lnsp_store_load(store, 0, other, NULL, &support_error));
      hash_of(other, hash);
      CHECK(!memcmp(hash, after, 32) || (status != LNSP_OK && !memcmp(hash, before, 32)));
      CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
      lnsp_store_destroy(store);
      unlink(path);
      if (check_failures) return;
    }
  }
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(other);
}
#endif

/* Many commits: the file has the size it was given, and no other is left. */
static void many_commits(void) {
  lnsp_trainer *t = trainer_new();
  lnsp_store *store = create(t, 1 << 20);
  struct stat facts;
  uint8_t now[32], hash[32];
  for (uint32_t i = 0; i < 60; i++) {
    step(t, i);
    CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  }
  lnsp_store_info of = LNSP_STORE_INFO_INIT;
  CHECK_OK(lnsp_store_get_info(store, &of, &support_error));
  CHECK(of.compactions > 1);
  CHECK(stat(path, &facts) == 0 && facts.st_size == 1 << 20);
  hash_of(t, now);
  lnsp_store_destroy(store);
  CHECK_OK(lnsp_store_open(path, NULL, NULL, &store, &support_error));
  step(t, 1000);
  CHECK_OK(lnsp_store_load(store, 0, t, NULL, &support_error));
  hash_of(t, hash);
  CHECK(!memcmp(hash, now, 32));
  lnsp_store_destroy(store);
  /* cut short, and made longer */
  CHECK(truncate(path, (1 << 20) - 65536) == 0);
  CHECK_REFUSED(lnsp_store_open(path, NULL, NULL, &store, &support_error), LNSP_E_MISMATCH);
  CHECK(truncate(path, 2 << 20) == 0);
  CHECK_REFUSED(lnsp_store_open(path, NULL, NULL, &store, &support_error), LNSP_E_MISMATCH);
  CHECK(truncate(path, 10) == 0);
  CHECK_REFUSED(lnsp_store_open(path, NULL, NULL, &store, &support_error), LNSP_E_FORMAT);
  CHECK(strstr(support_error.message, "not a store"));
  unlink(path);
  CHECK_REFUSED(lnsp_store_open(path, NULL, NULL, &store, &support_error), LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_store_open(folder, NULL, NULL, &store, &support_error), LNSP_E_IO);
  char nowhere[700];
  snprintf(nowhere, sizeof nowhere, "%s/none/store", folder);
  CHECK_REFUSED(lnsp_store_create(nowhere, t, NULL, NULL, NULL, &store, &support_error),
                LNSP_E_IO);
  lnsp_store_options tiny = {sizeof tiny, 0, 0, 0, 0, 0, 1};
  lnsp_model *large = NULL;
  CHECK_OK(lnsp_model_create("ln_min d=384 s=64", 1, NULL, &large, &support_error));
  CHECK_REFUSED(lnsp_store_create(path, NULL, large, &tiny, NULL, &store, &support_error),
                LNSP_E_LIMIT);
  lnsp_model_destroy(large);
  lnsp_trainer_destroy(t);
  CHECK(rmdir(folder) == 0); /* nothing is left in it */
}

/* A size beyond what a file can have must not become that of no file. */
static void absurd_sizes(void) {
  uint8_t before[32], after[32];
  lnsp_trainer *t = trainer_new(), *other = trainer_new();
  lnsp_store *store = create(t, 0);
  step(t, 1);
  hash_of(t, before);
  CHECK_OK(lnsp_store_commit(store, t, NULL, NULL, &support_error));
  lnsp_store_destroy(store);
  const uint64_t sizes[3] = {UINT64_MAX, UINT64_MAX - 65535, (uint64_t)INT64_MAX};
  for (int i = 0; i < 3; i++) {
    const lnsp_store_options settings = {sizeof settings, 0, 0, 0, 0, 0, sizes[i]};
    store = NULL;
    CHECK(lnsp_store_create(path, t, NULL, &settings, NULL, &store, &support_error) != 0);
    CHECK(!store);
  }
  CHECK_OK(lnsp_store_open(path, NULL, NULL, &store, &support_error));
  CHECK_OK(lnsp_store_load(store, 0, other, NULL, &support_error));
  hash_of(other, after);
  CHECK(!memcmp(before, after, 32));
  lnsp_store_destroy(store);
  CHECK(unlink(path) == 0);
  for (int i = 0; i < 3; i++) {
    const lnsp_store_options settings = {sizeof settings, 0, 0, 0, 0, 0, sizes[i]};
    CHECK_REFUSED(lnsp_store_create(path, t, NULL, &settings, NULL, &store, &support_error),
                  LNSP_E_IO);
    CHECK(access(path, F_OK) != 0);
  }
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(other);
}

int main(void) {
  const char *build = getenv("BUILD");
  snprintf(folder, sizeof folder, "%s/store_path.%ld", build ? build : ".", (long)getpid());
  CHECK(mkdir(folder, 0777) == 0);
  snprintf(path, sizeof path, "%s/store", folder);
  RUN(locks);
  RUN(full_disk);
  RUN(absurd_sizes);
#if defined(HAS_FAILING)
  RUN(every_call_fails);
#endif
  RUN(many_commits);
  FINISH();
}
#else
int main(void) {
  SKIP(store_path, "no POSIX");
  FINISH();
}
#endif

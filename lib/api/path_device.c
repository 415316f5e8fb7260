/* A store's device in a file: flash made of a file, for lnsp_store_create and _open.
 *
 * Erased flash reads as 0xFF, and a hole in a file as 0. So bytes are kept inverted: a new
 * store is one large hole, which takes no room on the disk until it is written, and an erase
 * writes zeros only where something else was.
 *
 * Units are those that suit a file: erase 64 KiB, program 64 bytes. Unlike flash, a file may
 * be programmed twice, but the journal never does that. sync is the promise that everything
 * rests on: fsync, and on macOS F_FULLFSYNC, because its fsync does not wait for the disk. If
 * it fails, the system may have marked its cache as written all the same, so the cache is
 * dropped: what is read from then on must come from the disk.
 *
 * A new file gets a name of its own and its whole size, and is written as a store under that
 * name. `keep` then links it to its path, which fails if something is there by now, in one
 * step. File systems without links need a look and a rename instead, with a moment in between.
 * `release` removes a file that was not kept.
 *
 * Locks: a writer has the file alone, readers share it. Where the system can (F_OFD_SETLK),
 * they belong to the open file and not to the process, so that two handles of one process
 * exclude each other and closing another descriptor of the file drops nothing. They end when
 * the file is closed, also by a crash. A file is locked before its size is read, and a new one
 * before it has its name. */
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700 /* before any header: pread, fsync, O_CLOEXEC */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif

#include "api/path_device.h"

#include "api/path.h"
#include "base/arena.h"
#include "base/block.h"
#include "base/error.h"

#if defined(LNSPI_PATH_POSIX)

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_DEVICE_ERASE 65536u
#define PATH_DEVICE_PROGRAM 64u
#define PATH_DEVICE_PIECE 4096 /* bytes that are inverted or compared at a time, on the stack */
#define PATH_DEVICE_TRIES 1000 /* of a read or write that signals interrupt */

/* Locks of an open file, not of a process: two handles in one process are two. */
#if defined(F_OFD_SETLK)
#define PATH_DEVICE_SETLK F_OFD_SETLK
#elif defined(__linux__)
#define PATH_DEVICE_SETLK 37 /* Linux 3.15; glibc names it only for _GNU_SOURCE */
#else
#define PATH_DEVICE_SETLK F_SETLK
#endif

typedef struct path_device_file {
  lnspi_block block;
  int fd;
  int pending; /* 1: a new file that still has its own name, `made` */
  char *path, *made; /* both in the block */
} path_device_file;

/* Eight bytes at a time: whole states pass here. to may be from. */
static void path_device_invert(uint8_t *to, const uint8_t *from, size_t bytes) {
  uint64_t word;
  for (; bytes >= 8; bytes -= 8, to += 8, from += 8) {
    memcpy(&word, from, 8);
    word = ~word;
    memcpy(to, &word, 8);
  }
  while (bytes--) *to++ = (uint8_t) ~*from++;
}

static int32_t path_device_read(void *user, uint64_t offset, void *to, size_t bytes) {
  path_device_file *file = user;
  uint8_t *at = to;
  int tries = 0;
  while (bytes) {
    ssize_t n = pread(file->fd, at, bytes, (off_t)offset);
    if (n < 0 && errno == EINTR && tries++ < PATH_DEVICE_TRIES) continue;
    if (n <= 0) return 1;
    path_device_invert(at, at, (size_t)n);
    at += n;
    offset += (uint64_t)n;
    bytes -= (size_t)n;
  }
  return 0;
}

static int32_t path_device_write(const path_device_file *file, uint64_t offset,
                                 const uint8_t *from, size_t bytes) {
  int tries = 0;
  while (bytes) {
    ssize_t n = pwrite(file->fd, from, bytes, (off_t)offset);
    if (n < 0 && errno == EINTR && tries++ < PATH_DEVICE_TRIES) continue;
    if (n <= 0) return 1;
    from += n;
    offset += (uint64_t)n;
    bytes -= (size_t)n;
  }
  return 0;
}

/* Inverts into a piece on the stack, since the journal's buffer is only read. */
static int32_t path_device_prog(void *user, uint64_t offset, const void *from, size_t bytes) {
  const uint8_t *at = from;
  uint8_t piece[PATH_DEVICE_PIECE];
  while (bytes) {
    const size_t n = bytes < sizeof piece ? bytes : sizeof piece;
    path_device_invert(piece, at, n);
    if (path_device_write(user, offset, piece, n)) return 1;
    at += n;
    offset += n;
    bytes -= n;
  }
  return 0;
}

/* Writes zeros, which read as erased, where there is anything else: what is a hole stays
 * one. */
static int32_t path_device_erase(void *user, uint64_t offset) {
  path_device_file *file = user;
  uint8_t piece[PATH_DEVICE_PIECE];
  if (file->pending) return 0; /* a new file is one hole */
  for (uint64_t end = offset + PATH_DEVICE_ERASE; offset < end; offset += sizeof piece) {
    int used = 0;
    if (path_device_read(file, offset, piece, sizeof piece)) return 1;
    for (size_t i = 0; i < sizeof piece; i++) used |= piece[i] != 0xFF;
    memset(piece, 0, sizeof piece);
    if (used && path_device_write(file, offset, piece, sizeof piece)) return 1;
  }
  return 0;
}

static int32_t path_device_sync(void *user) {
  path_device_file *file = user;
#if defined(F_FULLFSYNC)
  if (fcntl(file->fd, F_FULLFSYNC) == 0) return 0;
#endif
  if (fsync(file->fd) == 0) return 0;
#if defined(POSIX_FADV_DONTNEED)
  (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
#endif
  return 1;
}

static void path_device_release(void *user) {
  path_device_file *file = user;
  if (file->fd >= 0) close(file->fd); /* and its lock */
  if (file->pending) unlink(file->made);
  lnspi_block_close(&file->block);
}

static int32_t path_device_taken(const path_device_file *file, lnsp_error *error) {
  return lnspi_error_set(error, LNSP_E_STATE, file->path,
                         "'%s' is there already: remove it, or give the store another name",
                         file->path);
}

/* Gives a new file its path, unless somebody else was faster. */
static int32_t path_device_keep(void *user, lnsp_error *error) {
  path_device_file *file = user;
  int reason = 0;
  if (link(file->made, file->path) == 0) {
    unlink(file->made);
  } else if (errno == EEXIST) {
    reason = EEXIST;
  } else if (access(file->path, F_OK) == 0) {
    reason = EEXIST;
  } else if (rename(file->made, file->path) != 0) {
    reason = errno;
  }
  if (reason == EEXIST) return path_device_taken(file, error);
  if (reason) return lnspi_path_fail(error, LNSP_E_IO, "make", file->path, reason);
  file->pending = 0;
  lnspi_path_sync_folder(file->made);
  return LNSP_OK;
}

static int32_t path_device_lock(const path_device_file *file, int32_t read_only,
                                lnsp_error *error) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = read_only ? F_RDLCK : F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(file->fd, PATH_DEVICE_SETLK, &lock) == 0) return LNSP_OK;
  if (errno == EAGAIN || errno == EACCES)
    return lnspi_error_set(
        error, LNSP_E_STATE, file->path,
        "'%s' is in use by another handle or process: wait until it is closed", file->path);
  return lnspi_path_fail(error, LNSP_E_IO, "lock", file->path, errno);
}

/* Makes the new file with its size, most of it a hole. The look for an old one is early, before
 * any work is done; keep looks again. */
static int32_t path_device_create(path_device_file *file, uint64_t size, lnsp_error *error) {
  if (access(file->path, F_OK) == 0) return path_device_taken(file, error);
  const int reason = lnspi_path_create(file->path, O_RDWR, file->made, &file->fd);
  if (reason) return lnspi_path_fail(error, LNSP_E_IO, "make", file->path, reason);
  file->pending = 1;
  if (ftruncate(file->fd, (off_t)size) != 0)
    return lnspi_path_fail(error, LNSP_E_IO, "make", file->path, errno);
  return LNSP_OK;
}

/* Opens an existing file. O_NONBLOCK: a pipe of that name must not make the call wait. */
static int32_t path_device_reopen(path_device_file *file, int32_t read_only,
                                  lnsp_error *error) {
  do {
    file->fd =
        open(file->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (file->fd < 0 && errno == EINTR);
  if (file->fd >= 0) return LNSP_OK;
  return lnspi_path_fail(error, errno == ENOENT ? LNSP_E_MISSING : LNSP_E_IO, "open",
                         file->path, errno);
}

/* The struct and its two names, counted or in place (base/arena.h). */
static path_device_file *path_device_layout(lnspi_arena *arena, size_t length, char **own,
                                            char **made) {
  path_device_file *file = LNSPI_ARENA_STRUCT(arena, path_device_file, 256);
  *own = lnspi_arena_alloc(arena, length + 1, 1);
  *made = lnspi_arena_alloc(arena, length + LNSPI_PATH_MADE_BYTES, 1);
  return file;
}

static int32_t path_device_allocate(const char *path, const lnsp_options *options,
                                    path_device_file **out, lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnsp_options own = *options;
  lnspi_block block;
  char *name, *made;
  own.block = NULL; /* that is for the store's handle */
  path_device_layout(&arena, strlen(path), &name, &made);
  int32_t status = lnspi_block_open(&block, &own, arena.used, error);
  if (status) return status;
  arena = (lnspi_arena){block.memory, 0, block.bytes, 0};
  path_device_file *file = path_device_layout(&arena, strlen(path), &name, &made);
  if (!file) return lnspi_error_set(error, LNSP_E_INTERNAL, path, "the block has no memory");
  memset(file, 0, sizeof *file);
  file->block = block;
  file->fd = -1;
  file->path = name;
  file->made = made;
  memcpy(name, path, strlen(path) + 1);
  *out = file;
  return LNSP_OK;
}

/* Refuses what cannot be a store by its size: two banks of two units each. */
static int32_t path_device_facts(const path_device_file *file, lnsp_device *device,
                                 lnsp_error *error) {
  struct stat facts;
  if (fstat(file->fd, &facts) != 0 || !S_ISREG(facts.st_mode))
    return lnspi_error_set(error, LNSP_E_IO, file->path,
                           "'%s' is not a store: it is not a regular file", file->path);
  if (facts.st_size < (off_t)(4 * PATH_DEVICE_ERASE))
    return lnspi_error_set(error, LNSP_E_FORMAT, file->path,
                           "'%s' is not a store: it has only %lld bytes", file->path,
                           (long long)facts.st_size);
  device->size_bytes = (uint64_t)facts.st_size;
  return LNSP_OK;
}

int32_t lnspi_path_device_open(const char *path, uint64_t made, int32_t read_only,
                               const lnsp_options *options, lnspi_path_device *out,
                               lnsp_error *error) {
  path_device_file *file = NULL;
  if (made > INT64_MAX - PATH_DEVICE_ERASE) /* rounded up it could become 0: what is there */
    return lnspi_path_fail(error, LNSP_E_IO, "make", path, EFBIG);
  int32_t status = path_device_allocate(path, options, &file, error);
  if (status) return status;
  memset(out, 0, sizeof *out);
  made = (made + PATH_DEVICE_ERASE - 1) / PATH_DEVICE_ERASE * PATH_DEVICE_ERASE;
  if (made && made < 4 * PATH_DEVICE_ERASE) made = 4 * PATH_DEVICE_ERASE;
  status =
      made ? path_device_create(file, made, error) : path_device_reopen(file, read_only, error);
  if (!status) status = path_device_lock(file, read_only, error);
  if (!status) status = path_device_facts(file, &out->device, error);
  if (status) {
    path_device_release(file);
    return status;
  }
  out->device.struct_size = sizeof out->device;
  out->device.erase_bytes = PATH_DEVICE_ERASE;
  out->device.program_bytes = PATH_DEVICE_PROGRAM;
  out->device.user = file;
  out->device.read = path_device_read;
  if (!read_only) {
    out->device.program = path_device_prog;
    out->device.erase = path_device_erase;
    out->device.sync = path_device_sync;
  }
  out->keep = path_device_keep;
  out->release = path_device_release;
  return LNSP_OK;
}

#else

int32_t lnspi_path_device_open(const char *path, uint64_t made, int32_t read_only,
                               const lnsp_options *options, lnspi_path_device *out,
                               lnsp_error *error) {
  (void)made;
  (void)read_only;
  (void)options;
  (void)out;
  return lnspi_error_set(error, LNSP_E_UNSUPPORTED, path,
                         "this build has no files for stores: give a device instead of a path");
}

#endif

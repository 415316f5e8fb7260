/* Files with a path, on POSIX systems.
 *
 * A file is replaced in one step, whatever happens in between:
 *
 *   open      a new file next to the old one, under a name that nobody else has
 *   write     through a buffer of 16 KiB; the first error is kept and told by commit, because a
 *             sink can only say "failed"
 *   commit    write the rest, fsync, close, rename over the old name, fsync the folder
 *   abandon   always called in the end: closes, removes what was not committed, frees
 *
 * rename is atomic: whoever opens the path sees the old file or the new one, also after a power
 * cut, since the new one's bytes were synced before. The new file must be in the same folder,
 * or it might be on another disk. If any step fails, the old file was not touched. A program
 * that is killed leaves a file ".lnsp-<process>-<try>.tmp" behind, and nothing else.
 *
 * What is not an ordinary file (a pipe, /dev/stdout) cannot be replaced and is written to
 * directly. A file that its user may not write to is refused, although the folder would allow
 * to replace it: somebody protected it. A symbolic link stays, and what it leads to is
 * replaced.
 *
 * Calls that a signal interrupts (EINTR) are repeated, but for close, whose descriptor is gone
 * either way. */
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700 /* before any header: fsync, realpath, O_CLOEXEC */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif

#include "api/path.h"

#include "base/arena.h"
#include "base/block.h"
#include "base/error.h"

#if defined(LNSPI_PATH_POSIX)

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BUFFER_BYTES 16384
#define PATH_PIECE_BYTES ((size_t)1 << 30) /* of one read: some systems refuse 2 GiB */
#define PATH_TRIES 1000                    /* of names for the new file */

/* strerror is not safe with threads; these are what users meet. */
static const char *path_reason(int reason) {
  switch (reason) {
    case ENOENT: return "there is no such file or folder";
    case EACCES:
    case EPERM: return "permission denied";
    case EISDIR: return "it is a folder";
    case ENOTDIR: return "a part of the path is not a folder";
    case ENOSPC: return "the disk is full";
    case EDQUOT: return "the disk quota is used up";
    case EFBIG: return "the file would be too large";
    case EROFS: return "the disk is read-only";
    case EIO: return "the disk reports an error";
    case EMFILE:
    case ENFILE: return "too many files are open";
    case ENAMETOOLONG: return "the path is too long";
    case ELOOP: return "too many symbolic links";
    case EPIPE: return "nobody reads the pipe";
    default: return "the system refused";
  }
}

int32_t lnspi_path_fail(lnsp_error *error, int32_t code, const char *verb, const char *path,
                        int reason) {
  return lnspi_error_set(error, code, path, "cannot %s '%s': %s (errno %d)", verb, path,
                         path_reason(reason), reason);
}

/* ---- reading ------------------------------------------------------------ */

/* The descriptor is the user pointer itself: nothing to allocate. */
static void *path_pack(int fd) { return (void *)((intptr_t)fd + 1); } /* never NULL */
static int path_unpack(void *user) { return (int)((intptr_t)user - 1); }

/* A source's read. pread has no position, so a file could be read by several threads. */
static int32_t path_read(void *user, uint64_t offset, void *to, size_t bytes) {
  uint8_t *at = to;
  while (bytes) {
    size_t piece = bytes < PATH_PIECE_BYTES ? bytes : PATH_PIECE_BYTES;
    ssize_t n = pread(path_unpack(user), at, piece, (off_t)offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 1; /* a fault, or the file has become shorter */
    at += n;
    offset += (uint64_t)n;
    bytes -= (size_t)n;
  }
  return 0;
}

static void path_release(void *user) { close(path_unpack(user)); }

int32_t lnspi_path_source(const char *path, lnsp_source *out, void (**release)(void *user),
                          lnsp_error *error) {
  struct stat facts;
  int fd, reason;
  do {
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* no wait on a pipe */
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    reason = errno;
    return lnspi_path_fail(error, reason == ENOENT ? LNSP_E_MISSING : LNSP_E_IO, "open", path,
                           reason);
  }
  if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    close(fd);
    return lnspi_error_set(error, LNSP_E_IO, path, "cannot read '%s': it is not a regular file",
                           path);
  }
  memset(out, 0, sizeof(*out));
  out->struct_size = sizeof(*out);
  out->user = path_pack(fd);
  out->size_bytes = (uint64_t)facts.st_size;
  out->read = path_read;
  *release = path_release;
  return LNSP_OK;
}

/* ---- writing ------------------------------------------------------------ */

typedef struct path_writer {
  lnspi_block block;
  int fd;             /* -1 once closed */
  int direct;         /* a device or pipe: no new file */
  int pending;        /* the new file is there under its own name */
  int32_t reason;      /* errno of a failed write, told by commit */
  size_t filled;
  char *path;         /* where it will stand */
  char *made;         /* the new file's own name */
  uint8_t *buffer;
} path_writer;

/* Writes what the buffer holds; 0: failed, and reason says why. */
static int path_flush(path_writer *writer) {
  uint8_t *at = writer->buffer;
  while (writer->filled) {
    ssize_t n = write(writer->fd, at, writer->filled);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      writer->reason = n < 0 ? errno : EIO;
      return 0;
    }
    at += n;
    writer->filled -= (size_t)n;
  }
  return 1;
}

/* The sink's write: collects small pieces. After a failure it fails at once. */
static int32_t path_write(void *user, const void *from, size_t bytes) {
  path_writer *writer = user;
  const uint8_t *at = from;
  while (bytes) {
    size_t n = PATH_BUFFER_BYTES - writer->filled;
    if (writer->reason) return 1;
    if (n > bytes) n = bytes;
    memcpy(writer->buffer + writer->filled, at, n);
    writer->filled += n;
    at += n;
    bytes -= n;
    if (writer->filled == PATH_BUFFER_BYTES && !path_flush(writer)) return 1;
  }
  return 0;
}

/* Makes the rename itself durable. Not every file system lets a folder be
 * synchronised, and the file is in its place by now: best effort. */
void lnspi_path_sync_folder(char *path) {
  char *slash = strrchr(path, '/');
  int fd;
  if (slash == path)
    path[1] = 0;
  else if (slash)
    *slash = 0;
  else
    memcpy(path, ".", 2);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

/* Whatever fails first is the reason; everything after it is left out but closing and removing
 * the new file. The folder is synced last and may fail: the file is in its place by then. */
static int32_t path_commit(void *user, lnsp_error *error) {
  path_writer *writer = user;
  int reason = 0;
  if (writer->reason || !path_flush(writer)) reason = writer->reason;
  /* A device or pipe cannot be synchronised and need not be. */
  if (!reason && !writer->direct && fsync(writer->fd) != 0) reason = errno;
  if (close(writer->fd) != 0 && !reason && errno != EINTR) reason = errno;
  writer->fd = -1;
  if (!reason && writer->pending && rename(writer->made, writer->path) != 0) reason = errno;
  if (reason) {
    if (writer->pending) unlink(writer->made);
    writer->pending = 0;
    return lnspi_path_fail(error, LNSP_E_IO, "write", writer->path, reason);
  }
  if (writer->pending) lnspi_path_sync_folder(writer->made);
  writer->pending = 0;
  return LNSP_OK;
}

static void path_abandon(void *user) {
  path_writer *writer = user;
  if (writer->fd >= 0) close(writer->fd);
  if (writer->pending) unlink(writer->made);
  lnspi_block_close(&writer->block);
}

int lnspi_path_create(const char *path, int flags, char *made, int *fd) {
  const char *slash = strrchr(path, '/');
  const size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
  memcpy(made, path, folder);
  for (int i = 0; i < PATH_TRIES; i++) {
    lnspi_format(made + folder, LNSPI_PATH_MADE_BYTES, ".lnsp-%llu-%d.tmp",
                 (unsigned long long)getpid(), i);
    *fd = open(made, flags | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (*fd >= 0) return 0;
    if (errno != EEXIST && errno != EINTR) return errno;
  }
  return EEXIST;
}

/* Opens what is to be written; 0 or an errno. */
static int path_begin(path_writer *writer) {
  struct stat facts;
  int exists = stat(writer->path, &facts) == 0, reason;
  if (exists && S_ISDIR(facts.st_mode)) return EISDIR;
  if (exists && !S_ISREG(facts.st_mode)) {
    writer->direct = 1;
    writer->fd = open(writer->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return writer->fd < 0 ? errno : 0;
  }
  if (exists && access(writer->path, W_OK) != 0) return errno; /* protected on purpose */
  reason = lnspi_path_create(writer->path, O_WRONLY, writer->made, &writer->fd);
  if (reason) return reason;
  writer->pending = 1;
  /* The successor of a file keeps its permissions, where the system lets us. */
  if (exists) (void)fchmod(writer->fd, facts.st_mode & 0777);
  return 0;
}

/* The writer and its three arrays in one block: counted first, then in place (base/arena.h). */
static path_writer *path_layout(lnspi_arena *arena, const char *path) {
  const size_t length = strlen(path);
  path_writer *writer = LNSPI_ARENA_STRUCT(arena, path_writer, 256);
  char *own = lnspi_arena_alloc(arena, length + 1, 1);
  char *made = lnspi_arena_alloc(arena, length + LNSPI_PATH_MADE_BYTES, 1);
  uint8_t *buffer = lnspi_arena_alloc(arena, PATH_BUFFER_BYTES, 1);
  if (!writer) return NULL; /* only counting */
  memcpy(own, path, length + 1);
  writer->path = own;
  writer->made = made;
  writer->buffer = buffer;
  return writer;
}

/* The writer's memory, from the caller's allocator or malloc; the caller's block is for the
 * handle. Nothing is open yet, so that abandon may be called from here on. */
static int32_t path_allocate(const char *path, const lnsp_options *options, path_writer **out,
                             lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnsp_options own = *options;
  lnspi_block block;
  int32_t status;
  own.block = NULL;
  path_layout(&arena, path);
  status = lnspi_block_open(&block, &own, arena.used, error);
  if (status) return status;
  arena = (lnspi_arena){block.memory, 0, block.bytes, 0};
  *out = path_layout(&arena, path);
  (*out)->block = block;
  (*out)->fd = -1;
  return LNSP_OK;
}

int32_t lnspi_path_sink_open(const char *path, const lnsp_options *options,
                             lnspi_path_sink *out, lnsp_error *error) {
  path_writer *writer = NULL;
  struct stat itself;
  char *resolved = NULL;
  int32_t status;
  int reason;
  /* A symbolic link stays one: what it leads to is replaced. A link into nowhere
   * has no file to keep, and is replaced itself. */
  if (lstat(path, &itself) == 0 && S_ISLNK(itself.st_mode)) resolved = realpath(path, NULL);
  status = path_allocate(resolved ? resolved : path, options, &writer, error);
  free(resolved);
  if (status) return status;
  reason = path_begin(writer);
  if (reason) {
    path_abandon(writer);
    return lnspi_path_fail(error, LNSP_E_IO, "write", path, reason);
  }
  memset(out, 0, sizeof(*out));
  out->sink.struct_size = sizeof(out->sink);
  out->sink.user = writer;
  out->sink.write = path_write;
  out->commit = path_commit;
  out->abandon = path_abandon;
  return LNSP_OK;
}

#else
typedef int path_unused; /* C has no empty files */
#endif

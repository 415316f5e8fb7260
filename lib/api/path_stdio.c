/* Files with a path where there is no POSIX: stdio alone, or none at all.
 *
 * The same steps as in path.c, as far as the C library has them. It cannot flush to the disk,
 * so a power cut soon after a save may lose it. rename may or may not replace a file: where it
 * does not, the old file is moved aside just before, and back if the second rename fails. There
 * is no folder in a path that one could parse, so the new file's name is the path with
 * ".0.tmp" behind it.
 *
 * Nor can C tell a device from a file. What opens but has no bytes is written in place, be it a
 * device or an empty file, and emptied again if the save fails; what has bytes is replaced. */
#include "api/path.h"
#include "base/arena.h"
#include "base/block.h"
#include "base/error.h"

#if !defined(LNSPI_PATH_POSIX)

#if defined(LNSP_FREESTANDING)

static int32_t path_stdio_refuse(const char *path, lnsp_error *error) {
  return lnspi_error_set(error, LNSP_E_UNSUPPORTED, path,
                         "this build has no files: use memory or callbacks instead of a path");
}

int32_t lnspi_path_source(const char *path, lnsp_source *out, void (**release)(void *user),
                          lnsp_error *error) {
  (void)out;
  (void)release;
  return path_stdio_refuse(path, error);
}

int32_t lnspi_path_sink_open(const char *path, const lnsp_options *options,
                             lnspi_path_sink *out, lnsp_error *error) {
  (void)options;
  (void)out;
  return path_stdio_refuse(path, error);
}

#else

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PATH_STDIO_SUFFIX 16
#define PATH_STDIO_TRIES 1000

static int32_t path_stdio_fail(lnsp_error *error, int32_t code, const char *verb,
                               const char *path) {
  return lnspi_error_set(error, code, path, "cannot %s '%s'", verb, path);
}

/* A position is a long, which has 32 bits on some systems: what is beyond is refused. */
static int32_t path_stdio_read(void *user, uint64_t offset, void *to, size_t bytes) {
  FILE *file = user;
  if (offset > LONG_MAX || fseek(file, (long)offset, SEEK_SET) != 0) return 1;
  return fread(to, 1, bytes, file) != bytes;
}

static void path_stdio_release(void *user) { fclose(user); }

int32_t lnspi_path_source(const char *path, lnsp_source *out, void (**release)(void *user),
                          lnsp_error *error) {
  FILE *file = fopen(path, "rb");
  long size;
  if (!file) return path_stdio_fail(error, LNSP_E_MISSING, "open", path);
  if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || size == LONG_MAX) {
    fclose(file);
    return path_stdio_fail(error, LNSP_E_IO, "read", path);
  }
  memset(out, 0, sizeof(*out));
  out->struct_size = sizeof(*out);
  out->user = file;
  out->size_bytes = (uint64_t)size;
  out->read = path_stdio_read;
  *release = path_stdio_release;
  return LNSP_OK;
}

typedef struct path_stdio_writer {
  lnspi_block block;
  FILE *file;
  int pending;  /* the new file is there under its own name */
  int direct;   /* written in place: see path_stdio_begin */
  char *path;   /* where it will stand */
  char *made;   /* the new file's own name */
  char *aside;  /* where the old file waits if rename does not replace */
} path_stdio_writer;

static int32_t path_stdio_write(void *user, const void *from, size_t bytes) {
  path_stdio_writer *writer = user;
  return fwrite(from, 1, bytes, writer->file) != bytes;
}

/* Puts the new file in the old one's place; on failure the old one is back. Only
 * what can be opened for writing is moved aside: no folder. */
static int path_stdio_replace(const path_stdio_writer *writer) {
  FILE *old;
  if (rename(writer->made, writer->path) == 0) return 1;
  old = fopen(writer->path, "r+b");
  if (!old) return 0;
  fclose(old);
  if (rename(writer->path, writer->aside) != 0) return 0;
  if (rename(writer->made, writer->path) != 0) {
    rename(writer->aside, writer->path);
    return 0;
  }
  remove(writer->aside);
  return 1;
}

/* What was written in place is emptied again; nothing happens to a device. */
static void path_stdio_empty(const path_stdio_writer *writer) {
  FILE *file = fopen(writer->path, "wb");
  if (file) fclose(file);
}

static int32_t path_stdio_commit(void *user, lnsp_error *error) {
  path_stdio_writer *writer = user;
  int good = fflush(writer->file) == 0 && !ferror(writer->file);
  if (fclose(writer->file) != 0) good = 0;
  writer->file = NULL;
  if (good && writer->pending) good = path_stdio_replace(writer);
  if (!good && writer->pending) remove(writer->made);
  if (!good && writer->direct) path_stdio_empty(writer);
  writer->pending = writer->direct = 0;
  return good ? LNSP_OK : path_stdio_fail(error, LNSP_E_IO, "write", writer->path);
}

static void path_stdio_abandon(void *user) {
  path_stdio_writer *writer = user;
  if (writer->file) fclose(writer->file);
  if (writer->pending) remove(writer->made);
  if (writer->direct) path_stdio_empty(writer);
  lnspi_block_close(&writer->block);
}

/* Opens what is to be written. Devices cannot be told from files here, but they
 * have no bytes to keep: what has none is written in place, never replaced. */
static int path_stdio_begin(path_stdio_writer *writer) {
  const size_t length = strlen(writer->path);
  FILE *old = fopen(writer->path, "rb");
  int i;
  if (old) {
    int bare = fseek(old, 0, SEEK_END) != 0 || ftell(old) <= 0;
    fclose(old);
    if (bare) {
      writer->file = fopen(writer->path, "r+b");
      writer->direct = writer->file != NULL;
      return writer->direct;
    }
    old = fopen(writer->path, "r+b"); /* protected files and folders are refused */
    if (!old) return 0;
    fclose(old);
  }
  for (i = 0; i < PATH_STDIO_TRIES && !writer->file; i++) {
    lnspi_format(writer->made + length, PATH_STDIO_SUFFIX, ".%d.tmp", i);
    lnspi_format(writer->aside + length, PATH_STDIO_SUFFIX, ".%d.old", i);
    writer->file = fopen(writer->made, "wbx"); /* x: only if nobody else has it (C11) */
  }
  writer->pending = writer->file != NULL;
  return writer->pending;
}

/* The writer and its names, counted or in place (base/arena.h). */
static path_stdio_writer *path_stdio_layout(lnspi_arena *arena, const char *path) {
  const size_t length = strlen(path);
  path_stdio_writer *writer = LNSPI_ARENA_STRUCT(arena, path_stdio_writer, 256);
  char *own = lnspi_arena_alloc(arena, length + 1, 1);
  char *made = lnspi_arena_alloc(arena, length + PATH_STDIO_SUFFIX, 1);
  char *aside = lnspi_arena_alloc(arena, length + PATH_STDIO_SUFFIX, 1);
  if (!writer) return NULL; /* only counting */
  memcpy(own, path, length + 1);
  memcpy(made, path, length);
  memcpy(aside, path, length);
  writer->path = own;
  writer->made = made;
  writer->aside = aside;
  return writer;
}

int32_t lnspi_path_sink_open(const char *path, const lnsp_options *options,
                             lnspi_path_sink *out, lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnsp_options own = *options;
  lnspi_block block;
  path_stdio_writer *writer;
  int32_t status;
  own.block = NULL;
  path_stdio_layout(&arena, path);
  status = lnspi_block_open(&block, &own, arena.used, error);
  if (status) return status;
  arena = (lnspi_arena){block.memory, 0, block.bytes, 0};
  writer = path_stdio_layout(&arena, path);
  writer->block = block;
  if (!path_stdio_begin(writer)) {
    path_stdio_abandon(writer);
    return path_stdio_fail(error, LNSP_E_IO, "write", path);
  }
  memset(out, 0, sizeof(*out));
  out->sink.struct_size = sizeof(out->sink);
  out->sink.user = writer;
  out->sink.write = path_stdio_write;
  out->commit = path_stdio_commit;
  out->abandon = path_stdio_abandon;
  return LNSP_OK;
}

#endif
#else
typedef int path_stdio_unused; /* C has no empty files */
#endif

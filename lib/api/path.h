/* Files with a path: the only part of the library that knows an operating
 * system. POSIX (path.c), or stdio alone (path_stdio.c), or nothing. */
#ifndef LNSPI_API_PATH_H
#define LNSPI_API_PATH_H

#include "lnsp.h"

#if !defined(LNSP_FREESTANDING) && !defined(LNSP_NO_POSIX) && \
    (defined(__unix__) || defined(__unix) || (defined(__APPLE__) && defined(__MACH__)))
#define LNSPI_PATH_POSIX 1
#endif

/* Opens a regular file for reading; release(out->user) closes it. LNSP_E_MISSING
 * if there is none. */
int32_t lnspi_path_source(const char *path, lnsp_source *out, void (**release)(void *user),
                          lnsp_error *error);

/* A sink into a new file of a name of its own beside path. commit(sink.user)
 * flushes it to the disk and renames it to path, or removes it and fails;
 * abandon(sink.user) must be called in the end and removes what was not
 * committed. What stands at path stays untouched until the rename; a device or
 * pipe at path is written to directly. options: already read; its allocator
 * (never its block) gives the memory. */
typedef struct lnspi_path_sink {
  lnsp_sink sink;
  int32_t (*commit)(void *user, lnsp_error *error);
  void (*abandon)(void *user);
} lnspi_path_sink;

int32_t lnspi_path_sink_open(const char *path, const lnsp_options *options,
                             lnspi_path_sink *out, lnsp_error *error);

#if defined(LNSPI_PATH_POSIX)
#define LNSPI_PATH_MADE_BYTES 48 /* room for the name of a new file, behind its folder */

/* Creates a file in the folder of path that is certainly nobody else's: O_EXCL, and a name of
 * process and try, short enough where the path's own is not. made has room for path and
 * LNSPI_PATH_MADE_BYTES, and gets the new name. flags: O_WRONLY or O_RDWR. Returns 0 or an
 * errno. */
int lnspi_path_create(const char *path, int flags, char *made, int *fd);

/* "cannot open 'PATH': permission denied (errno 13)" */
int32_t lnspi_path_fail(lnsp_error *error, int32_t code, const char *verb, const char *path,
                        int reason);
/* Makes a rename durable, as far as the file system lets it; changes the text. */
void lnspi_path_sync_folder(char *path);
#endif

#endif

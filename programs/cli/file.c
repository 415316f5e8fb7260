/* Tells if a file exists, and reads its text. */
#include "cli/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/refuse.h"
#include "lnsp.h"

int file_exists(const char *path, int *safetensors) {
  FILE *file = fopen(path, "rb");
  unsigned char start[9];
  size_t got;

  *safetensors = 0;
  if (!file) return 0;
  got = fread(start, 1, sizeof start, file);
  fclose(file);
  /* 8 bytes of header length, of which the high ones are zero, then the header;
   * a text has no zero bytes. */
  *safetensors = got < sizeof start || start[8] == '{' || memchr(start, 0, sizeof start);
  return 1;
}

const char *file_kind(const char *path) {
  static const char *const kinds[][2] = {{"lnsp.arch", "model"},
                                         {"lnsp.graph", "model"},
                                         {"lnsp.delta.version", "delta"},
                                         {"lnsp.index", "index"},
                                         {"lnsp.replay", "replay"},
                                         {"lnsp.reservoir", "reservoir"}};
  lnsp_store_options settings = LNSP_STORE_OPTIONS_INIT;
  lnsp_store *store = NULL;
  lnsp_file *file = NULL;
  const char *kind = "data";
  size_t i;

  settings.read_only = 1;
  if (!lnsp_store_open(path, &settings, NULL, &store, NULL))
    kind = "store";
  else if (!lnsp_file_open(path, NULL, &file, NULL))
    for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
      if (lnsp_file_metadata(file, kinds[i][0])) kind = kinds[i][1];
  lnsp_store_destroy(store);
  lnsp_file_destroy(file);
  return kind;
}

char *file_load_text(const char *path, size_t most, size_t *size) {
  FILE *file = fopen(path, "rb");
  size_t room = 1 << 16, used = 0, got = 1;
  char *text = memory_new((int64_t)room, 1);

  if (!file) refuse("'%s' cannot be read: %s; check its path", path, strerror(errno));
  while (got && used <= most) {
    if (used + 1 == room) text = memory_grow(text, (int64_t)(room *= 2), 1);
    used += got = fread(text + used, 1, room - used - 1, file);
  }
  if (ferror(file)) refuse("'%s' cannot be read to its end: check the disk", path);
  if ((used > most || memchr(text, 0, used)) && !strcmp(file_kind(path), "store"))
    refuse("'%s' is a store: `lnsp store log %s` shows it", path, path);
  if (used > most)
    refuse("'%s' is too large for a text: give one of at most %zu bytes", path, most);
  if (memchr(text, 0, used))
    refuse("'%s' is not a text, it has a zero byte: give a text", path);
  fclose(file);
  text[used] = 0;
  if (size) *size = used;
  return text;
}

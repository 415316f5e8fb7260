/* Whether a file is there, and its text. */
#include "cli/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/refuse.h"

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
  if (used > most)
    refuse("'%s' is too large for a text: give one of at most %zu bytes", path, most);
  if (memchr(text, 0, used))
    refuse("'%s' is not a text, it has a zero byte: give a text", path);
  fclose(file);
  text[used] = 0;
  if (size) *size = used;
  return text;
}

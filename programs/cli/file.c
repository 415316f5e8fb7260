/* Whether a file is there, and its text. */
#include "cli/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

char *file_load_text(const args *a, const char *path, size_t most, size_t *size) {
  FILE *file = fopen(path, "rb");
  size_t room = 1 << 16, used = 0, got = 1;
  char *text = malloc(room);
  int failed;

  if (!file) {
    free(text);
    refuse(a, "%s cannot be read: %s", path, strerror(errno));
    return NULL;
  }
  while (text && got && used <= most) {
    if (used + 1 == room) {
      char *more = realloc(text, room *= 2);
      if (!more) free(text);
      text = more;
    }
    if (text) used += got = fread(text + used, 1, room - used - 1, file);
  }
  failed = ferror(file);
  fclose(file);
  if (text && !failed && used <= most && !memchr(text, 0, used)) {
    text[used] = 0;
    if (size) *size = used;
    return text;
  }
  if (!text)
    refuse_memory(a);
  else if (failed || used > most)
    refuse(a,
           failed ? "%s cannot be read to its end"
                  : "%s cannot be read: it is too large for a text",
           path);
  else
    refuse(a, "%s is not a text: it has a zero byte", path);
  free(text);
  return NULL;
}

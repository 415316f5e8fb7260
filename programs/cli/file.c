/* Whether a file is there, and texts from files. */
#include "cli/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

char *file_load_text(const char *path) {
  enum { TEXT_MOST = 1 << 20 };
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  size_t got;

  if (!file) return NULL;
  text = malloc(TEXT_MOST + 1);
  if (text) {
    got = fread(text, 1, TEXT_MOST + 1, file);
    if (got > TEXT_MOST || ferror(file) || memchr(text, 0, got)) {
      free(text);
      text = NULL;
    } else {
      text[got] = 0;
    }
  }
  fclose(file);
  return text;
}

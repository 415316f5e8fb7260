/* What ids stand for: a file of lines with tabs. */
#include "index/texts.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"

#define TEXTS_COLUMNS 64

/* The whole file, with a zero behind it. */
static int texts_load(const args *a, const char *path, char **bytes, size_t *size) {
  FILE *file = fopen(path, "rb");
  size_t room = 1 << 16, used = 0, got = 1;
  char *at = malloc(room), *more;

  *bytes = NULL;
  if (!file) {
    free(at);
    return refuse(a, "%s cannot be read: %s", path, strerror(errno));
  }
  while (at && got) {
    if (used + 1 == room) {
      more = room > (size_t)1 << 32 ? NULL : realloc(at, room *= 2);
      if (!more) free(at);
      at = more;
    }
    if (at) used += got = fread(at + used, 1, room - used - 1, file);
  }
  fclose(file);
  if (!at) return refuse(a, "%s does not fit into memory", path);
  at[used] = 0;
  *bytes = at;
  *size = used;
  return 0;
}

/* Cuts a line at its tabs; how many parts. */
static int texts_cut(char *line, char *part[TEXTS_COLUMNS]) {
  int count = 0;
  while (line && count < TEXTS_COLUMNS) {
    part[count++] = line;
    line = strchr(line, '\t');
    if (line) *line++ = 0;
  }
  return count;
}

/* Which columns of the header line --columns names, in its order; without, all but the id. */
static int texts_columns(const args *a, char *const *part, int count, int *shown,
                         int *shown_count) {
  const char *names = args_value(a, "--columns");
  int i;

  *shown_count = 0;
  for (i = 1; i < count && !names; i++) shown[(*shown_count)++] = i;
  while (names && *names) {
    const size_t length = strcspn(names, ",");
    for (i = 0; i < count; i++)
      if (strlen(part[i]) == length && !memcmp(part[i], names, length)) break;
    if (i == count || *shown_count == TEXTS_COLUMNS)
      return refuse(a, "--texts has no column \"%.*s\" in its first line", (int)length, names);
    shown[(*shown_count)++] = i;
    names += length + (names[length] == ',');
  }
  return 0;
}

/* The shown parts side by side, where the line was: they only move to the left, or are put
 * together in a buffer first if --columns turns them round. */
static const char *texts_join(char *line, size_t room, char *const *part, int count,
                              const int *shown, int shown_count) {
  char *buffer = malloc(room + 2 * TEXTS_COLUMNS + 1);
  size_t used = 0;
  int i;

  if (!buffer) return NULL;
  for (i = 0; i < shown_count; i++) {
    const char *text = shown[i] < count ? part[shown[i]] : "";
    const size_t length = strlen(text), gap = i ? 2 : 0;
    if (used + gap + length > room) break;
    memcpy(buffer + used, "  ", gap);
    memcpy(buffer + used + gap, text, length);
    used += gap + length;
  }
  memcpy(line, buffer, used);
  line[used] = 0;
  free(buffer);
  return line;
}

static int texts_order(const void *a, const void *b) {
  const text_line *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}

/* With a first column `id` lines say which they are; else they are numbered from 0. */
static int texts_lines(const args *a, texts *t) {
  char *part[TEXTS_COLUMNS], *next = t->bytes;
  int shown[TEXTS_COLUMNS] = {0}, shown_count = 0, named = 0, status = 0;
  int64_t number = 0;

  if (!strncmp(next, "id\t", 3)) {
    int count;
    next = strchr(next, '\n');
    if (next) *next++ = 0;
    named = 1;
    count = texts_cut(t->bytes, part);
    status = texts_columns(a, part, count, shown, &shown_count);
  } else if (args_value(a, "--columns")) {
    status = refuse(a, "--columns needs a first line in --texts that begins with id and names "
                       "them");
  }
  for (; next && *next && !status; number++) {
    char *line = next, *end = NULL;
    const size_t length = strcspn(line, "\n");
    text_line *to = &t->lines[t->count];
    next = line[length] ? line + length + 1 : NULL;
    line[length] = 0;
    to->id = number;
    to->text = line;
    if (named) {
      const int count = texts_cut(line, part);
      errno = 0;
      to->id = strtoll(part[0], &end, 10);
      if (errno || end == part[0] || *end)
        return refuse(a, "--texts: line %lld begins with \"%.40s\", which is no id",
                      (long long)number + 2, part[0]);
      to->text = texts_join(line, length, part, count, shown, shown_count);
      if (!to->text) return refuse_memory(a);
    }
    t->count++;
  }
  qsort(t->lines, t->count, sizeof *t->lines, texts_order);
  return status;
}

int texts_open(const args *a, texts *t) {
  const char *path = args_value(a, "--texts"), *at;
  size_t size = 0, lines = 1;
  int status;

  memset(t, 0, sizeof *t);
  if (!path) return 0;
  status = texts_load(a, path, &t->bytes, &size);
  if (status) return status;
  if (memchr(t->bytes, 0, size)) return refuse(a, "%s is no text: it has a zero byte", path);
  for (at = t->bytes; (at = strchr(at, '\n')) != NULL; at++) lines++;
  t->lines = malloc(lines * sizeof *t->lines);
  return t->lines ? texts_lines(a, t) : refuse_memory(a);
}

const char *texts_find(const texts *t, int64_t id) {
  text_line key;
  const text_line *found;
  if (!t->count) return NULL;
  key.id = id;
  key.text = NULL;
  found = bsearch(&key, t->lines, t->count, sizeof *t->lines, texts_order);
  return found ? found->text : NULL;
}

void texts_close(texts *t) {
  free(t->lines);
  free(t->bytes);
}

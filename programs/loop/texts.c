/* Texts of concepts: a file of lines, one a row; with columns, behind tabs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/refuse.h"
#include "index/texts.h"
#include "loop/loop.h"

#define TEXTS_COLUMNS 8 /* most that are joined */

typedef struct texts_columns {
  int count;
  int64_t number[TEXTS_COLUMNS]; /* from 0 */
} texts_columns;

/* The whole file with a zero behind it. */
static int texts_read(const args *a, const char *path, char **out, size_t *length) {
  FILE *file = fopen(path, "rb");
  size_t room = 1 << 16;
  char *bytes = malloc(room), *more;
  int failed;

  *length = 0;
  if (!file) {
    free(bytes);
    return refuse(a, "no file %s with texts", path);
  }
  while (bytes && (*length += fread(bytes + *length, 1, room - *length, file)) == room) {
    more = realloc(bytes, room * 2);
    if (!more) free(bytes);
    bytes = more;
    room *= 2;
  }
  failed = ferror(file);
  fclose(file);
  if (!bytes) return refuse_memory(a);
  *out = bytes;
  bytes[*length] = 0;
  if (failed) return refuse(a, "%s cannot be read", path);
  return memchr(bytes, 0, *length) ? refuse(a, "%s is no text: it has a zero byte", path) : 0;
}

/* Cuts into lines, with or without \r; *count of them. */
static char **texts_lines(char *bytes, size_t length, int64_t *count) {
  char **line, *at, *end;
  int64_t n = 0;

  for (at = bytes; (at = strchr(at, '\n')) != NULL; at++) n++;
  *count = n + (length > 0 && bytes[length - 1] != '\n');
  line = malloc((size_t)(*count + 1) * sizeof *line);
  for (n = 0, at = bytes; line && n < *count; n++, at = end + 1) {
    line[n] = at;
    end = strchr(at, '\n');
    if (!end) end = bytes + length;
    *end = 0;
    if (end > at && end[-1] == '\r') end[-1] = 0;
  }
  return line;
}

/* Field of this number in a line: where it begins, and its length; NULL: there is none. */
static const char *texts_field(const char *line, int64_t number, size_t *length) {
  for (; number > 0; number--) {
    line = strchr(line, '\t');
    if (!line) return NULL;
    line++;
  }
  *length = strcspn(line, "\t");
  return line;
}

static int64_t texts_column(const char *head, const char *name, size_t name_length) {
  const char *field;
  size_t length = 0;
  int64_t i;
  for (i = 0; (field = texts_field(head, i, &length)) != NULL; i++)
    if (length == name_length && !memcmp(field, name, length)) return i;
  return -1;
}

/* "lemma,gloss" in the first line. */
static int texts_choose(const args *a, const char *names, const char *head, texts_columns *c) {
  while (*names) {
    const size_t length = strcspn(names, ",");
    const int64_t found = texts_column(head, names, length);
    if (found < 0 || c->count == TEXTS_COLUMNS)
      return refuse(a,
                    "--texts: the first line has no column \"%.*s\", or more than %d are "
                    "named; its columns, behind tabs, are: %.200s",
                    (int)length, names, TEXTS_COLUMNS, head);
    c->number[c->count++] = found;
    names += length + (names[length] == ',');
  }
  return 0;
}

/* Leaves the chosen fields in the line, with ": " between them. They may be chosen in any
 * order, so that they are put together aside. */
static int texts_pick(const args *a, char *line, const texts_columns *c, char *aside) {
  size_t used = 0, length = 0;
  int i;

  for (i = 0; i < c->count; i++) {
    const char *field = texts_field(line, c->number[i], &length);
    if (!field)
      return refuse(a, "--texts: the line \"%.60s\" has no column number %lld", line,
                    (long long)c->number[i] + 1);
    if (i) {
      memcpy(aside + used, ": ", 2);
      used += 2;
    }
    memcpy(aside + used, field, length);
    used += length;
  }
  aside[used] = 0;
  return 0;
}

/* Lines become their chosen fields; bytes are replaced by a block that has them. */
static int texts_pick_all(loop_texts *t, const args *a, size_t length, int64_t rows,
                          const texts_columns *c) {
  char *block = malloc(length * (size_t)c->count + (size_t)rows * 24 + 1), *to = block;
  int64_t r;
  int status = block ? 0 : refuse_memory(a);

  for (r = 0; r < rows && !status; r++) {
    status = texts_pick(a, t->line[r], c, to);
    t->line[r] = to;
    to += status ? 0 : strlen(to) + 1;
  }
  free(t->bytes);
  t->bytes = block;
  return status;
}

static int texts_load_columns(loop_texts *t, const args *a, const char *path, const char *names,
                              int64_t rows) {
  static const char *const usual[] = {"text", "sentence", "concept", "lemma", "name"};
  texts_columns c;
  size_t length = 0, i;
  int64_t count = 0;
  int status = texts_read(a, path, &t->bytes, &length);

  memset(&c, 0, sizeof c);
  if (status) return status;
  t->line = texts_lines(t->bytes, length, &count);
  if (!t->line) return refuse_memory(a);
  if (count != rows + 1 && (names || count != rows))
    return refuse(a,
                  "%s has %lld lines for %lld vectors; give a text for each row, and before "
                  "them a line of column names if you like",
                  path, (long long)count, (long long)rows);
  if (names) status = texts_choose(a, names, t->line[0], &c);
  for (i = 0; !names && count == rows + 1 && !c.count && i < sizeof usual / sizeof *usual; i++)
    if ((c.number[0] = texts_column(t->line[0], usual[i], strlen(usual[i]))) >= 0) c.count = 1;
  if (count == rows + 1) memmove(t->line, t->line + 1, (size_t)rows * sizeof *t->line);
  return status || !c.count ? status : texts_pick_all(t, a, length, rows, &c);
}

int loop_texts_open(loop_texts *t, const args *a, const char *spec, int64_t rows) {
  const char *colon = spec ? strrchr(spec, ':') : NULL, *names = args_value(a, "--columns");
  int safetensors = 0, status;
  char *path;

  memset(t, 0, sizeof *t);
  if (!spec)
    return names ? refuse_usage(a, "--columns are of the texts: give --texts FILE") : 0;
  if (names || !colon || file_exists(spec, &safetensors))
    return texts_load_columns(t, a, spec, names, rows);
  path = malloc(strlen(spec) + 1);
  if (!path) return refuse_memory(a);
  memcpy(path, spec, (size_t)(colon - spec));
  path[colon - spec] = 0;
  status = texts_load_columns(t, a, path, colon + 1, rows);
  free(path);
  return status;
}

void loop_texts_close(loop_texts *t) {
  free(t->bytes);
  free(t->line);
  memset(t, 0, sizeof *t);
}

/* Texts for ids or rows, from a file of lines whose columns are separated by tabs. */
#include "data/texts.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/file.h"
#include "cli/refuse.h"

#define TEXTS_COLUMNS 64
#define TEXTS_GAP 2 /* characters between two columns */

typedef struct texts_columns {
  int count, number[TEXTS_COLUMNS]; /* from 0 */
  const char *gap;
} texts_columns;

/* Cuts the file into lines, with or without \r, numbered from 0. */
static void texts_load(const char *path, texts *t) {
  size_t size = 0;
  int64_t lines = 1;
  char *at, *end;

  t->bytes = file_load_text(path, (size_t)1 << 33, &size);
  for (at = t->bytes; (at = strchr(at, '\n')) != NULL; at++) lines++;
  t->line = memory_new(lines, sizeof *t->line);
  for (at = t->bytes; at < t->bytes + size; at = end + 1) {
    end = strchr(at, '\n');
    if (!end) end = t->bytes + size;
    *end = 0;
    if (end > at && end[-1] == '\r') end[-1] = 0;
    t->line[t->count].text = at;
    t->line[t->count].id = (int64_t)t->count;
    t->count++;
  }
}

/* Column of this number in a line: where it begins, and its length; NULL: there is none. */
static const char *texts_field(const char *line, int number, size_t *length) {
  for (; number > 0; number--) {
    line = strchr(line, '\t');
    if (!line) return NULL;
    line++;
  }
  *length = strcspn(line, "\t");
  return line;
}

static int texts_column(const char *head, const char *name, size_t name_length) {
  const char *field;
  size_t length = 0;
  int i;
  for (i = 0; (field = texts_field(head, i, &length)) != NULL; i++)
    if (length == name_length && !memcmp(field, name, length)) return i;
  return -1;
}

/* The columns of "lemma,gloss" in the first line, in the order of the names. */
static void texts_choose(const char *names, const char *head, texts_columns *c) {
  while (*names) {
    const size_t length = strcspn(names, ",");
    const int found = texts_column(head, names, length);
    if (found < 0)
      refuse("--texts: the first line has no column '%.*s': name some of its columns, %.150s",
             (int)length, names, head);
    if (c->count == TEXTS_COLUMNS)
      refuse("--columns names more than %d columns: leave some out", TEXTS_COLUMNS);
    c->number[c->count++] = found;
    names += length + (names[length] == ',');
  }
}

/* Each line becomes its chosen columns, in a block of their own: they may be chosen in any
 * order. */
static void texts_pick(texts *t, const texts_columns *c) {
  size_t room = 1, i, length;
  char *block, *to;
  int k;

  for (i = 0; i < t->count; i++) room += (size_t)c->count * (strlen(t->line[i].text) + 3) + 1;
  block = to = memory_new((int64_t)room, 1);
  for (i = 0; i < t->count; i++) {
    const char *line = t->line[i].text;
    t->line[i].text = to;
    for (k = 0; k < c->count; k++) {
      const char *field = texts_field(line, c->number[k], &length);
      if (k) memcpy(to, c->gap, TEXTS_GAP);
      if (k) to += TEXTS_GAP;
      if (field) memcpy(to, field, length);
      if (field) to += length;
    }
    *to++ = 0;
  }
  free(t->bytes);
  t->bytes = block;
}

/* Drops the line of column names. */
static void texts_drop_head(texts *t) {
  size_t i;
  t->count--;
  memmove(t->line, t->line + 1, t->count * sizeof *t->line);
  for (i = 0; i < t->count; i++) t->line[i].id = (int64_t)i;
}

static int texts_order(const void *a, const void *b) {
  const text_line *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}

void texts_open(const args *a, texts *t) {
  const char *path = args_value(a, "--texts"), *names = args_value(a, "--columns"), *at;
  texts_columns c = {0, {0}, "  "};
  size_t i;

  memset(t, 0, sizeof *t);
  if (!path) return;
  texts_load(path, t);
  if (!t->count || strncmp(t->line[0].text, "id\t", 3)) {
    if (names)
      refuse("--columns needs names of columns: begin the first line of '%s' with id and name "
             "the others, separated by tabs",
             path);
    return;
  }
  if (names) texts_choose(names, t->line[0].text, &c);
  at = t->line[0].text;
  for (; !names && c.count < TEXTS_COLUMNS && (at = strchr(at, '\t')) != NULL; at++) {
    c.number[c.count] = c.count + 1;
    c.count++;
  }
  texts_drop_head(t);
  for (i = 0; i < t->count; i++) {
    char *end = NULL;
    errno = 0;
    t->line[i].id = strtoll(t->line[i].text, &end, 10);
    if (errno || end == t->line[i].text || (*end && *end != '\t'))
      refuse("line %lld of '%s' begins with '%.40s', which is not an id: begin each line with "
             "a whole number and a tab",
             (long long)i + 2, path, t->line[i].text);
  }
  texts_pick(t, &c);
  qsort(t->line, t->count, sizeof *t->line, texts_order);
}

void texts_open_rows(const args *a, int64_t rows, texts *t) {
  static const char *const usual[] = {"text", "sentence", "concept", "lemma", "name"};
  const char *spec = args_value(a, "--texts"), *names = args_value(a, "--columns"), *colon;
  texts_columns c = {0, {0}, ": "};
  char *path;
  size_t i;
  int safetensors = 0, head, found;

  memset(t, 0, sizeof *t);
  if (!spec) return;
  colon = strrchr(spec, ':');
  if (names || (colon && file_exists(spec, &safetensors))) colon = NULL;
  path = memory_text(spec, colon ? (size_t)(colon - spec) : strlen(spec));
  texts_load(path, t);
  head = (int64_t)t->count == rows + 1;
  if (colon) names = colon + 1;
  if (!head && (names || (int64_t)t->count != rows))
    refuse("'%s' has %lld lines for %lld vectors: give one line for each row, after at most "
           "one line with the names of columns",
           path, (long long)t->count, (long long)rows);
  free(path);
  if (!head) return;
  if (names) texts_choose(names, t->line[0].text, &c);
  for (i = 0; !names && !c.count && i < sizeof usual / sizeof *usual; i++) {
    found = texts_column(t->line[0].text, usual[i], strlen(usual[i]));
    if (found >= 0) c.number[c.count++] = found;
  }
  texts_drop_head(t);
  if (c.count) texts_pick(t, &c);
}

const char *texts_find(const texts *t, int64_t id) {
  const text_line key = {id, NULL};
  const text_line *found =
      t->count ? bsearch(&key, t->line, t->count, sizeof *t->line, texts_order) : NULL;
  return found ? found->text : NULL;
}

void texts_close(texts *t) {
  free(t->line);
  free(t->bytes);
}

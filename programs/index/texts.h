/* What ids stand for. */
#ifndef INDEX_TEXTS_H
#define INDEX_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/args.h"

/* ---- texts: what ids stand for ---- */

typedef struct text_line {
  int64_t id;
  const char *text;
} text_line;

typedef struct texts {
  char *bytes;
  text_line *lines; /* by id */
  size_t count;
} texts;

/* --texts FILE and --columns A,B; nothing without. 0 or an exit status. */
int texts_open(const args *a, texts *t);
const char *texts_find(const texts *t, int64_t id); /* NULL: none */
void texts_close(texts *t);

#endif

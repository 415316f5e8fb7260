/* Texts for ids or rows, from a file of lines. */
#ifndef DATA_TEXTS_H
#define DATA_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/args.h"

typedef struct text_line {
  int64_t id; /* or row */
  const char *text;
} text_line;

typedef struct texts {
  char *bytes; /* the file, or the columns that were chosen from it */
  text_line *line; /* by id; NULL: no texts */
  size_t count;
} texts;

/* Both read --texts and --columns, and nothing without --texts. */

/* Texts by id: where the first line begins with "id", each line begins with its own id and
 * --columns names what is shown of it; else lines are numbered from 0. */
void texts_open(const args *a, texts *t);
/* One text for each row, before them perhaps a line of column names. --texts may be
 * FILE:COLUMN,COLUMN. */
void texts_open_rows(const args *a, int64_t rows, texts *t);
const char *texts_find(const texts *t, int64_t id); /* NULL: none */
void texts_close(texts *t);

#endif

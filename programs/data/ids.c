/* Columns of integers: the ids of networks that begin with some, and masks. A row is a
 * sequence. */
#include "data/ids.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/row_index.h"
#include "lnsp.h"

#define IDS_NAMES 5
static const char *const ids_names[IDS_NAMES] = {"ids", "mask", "anchor_mask", "positive_mask",
                                                 "negative_mask"};

int data_ids_integer(const lnsp_tensor *shape) {
  return shape->dtype >= LNSP_I8 && shape->dtype <= LNSP_BOOL;
}

static const data_column *ids_find(const data *d, const char *name) {
  int i;
  for (i = 0; i < d->count; i++)
    if (!strcmp(d->column[i].name, name)) return &d->column[i];
  return NULL;
}

const char *data_input(const data *d) {
  return ids_find(d, "ids") && !ids_find(d, "input") ? "ids" : "input";
}

int data_ids_add(data *d, const char *name, lnsp_file *file, const row_index *index) {
  data_column *c = &d->column[d->count];
  lnsp_tensor shape;
  lnsp_error error;

  if (lnsp_file_tensor(file, name, &shape, &error)) return refuse_error(d->args, NULL, &error);
  if (shape.rank != 2 || !data_ids_integer(&shape))
    return refuse(d->args, "tensor %s must hold integers, [rows, concepts]", name);
  if (index && index->columns != 1)
    return refuse(d->args,
                  "a row of tensor %s is a sequence already: give --rows one number "
                  "a row",
                  name);
  memset(c, 0, sizeof *c);
  c->name = name;
  c->file = file;
  c->tensor = strdup(name);
  if (!c->tensor) return refuse_memory(d->args);
  d->count++; /* from here on data_close frees it */
  c->integers = 1;
  c->stored_rows = shape.dims[0];
  c->rows = index ? index->count : shape.dims[0];
  c->rank = 2;
  c->concepts = shape.dims[1];
  c->width = 1;
  c->index = index;
  c->same_as = -1;
  if (!c->rows || !c->concepts)
    return refuse(d->args, "tensor %s has no rows; give data with at least one", name);
  if (c->rows > d->max_rows) d->max_rows = c->rows;
  if (c->concepts > d->max_concepts) d->max_concepts = c->concepts;
  return index ? row_index_check(d, c, "--rows") : 0;
}

int data_ids_open(data *d, lnsp_file *file, const row_index *index) {
  lnsp_tensor shape;
  lnsp_error error;
  int i, status;
  /* Tokenizers' own names: left out, they would make padding count as concepts. */
  static const char *const pairs[][2] = {{"input_ids", "ids"}, {"attention_mask", "mask"}};
  size_t k;

  for (k = 0; k < sizeof pairs / sizeof *pairs; k++)
    if (!lnsp_file_tensor(file, pairs[k][0], &shape, NULL) &&
        lnsp_file_tensor(file, pairs[k][1], &shape, NULL))
      return refuse(d->args, "the data have a tensor %s; call it `%s`", pairs[k][0],
                    pairs[k][1]);
  status = 0;

  for (i = 0; i < IDS_NAMES && !status; i++)
    if (!lnsp_file_tensor(file, ids_names[i], &shape, &error))
      status = data_ids_add(d, ids_names[i], file, index);
  return status;
}

/* Masks go with what is read. */
int data_ids_need_masks(data *d) {
  static const char *const pairs[][2] = {{"mask", "input"},
                                         {"mask", "ids"},
                                         {"anchor_mask", "anchor"},
                                         {"positive_mask", "positive"},
                                         {"negative_mask", "negative"}};
  size_t i;
  int status = 0;

  for (i = 0; i < sizeof pairs / sizeof *pairs && !status; i++) {
    const data_column *mask = ids_find(d, pairs[i][0]), *of = ids_find(d, pairs[i][1]);
    if (mask && !mask->needed && of && of->needed) status = data_need(d, pairs[i][0]);
  }
  return status;
}

int data_ids_read(const data *d, const data_column *c, const int32_t *order, int64_t first,
                  int64_t count) {
  int64_t *to = (int64_t *)(void *)c->buffer, r;
  lnsp_error error;

  for (r = first; r < first + count; r++, to += c->concepts) {
    int64_t row = order ? order[r] : r;
    if (c->index) row = c->index->row[row];
    if (lnsp_file_read(c->file, c->tensor, row * c->concepts, c->concepts, LNSP_I64, to,
                       &error))
      return refuse_error(d->args, NULL, &error);
  }
  return 0;
}

/* Columns of integers: the ids of networks that begin with some, and masks. A row is a
 * sequence. */

#include "cli/refuse.h"
#include "data/data.h"
#include "data/tensor.h"
#include "lnsp.h"

#define IDS_NAMES 5
static const char *const ids_names[IDS_NAMES] = {"ids", "mask", "anchor_mask", "positive_mask",
                                                 "negative_mask"};

int data_ids_integer(const lnsp_tensor *shape) {
  return shape->dtype >= LNSP_I8 && shape->dtype <= LNSP_BOOL;
}

const char *data_input(data *d) {
  return data_find(d, "ids") && !data_find(d, "input") ? "ids" : "input";
}

void data_ids_add(data *d, const char *name, lnsp_file *file, const row_index *index) {
  const lnsp_tensor shape = tensor_find(file, data_path(d, file), name);
  data_column *c;

  if (shape.rank != 2 || !data_ids_integer(&shape))
    refuse("tensor '%s' of '%s' must hold integers [rows, concepts]: write it so", name,
           data_path(d, file));
  if (index && index->columns != 1)
    refuse("a row of tensor '%s' is a sequence already: give --rows one number a row", name);
  c = data_column_new(d, name, file, name, index, &shape);
  c->integers = 1;
  c->rank = 2;
  c->concepts = shape.dims[1];
  c->width = 1;
  data_column_end(d, c);
  if (index) row_index_check(index, "--rows", name, c->stored_rows);
}

void data_ids_open(data *d, lnsp_file *file, const row_index *index) {
  /* Tokenizers' own names: left out, they would make padding count as concepts. */
  static const char *const pairs[][2] = {{"input_ids", "ids"}, {"attention_mask", "mask"}};
  lnsp_tensor shape;
  size_t k;

  for (k = 0; k < sizeof pairs / sizeof *pairs; k++)
    if (!lnsp_file_tensor(file, pairs[k][0], &shape, NULL) &&
        lnsp_file_tensor(file, pairs[k][1], &shape, NULL))
      refuse("'%s' has a tensor '%s': name it '%s' instead", data_path(d, file), pairs[k][0],
             pairs[k][1]);
  for (k = 0; k < IDS_NAMES; k++)
    if (!lnsp_file_tensor(file, ids_names[k], &shape, NULL))
      data_ids_add(d, ids_names[k], file, index);
}

/* Masks go with what is read. */
void data_ids_need_masks(data *d) {
  static const char *const pairs[][2] = {{"mask", "input"},
                                         {"mask", "ids"},
                                         {"anchor_mask", "anchor"},
                                         {"positive_mask", "positive"},
                                         {"negative_mask", "negative"}};
  size_t i;

  for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    const data_column *mask = data_find(d, pairs[i][0]), *of = data_find(d, pairs[i][1]);
    if (mask && !mask->needed && of && of->needed) data_need(d, pairs[i][0]);
  }
}

void data_ids_read(const data_column *c, const int32_t *order, int64_t first, int64_t count) {
  int64_t *to = (int64_t *)(void *)c->buffer, r;
  lnsp_error error;

  for (r = first; r < first + count; r++, to += c->concepts) {
    int64_t row = order ? order[r] : r;
    if (c->index) row = c->index->row[row];
    refuse_if(lnsp_file_read(c->file, c->tensor, row * c->concepts, c->concepts, LNSP_I64, to,
                             &error),
              NULL, &error);
  }
}

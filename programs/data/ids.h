/* Columns of integers: ids and masks. For data.c alone. */
#ifndef DATA_IDS_H
#define DATA_IDS_H

#include "data/data.h"
#include "lnsp.h"

int data_ids_integer(const lnsp_tensor *shape);
/* A column of this name; then all those of ids and masks that are there. */
int data_ids_add(data *d, const char *name, lnsp_file *file, const row_index *index);
int data_ids_open(data *d, lnsp_file *file, const row_index *index);
int data_ids_read(const data *d, const data_column *c, const int32_t *order, int64_t first,
                  int64_t count);
/* Says that the masks of what will be read will be read, too. */
int data_ids_need_masks(data *d);

#endif

/* Vectors with ids, row-major as files have them, and the search for the nearest. */
#ifndef LNSPI_INDEX_INDEX_H
#define LNSPI_INDEX_INDEX_H

#include "base/block.h"
#include "base/progress.h"
#include "kernels/dispatch.h"

#define LNSPI_INDEX_BYTES 384  /* counted for the handles' structs on every host */
#define LNSPI_INDEX_WIDTH 65536

struct lnsp_index {
  lnspi_block block;
  const lnspi_kernels *k;
  int32_t owners;  /* the index itself and its searches */
  int32_t dtype;   /* LNSP_F32, LNSP_F16 or LNSP_I8 */
  int32_t keep;    /* 1: vectors keep their length; 0: they get length 1 */
  int32_t borrowed; /* 1: vectors, ids and scales are in memory that is only read */
  int64_t width, capacity, count;
  void *vectors;   /* [count][width]; only read where borrowed                     */
  int64_t *ids;    /* NULL: the id of a vector is its row                          */
  float *scales;   /* of I8, else NULL                                             */
  int32_t *order;  /* rows in the order of their ids; NULL: that is their order    */
  int32_t *spare;  /* room for as many, for add                                    */
  float *row;      /* one vector, for add                                          */
};

static inline int64_t lnspi_index_id(const lnsp_index *index, int64_t row) {
  return index->ids ? index->ids[row] : row;
}

/* The kernel set of an index. error is not NULL, and has the code if this returns NULL. */
static inline const lnspi_kernels *lnspi_index_kernels(const char *isa, int32_t dtype,
                                                       lnsp_error *error) {
  return lnspi_dispatch_select_for(isa,
                                   dtype == LNSP_I8 ? LNSPI_DISPATCH_INT8_NO_AMX
                                                    : LNSPI_DISPATCH_FLOATS,
                                   error);
}

/* settings: already read, with the capacity. */
int32_t lnspi_index_measure(const lnsp_index_options *settings, uint64_t *bytes,
                            lnsp_error *error);
int32_t lnspi_index_create(const lnsp_index_options *settings, const lnsp_options *options,
                           lnsp_index **out, lnsp_error *error);
void lnspi_index_release(lnsp_index *index);

/* The place of an id in the order, or -1 - (the place where it would be). */
int64_t lnspi_index_find(const lnsp_index *index, int64_t id);

/* The row at a place in the order. */
static inline int64_t lnspi_index_row(const lnsp_index *index, int64_t place) {
  return index->order ? index->order[place] : place;
}

/* Vector number row as float32. */
void lnspi_index_vector(const lnsp_index *index, int64_t row, float *out);

/* Merges rows first to first + count - 1, whose ids are set, into the order of the first ones.
 * Refuses a negative id and one that is there already, with the status `code`. */
int32_t lnspi_index_sort(lnsp_index *index, int64_t first, int64_t count, int32_t code,
                         lnsp_error *error);

/* Row r of a tensor [n, width] (checked), as contiguous float32. */
void lnspi_index_gather(const lnsp_tensor *tensor, int64_t r, int64_t width, float *out);

/* Refuses a tensor that is not [any, width] of this type; *rows: how many it has. */
int32_t lnspi_index_shape(const lnsp_tensor *tensor, const char *name, int32_t dtype,
                          int64_t width, int64_t *rows, lnsp_error *error);

/* Refuses a vector that is not finite, or whose length cannot be normalised; with keep, only
 * one that is too long for sums. */
int32_t lnspi_index_check(const lnspi_kernels *k, const float *x, int64_t width, int keep,
                          const char *name, int64_t r, lnsp_error *error);

/* The codes of a vector; returns the scale with which they have length 1. */
float lnspi_index_quantise(int8_t *codes, const float *x, int64_t width);
int32_t lnspi_index_add(lnsp_index *index, const lnsp_tensor *vectors, const int64_t *ids,
                        lnsp_error *error);
int32_t lnspi_index_remove(lnsp_index *index, const int64_t *ids, int64_t count,
                           lnsp_error *error);

#endif

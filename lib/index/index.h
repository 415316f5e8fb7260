/* Vectors with ids, row-major as files have them, and the search for the nearest. */
#ifndef LNSPI_INDEX_INDEX_H
#define LNSPI_INDEX_INDEX_H

#include "base/memory.h"
#include "base/tasks.h"
#include "format/file.h"
#include "kernels/kernels.h"

#define LNSPI_INDEX_BYTES 384  /* counted for the handles' structs on every host */
#define LNSPI_SEARCH_BYTES 512
#define LNSPI_SEARCH_PART_BYTES 64
#define LNSPI_INDEX_WIDTH 65536

struct lnsp_index {
  lnspi_block block;
  const lnspi_kernels *k;
  int32_t owners, dtype, keep, borrowed;
  int64_t width, capacity, count;
  void *vectors;   /* [count][width]; only read where borrowed                     */
  int64_t *ids;    /* NULL: the id of a vector is its row                          */
  float *scales;   /* of I8, else NULL                                             */
  int32_t *order;  /* rows in the order of their ids; NULL: as they are            */
  int32_t *spare;  /* as many, for add                                             */
  float *row;      /* one vector, for add                                          */
};

static inline int64_t lnspi_index_id(const lnsp_index *index, int64_t row) {
  return index->ids ? index->ids[row] : row;
}

/* The kernel set; for I8 also one that differs in int8 alone, but no AMX: it would not be
 * used. problem is not NULL, and has the code where there is none. */
static inline const lnspi_kernels *lnspi_index_kernels(const char *isa, int32_t dtype,
                                                       lnsp_problem *problem) {
  return lnspi_kernels_pick_for(isa, dtype == LNSP_I8 ? 2 : 0, problem);
}

/* settings: already read, capacity known. */
int32_t lnspi_index_measure(const lnsp_index_settings *settings, uint64_t *bytes,
                            lnsp_problem *problem);
int32_t lnspi_index_create(const lnsp_index_settings *settings, const lnsp_options *options,
                           lnsp_index **out, lnsp_problem *problem);
void lnspi_index_release(lnsp_index *index);

/* The place of an id in the order, or -1 - the place where it would be; the row there. */
int64_t lnspi_index_find(const lnsp_index *index, int64_t id);
static inline int64_t lnspi_index_row(const lnsp_index *index, int64_t place) {
  return index->order ? index->order[place] : place;
}

/* Vector number row as float32. */
void lnspi_index_vector(const lnsp_index *index, int64_t row, float *out);

/* Rows first to first + count - 1, whose ids are there, into the order, of which `first` are
 * there already. A double id, or a negative one: status code with the problem filled in. */
int32_t lnspi_index_sort(lnsp_index *index, int64_t first, int64_t count, int32_t code,
                         lnsp_problem *problem);

/* Row r of a tensor [n, width] (checked), as contiguous float32. */
void lnspi_index_gather(const lnsp_tensor *tensor, int64_t r, int64_t width, float *out);
/* A tensor [any, width] of this type: its rows. */
int32_t lnspi_index_shape(const lnsp_tensor *tensor, const char *name, int32_t dtype,
                          int64_t width, int64_t *rows, lnsp_problem *problem);
/* Finite, and of a length that can be normalised (or, with keep, summed up). */
int32_t lnspi_index_check(const lnspi_kernels *k, const float *x, int64_t width, int keep,
                          const char *name, int64_t r, lnsp_problem *problem);
/* Codes of a vector and their scale, of which the codes' length is 1. */
float lnspi_index_quantise(int8_t *codes, const float *x, int64_t width);

int32_t lnspi_index_add(lnsp_index *index, const lnsp_tensor *vectors, const int64_t *ids,
                        lnsp_problem *problem);
int32_t lnspi_index_remove(lnsp_index *index, const int64_t *ids, int64_t count,
                           lnsp_problem *problem);

/* file.c. base: the file's bytes in memory, which the index then borrows, or NULL. */
int32_t lnspi_index_open(lnsp_file *file, const void *base,
                         const lnsp_index_settings *settings, const lnsp_options *options,
                         lnsp_index **out, lnsp_problem *problem);
int32_t lnspi_index_save(const lnsp_index *index, const lnsp_sink *sink,
                         lnsp_problem *problem);

/* ---- search.c ---- */

typedef struct lnspi_hit {
  float score;
  int32_t row;
} lnspi_hit;

/* What a task has for itself. */
typedef struct lnspi_search_part {
  float *scores;    /* [queries][LNSPI_SEARCH_ROWS]; I8: as many more */
  float *wide;      /* F16: 16 vectors, widened */
  int32_t *places;
  lnspi_hit *hits;  /* [queries][results], each a heap with the worst on top */
  int32_t *counts;
} lnspi_search_part;

#define LNSPI_SEARCH_ROWS 256

struct lnsp_search {
  lnspi_block block;
  lnsp_index *index;
  lnspi_tasks tasks;
  int32_t queries, results;
  float *x;         /* [queries][width rounded up to 16] */
  int8_t *codes;    /* I8: two lines a query, [2 * queries][width rounded up to 64] */
  float *s;
  int32_t *sum;
  lnspi_search_part *parts;
};

int32_t lnspi_search_measure(const lnsp_index_settings *settings,
                             const lnsp_search_limits *limits, uint64_t *bytes,
                             lnsp_problem *problem);
int32_t lnspi_search_create(lnsp_index *index, const lnsp_search_limits *limits,
                            const lnsp_options *options, lnsp_search **out,
                            lnsp_problem *problem);
int32_t lnspi_search_run(lnsp_search *search, const lnsp_tensor *queries,
                         const lnsp_tensor *without, int32_t results, int64_t *ids,
                         float *scores, lnsp_problem *problem);

#endif

/* The nearest vectors of an index. */
#ifndef LNSPI_INDEX_SEARCH_H
#define LNSPI_INDEX_SEARCH_H

#include "base/tasks.h"
#include "index/index.h"

#define LNSPI_SEARCH_BYTES 512
#define LNSPI_SEARCH_PART_BYTES 64

typedef struct lnspi_search_hit {
  float score;
  int32_t row;
} lnspi_search_hit;

/* The memory of one task. */
typedef struct lnspi_search_part {
  float *scores;    /* [queries][LNSPI_SEARCH_ROWS]; of I8, two lines a query */
  float *wide;      /* F16: 16 vectors, widened; else NULL */
  int32_t *places;  /* rows of the block that are above the level */
  lnspi_search_hit *hits;  /* [queries][results], each a heap with the worst on top */
  int32_t *counts;  /* hits of each query so far */
} lnspi_search_part;

#define LNSPI_SEARCH_ROWS 256

struct lnsp_search {
  lnspi_block block;
  lnsp_index *index;
  lnspi_tasks tasks;
  int32_t queries, results; /* the most that this search was made for */
  float *x;         /* [queries][width rounded up to 16] */
  int8_t *codes;    /* I8: two lines a query, [2 * queries][width rounded up to 64] */
  float *s;         /* I8: scale of each line */
  int32_t *sum;     /* I8: sum of its codes */
  lnspi_search_part *parts; /* one for each task */
};

int32_t lnspi_search_measure(const lnsp_index_options *settings,
                             const lnsp_search_options *limits, uint64_t *bytes,
                             lnsp_error *error);
int32_t lnspi_search_create(lnsp_index *index, const lnsp_search_options *limits,
                            const lnsp_options *options, lnsp_search **out, lnsp_error *error);
/* What a search and a ranking begin with: checks, and the queries loaded. */
int32_t lnspi_search_begin(lnsp_search *search, const lnsp_tensor *queries,
                           const lnsp_tensor *without, int64_t *count, lnsp_error *error);
/* Scores of n vectors (at most LNSPI_SEARCH_ROWS) from row on, with all loaded queries:
 * part->scores[query][vector]. */
void lnspi_search_scores(const lnsp_search *search, const lnspi_search_part *part,
                         int64_t queries, int64_t row, int64_t n);
/* How tasks go over all vectors, at the start of their argument: each task has its share of
 * those from `from` to `end`. */
typedef struct lnspi_search_walk {
  lnsp_search *search;
  int64_t from, end;
  int32_t parts, reserved;
} lnspi_search_walk;
/* The share of a task. */
int64_t lnspi_search_share(const lnspi_search_walk *walk, int32_t number, int64_t *end);
/* Runs a task over all vectors: at once, or in pieces between which the caller may cancel;
 * least: vectors that are worth a task. */
int32_t lnspi_search_all(lnspi_search_walk *walk, int64_t least,
                         void (*task)(void *argument, int32_t index), lnsp_error *error);
int lnspi_search_left_out(const lnsp_tensor *without, int64_t q, int64_t id);
int32_t lnspi_search_run(lnsp_search *search, const lnsp_tensor *queries,
                         const lnsp_tensor *without, int32_t results, int64_t *ids,
                         float *scores, lnsp_error *error);

#endif

/* The plan of a graph for a largest batch: where every value is stored. */
#ifndef LNSPI_RUN_PLAN_H
#define LNSPI_RUN_PLAN_H

#include "graph/graph.h"

enum {
  LNSPI_MODE_REUSE, /* values share buffers; only outputs survive a run */
  LNSPI_MODE_KEEP,  /* every node keeps its value */
  LNSPI_MODE_TRAIN  /* and what it saved for backward */
};

/* Fewest rows of a part of the batch. In a trainer half of the weights must first come
 * from the caches of others, which updated them. */
#define LNSPI_PART_ROWS(mode) ((mode) == LNSPI_MODE_TRAIN ? 16 : 4)

typedef struct lnspi_plan {
  int64_t batch, concepts; /* the most that a pass may have */
  int32_t mode, tasks;     /* tasks: 1 or more */
  /* Floats of each task's own part of saved (unless it trains), scratch and product. */
  int64_t saved_part, scratch_part, product_part;
  int64_t value_floats, saved_floats, scratch_floats, product_floats;
  int64_t uses;          /* of matrices in one backward, at most */
  int64_t *value_offset; /* of each node, in floats, multiples of 16; both are */
  int64_t *saved_offset; /* NULL while only counting */
} lnspi_plan;

/* Counts and, where the offset arrays are given (one entry a node), places. */
int32_t lnspi_plan_make(const lnsp_graph *graph, const lnsp_size_options *limits, int32_t mode,
                        lnspi_plan *plan, lnsp_error *error);

/* Reads limits (nullable, any struct_size), fills in defaults, checks ranges. */
int32_t lnspi_plan_read_sizes(const lnsp_size_options *from, lnsp_size_options *to,
                              lnsp_error *error);

#endif

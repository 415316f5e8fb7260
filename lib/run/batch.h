/* The tensors of one call: found by name, checked, and bound to what needs them. */
#ifndef LNSPI_RUN_BATCH_H
#define LNSPI_RUN_BATCH_H

#include "graph/graph.h"

#define LNSPI_GROUPS 3 /* anchor, positive, negative */
#define LNSPI_DATA 8   /* constant tensors of a loss: target, ... */

/* A constant tensor of a loss. */
typedef struct lnspi_batch_data {
  const char *name;
  int32_t width;
  int32_t every; /* as lnspi_node.every, of the output that it goes with */
  int32_t most;  /* of a set: vectors a row at most; 0: one vector a row */
  int32_t made;  /* 1: a function of the caller makes it, so it is not looked for */
  float *rows;   /* where it is loaded: in the trainer's block, padded to 16 floats */
} lnspi_batch_data;

/* What a call needs. */
typedef struct lnspi_batch_needs {
  int32_t group_count;             /* runs of the network a row: 1 or more */
  int32_t data_count;
  int32_t nothing_else;            /* 1: a tensor of another name is refused */
  int32_t reserved;
  const char *group[LNSPI_GROUPS]; /* "input" or "ids"; or "anchor", "positive", ... */
  lnspi_batch_data data[LNSPI_DATA];
} lnspi_batch_needs;

/* What it got: a view, good as long as the caller's tensors. */
typedef struct lnspi_batch {
  const lnspi_batch_needs *needs;
  int64_t rows, concepts;                 /* of each group */
  const lnsp_tensor *input[LNSPI_GROUPS]; /* never NULL; vectors, or ids */
  const lnsp_tensor *mask[LNSPI_GROUPS];  /* NULL: no padding */
  const lnsp_tensor *data[LNSPI_DATA];    /* NULL where it is made */
  int64_t each[LNSPI_DATA];               /* vectors a row of the output: 1 but for sets */
} lnspi_batch;

/* 1 if the network begins with ids, not with vectors; and the name of what it takes. */
int lnspi_batch_takes_ids(const lnsp_graph *graph);
const char *lnspi_batch_input_name(const lnsp_graph *graph);

/* What running the network needs: its input, and perhaps a mask. */
void lnspi_batch_need_input(const lnsp_graph *graph, lnspi_batch_needs *needs);

/* Checks everything about the tensors but their values, which lnspi_inputs_load reads. */
int32_t lnspi_batch_bind(const lnsp_graph *graph, const lnspi_batch_needs *needs,
                         int64_t max_rows, int64_t max_concepts, const lnsp_tensor *tensors,
                         int32_t count, lnspi_batch *batch, lnsp_error *error);

const lnsp_tensor *lnspi_batch_find(const lnsp_tensor *tensors, int32_t count,
                                    const char *name);

/* Checks one tensor of vectors: type, rank, dims and strides. rows and concepts are set
 * from it, or checked where they are not 0. role names it in messages. */
int32_t lnspi_batch_check_tensor(const lnsp_tensor *tensor, const char *role, int64_t width,
                                 int64_t *rows, int64_t *concepts, lnsp_error *error);

#endif

/* The plan of a graph for a largest batch (where every value lies), and running
 * it forward. Sessions and trainers are built on it. */
#ifndef LNSPI_RUN_ENGINE_H
#define LNSPI_RUN_ENGINE_H

#include "graph/layer.h"
#include "run/state.h"

#define LNSPI_MODE_REUSE 0 /* values share buffers; only outputs survive a run  */
#define LNSPI_MODE_KEEP 1  /* every node keeps its value                         */
#define LNSPI_MODE_TRAIN 2 /* and what it saved for backward                     */

/* Fewest rows of a part of the batch. In a trainer half of the weights must first come
 * from the caches of others, which updated them. */
#define LNSPI_PART_ROWS(mode) ((mode) == LNSPI_MODE_TRAIN ? 16 : 4)

typedef struct lnspi_plan {
  int64_t batch, concepts; /* most */
  int32_t mode, tasks;
  /* of each task's own part of saved (unless it trains), scratch and product */
  int64_t saved_part, scratch_part, product_part;
  int64_t value_floats, saved_floats, scratch_floats, product_floats, uses;
  int64_t *value_offset;   /* of each node, in floats; value and saved may be   */
  int64_t *saved_offset;   /* NULL while measuring                              */
} lnspi_plan;

/* Counts and, where the offset arrays are given (one entry a node), places. */
int32_t lnspi_plan_make(const lnsp_graph *graph, const lnsp_limits *limits, int32_t mode,
                        lnspi_plan *plan, lnsp_problem *problem);

/* Reads limits (nullable, any struct_size), fills in defaults, checks ranges. */
int32_t lnspi_limits_read(const lnsp_limits *from, lnsp_limits *to, lnsp_problem *problem);

typedef struct lnspi_engine {
  const lnspi_kernels *k;
  const lnsp_graph *graph;
  lnspi_plan plan;
  float *values, *saved, *scratch, *product;
  lnspi_tasks tasks;
  /* [batch, concepts] of what was given as a mask; NULL where no layer looks at
   * one, or with one concept a row */
  uint8_t *mask;
  int32_t has_mask, training;
  uint64_t seed, pass; /* of layers that draw by chance when training */
  int64_t batch, concepts; /* of the last forward, 0 before */
} lnspi_engine;

/* Takes the plan's arrays and buffers from the arena (which may only count). */
void lnspi_engine_layout(lnspi_engine *engine, lnspi_arena *arena);

static inline int64_t lnspi_node_ld(const lnsp_graph *graph, int32_t node) {
  return lnspi_round16(graph->nodes[node].width);
}
static inline float *lnspi_engine_value(const lnspi_engine *engine, int32_t node) {
  return engine->values + engine->plan.value_offset[node];
}

/* 1 if every element of a tensor lies within half the address space of the first:
 * then no offset overflows. */
int lnspi_tensor_within_reach(const lnsp_tensor *tensor);

/* Checks a tensor's type, rank, dims and strides; batch and concepts are set from
 * it, or checked where they are not 0. role names it in messages. */
int32_t lnspi_tensor_check(const lnsp_tensor *tensor, const char *role, int64_t width,
                           int64_t *batch, int64_t *concepts, lnsp_problem *problem);

/* 1 if some layer of the graph looks at a mask. */
int lnspi_graph_masks(const lnsp_graph *graph);

/* The same for what goes into the network: "input" F32, or "ids" of integers [rows,
 * concepts] where the network begins with ids. role NULL: that name. */
const char *lnspi_engine_input_name(const lnsp_graph *graph);
int32_t lnspi_engine_check(const lnspi_engine *engine, const lnsp_tensor *tensor,
                           const char *role, int64_t *batch, int64_t *concepts,
                           lnsp_problem *problem);
/* Copies it to rows (of node 0), refusing what is not finite, or no id. */
int32_t lnspi_engine_load(const lnspi_engine *engine, const lnsp_tensor *tensor,
                          const char *role, float *rows, lnsp_problem *problem);
/* The mask of the name, if it was given, of batch rows from row on; all ones if not. It
 * is refused where a layer could not honour it. Rows after those keep what they had. */
int32_t lnspi_engine_load_mask(lnspi_engine *engine, const lnsp_tensor *inputs,
                               int32_t input_count, const char *name, int64_t row,
                               int64_t batch, int64_t concepts, lnsp_problem *problem);

/* Copies a checked tensor's batch * concepts vectors into padded rows, refusing
 * NaN and infinities, and back. tasks may be NULL. */
int32_t lnspi_tensor_load(const lnsp_tensor *tensor, const char *role, const lnspi_kernels *k,
                          const lnspi_tasks *tasks, float *rows, int64_t ld,
                          lnsp_problem *problem);
void lnspi_tensor_store(const lnsp_tensor *tensor, const lnspi_tasks *tasks, const float *rows,
                        int64_t ld);

/* lnspi_kernels_pick_for with a status; bytes: for int8 matrices. */
int32_t lnspi_kernels_choose(const char *isa, int bytes, const lnspi_kernels **out,
                             lnsp_problem *problem);

const lnsp_tensor *lnspi_tensor_find(const lnsp_tensor *tensors, int32_t count,
                                     const char *name);

/* Fills call for a node: everything that forward needs. */
void lnspi_engine_call(const lnspi_engine *engine, const void *state, int32_t node,
                       lnspi_call *call);

/* 1 if a node may be called for parts of the batch. */
int lnspi_engine_apart(const lnspi_engine *engine, int32_t node);
/* How many parts the batch is worth. */
int32_t lnspi_engine_parts(const lnspi_engine *engine);
/* Narrows a filled call, in a trainer, to count rows of the batch; returns the first of
 * its rows. */
int64_t lnspi_engine_rows(lnspi_call *call, int64_t from, int64_t count);
/* Narrows a filled call to part number index of count parts; returns its first row. */
int64_t lnspi_engine_narrow(const lnspi_engine *engine, lnspi_call *call, int32_t count,
                            int32_t index);

/* Runs all nodes; the input's rows are in place. Refuses any value that is not
 * finite: an output may look sound after one (relu of NaN is 0). */
int32_t lnspi_engine_forward(lnspi_engine *engine, const void *state, int64_t batch,
                             int64_t concepts, lnsp_problem *problem);

#endif

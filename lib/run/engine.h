/* A graph with the buffers for its largest batch, and running it forward. Sessions and trainers
 * are built on it. */
#ifndef LNSPI_RUN_ENGINE_H
#define LNSPI_RUN_ENGINE_H

#include "base/arena.h"
#include "graph/layer.h"
#include "run/plan.h"

typedef struct lnspi_engine {
  const lnspi_kernels *k;
  const lnsp_graph *graph; /* not owned: the model's or the trainer's */
  lnspi_plan plan;
  float *values; /* of all nodes, at plan.value_offset; their padding lanes are +0 */
  float *saved; /* from forward to backward, at plan.saved_offset; else of one call */
  float *scratch; /* of one call, or of each task's */
  float *product; /* the kernels' scratch for matrices that are not float32; likewise */
  lnspi_tasks tasks;
  uint8_t *mask; /* [batch, concepts] of 1, or 0 for padding; NULL where no layer uses a mask,
                    or with one concept a row */
  int32_t has_mask; /* 1: this pass has a mask, and mask is filled in for all its rows */
  int32_t training; /* 1: layers with dropout draw, from seed, pass and their number */
  uint64_t seed, pass; /* pass is another one in each pass that learns */
  int64_t batch, concepts; /* of the last forward, all groups together; 0 before */
} lnspi_engine;

/* Takes the plan's arrays and buffers from the arena (which may only count). */
void lnspi_engine_layout(lnspi_engine *engine, lnspi_arena *arena);

static inline int64_t lnspi_node_ld(const lnsp_graph *graph, int32_t node) {
  return lnspi_round16(graph->nodes[node].width);
}

static inline float *lnspi_engine_value(const lnspi_engine *engine, int32_t node) {
  return engine->values + engine->plan.value_offset[node];
}

/* lnspi_dispatch_select_for with a status; bytes: for int8 matrices. */
int32_t lnspi_engine_choose_kernels(const char *isa, int bytes, const lnspi_kernels **out,
                                    lnsp_error *error);

/* Fills call for a node: everything that forward needs. */
void lnspi_engine_fill_call(const lnspi_engine *engine, const void *state, int32_t node,
                            lnspi_call *call);

/* 1 if a node may be called for parts of the batch. */
int lnspi_engine_can_split(const lnspi_engine *engine, int32_t node);

/* How many parts the batch is worth. */
int32_t lnspi_engine_part_count(const lnspi_engine *engine);

/* Narrows a filled call, in a trainer, to count rows of the batch; returns the first of
 * its rows. */
int64_t lnspi_engine_select_rows(lnspi_call *call, int64_t from, int64_t count);

/* Narrows a filled call to part number index of count parts; returns its first row. */
int64_t lnspi_engine_select_part(const lnspi_engine *engine, lnspi_call *call, int32_t count,
                                 int32_t index);

/* Runs all nodes; the input's rows are in place. Refuses any value that is not
 * finite: an output may look sound after one (relu of NaN is 0). */
int32_t lnspi_engine_forward(lnspi_engine *engine, const void *state, int64_t batch,
                             int64_t concepts, lnsp_error *error);

#endif

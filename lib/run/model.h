/* A model: an immutable, counted version of the weights. */
#ifndef LNSPI_RUN_MODEL_H
#define LNSPI_RUN_MODEL_H

#include "format/safetensors.h"
#include "graph/graph.h"

struct lnsp_model {
  lnspi_block block;
  int32_t owners;
  int32_t reserved;
  lnsp_graph *graph;
  void *state; /* graph->state_bytes */
};

/* A model of this graph with a zero state stored as type, to be filled before anyone
 * else sees it, and the room of its longest row. options: already read. */
int32_t lnspi_model_alloc(const lnsp_graph *graph, int32_t type, const lnsp_options *options,
                          lnsp_model **out, float **row, lnsp_error *error);

/* One with a copy of a state of this graph, stored as type. */
int32_t lnspi_model_copy(const lnsp_graph *graph, const void *state, int32_t type,
                         const lnsp_options *options, lnsp_model **out, lnsp_error *error);

/* A fresh one from a text and a seed; one from a file; stored as options->storage
 * says. options: already read. */
int32_t lnspi_model_create(const char *text, uint64_t seed, const lnsp_options *options,
                           lnsp_model **out, lnsp_error *error);
int32_t lnspi_model_load(lnsp_file *file, const lnsp_options *options, lnsp_model **out,
                         lnsp_error *error);
void lnspi_model_release(lnsp_model *model);
void lnspi_model_hash(const lnsp_model *model, uint8_t out[32]);
/* If progress is cancelled, out is worthless. */
void lnspi_model_hash_reporting(const lnsp_model *model, lnspi_progress *progress,
                                uint8_t out[32]);
uint64_t lnspi_model_bytes(const lnsp_graph *graph, int32_t type);

#endif

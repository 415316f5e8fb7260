/* A model: an immutable, counted version of the weights. */
#ifndef LNSPI_RUN_MODEL_H
#define LNSPI_RUN_MODEL_H

#include "format/file.h"
#include "format/writer.h"
#include "run/state.h"

struct lnsp_model {
  lnspi_block block;
  int32_t owners;
  int32_t reserved;
  lnsp_graph *graph;
  void *state; /* graph->state_bytes */
};

/* A model of this graph with a zero state, to be filled before anyone else sees
 * it. options: already read. */
int32_t lnspi_model_blank(const lnsp_graph *graph, const lnsp_options *options,
                          lnsp_model **out, lnsp_problem *problem);
/* A fresh one from a text and a seed; one from a file. options: already read. */
int32_t lnspi_model_fresh(const char *text, uint64_t seed, const lnsp_options *options,
                          lnsp_model **out, lnsp_problem *problem);
int32_t lnspi_model_load(lnsp_file *file, const lnsp_options *options, lnsp_model **out,
                         lnsp_problem *problem);
void lnspi_model_release(lnsp_model *model);
void lnspi_model_hash(const lnsp_model *model, uint8_t out[32]);
uint64_t lnspi_model_bytes(const lnsp_graph *graph);

#endif

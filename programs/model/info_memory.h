/* Bytes to run and to train a network: `lnsp info --memory`. */
#ifndef MODEL_INFO_MEMORY_H
#define MODEL_INFO_MEMORY_H

#include "cli/args.h"
#include "cli/report.h"
#include "lnsp.h"

typedef struct info_memory_stored_as {
  lnsp_memory_info model, session;
  int32_t type;
} info_memory_stored_as;

typedef struct info_memory_plan {
  info_memory_stored_as run, published; /* published: what the trainer does */
  lnsp_memory_info trainer;
  int trains; /* whether there is a trainer */
  int64_t concepts;
} info_memory_plan;

/* Reads for how many concepts a row FLOP and memory are: --concepts, or a number that the
 * network takes: 5 where it joins a sequence to one row, else the fewest. Measures, but
 * not without --memory. 0 or an exit status. */
int info_memory_measure(const args *a, const lnsp_graph *graph, info_memory_plan *plan);
void info_memory_report(const report *r, const info_memory_plan *plan);

#endif

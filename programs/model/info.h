/* The parts of `lnsp info` and `lnsp new`: new.c reads the architecture that both are given,
 * info_memory.c counts bytes to run and to train a network. */
#ifndef MODEL_INFO_H
#define MODEL_INFO_H

#include "cli/args.h"
#include "lnsp.h"

/* The text in the arguments or in the file that they name, to be freed; NULL if that is a
 * safetensors file. */
char *info_architecture(const args *a, int *safetensors);

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
 * not without --memory. */
void info_memory_measure(const args *a, const lnsp_graph *graph, info_memory_plan *plan);
void info_memory_report(const info_memory_plan *plan);

#endif

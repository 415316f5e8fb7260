/* Weights of a file into a state. */
#ifndef LNSPI_RUN_LOAD_H
#define LNSPI_RUN_LOAD_H

#include "format/file.h"
#include "run/state.h"

/* Fills a zeroed state with the file's tensors: names with the prefix (nullable)
 * before them, or an alias. Refuses missing, misshapen and non-finite tensors
 * and, unless partial, tensors of the file that the graph does not have. row has
 * room for the longest row. */
int32_t lnspi_load(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                   int partial, void *state, float *row, lnsp_problem *problem);

/* Index of a tensor of the graph in the file, by name or alias; -1: none. */
int32_t lnspi_load_find(const lnsp_file *file, const char *prefix, const char *name);

/* Fresh values from the weights' initial distributions. */
void lnspi_init(const lnsp_graph *graph, uint64_t seed, void *state, float *row);

#endif

/* Weights of a file into a state. */
#ifndef LNSPI_RUN_LOAD_H
#define LNSPI_RUN_LOAD_H

#include "format/safetensors.h"
#include "run/state.h"

/* After the name of an I8 tensor: that of its scales, F32 [out] or [out, 1]. */
#define LNSPI_SCALE_SUFFIX "_scale"

/* Fills a zeroed state with the file's tensors: names with the prefix (nullable)
 * before them, or an alias. Refuses missing, misshapen and non-finite tensors, values
 * too large for the state's types, and tensors of the file that the graph does not
 * have. row has room for the longest row. */
int32_t lnspi_load(lnsp_file *file, const lnsp_graph *graph, const char *prefix, void *state,
                   float *row, lnsp_error *error);

/* The same for a zeroed array of floats laid out like a float32 state; other tensors
 * of the file are passed over. */
int32_t lnspi_load_array(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                         float *array, float *row, lnsp_error *error);

/* The same for rows handed on to write. */
int32_t lnspi_load_rows(lnsp_file *file, const lnsp_graph *graph, const char *prefix,
                        lnspi_row_write *write, void *user, float *row, lnsp_error *error);

/* The type that all matrices of the graph have in the file, if it is one of those
 * that a state may have; else LNSP_F32. */
int32_t lnspi_load_type(const lnsp_file *file, const lnsp_graph *graph, const char *prefix);

/* Index of a tensor of the graph in the file, by name or alias; -1: none. */
int32_t lnspi_load_find(const lnsp_file *file, const char *prefix, const char *name);

#endif

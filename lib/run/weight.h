/* A tensor of the state seen as rows of equal length. */
#ifndef LNSPI_RUN_WEIGHT_H
#define LNSPI_RUN_WEIGHT_H

#include <stdint.h>

#include "graph/graph.h"

/* A tensor seen as rows of equal length, in row-major order: MATRIX [out][in];
 * FLAT of rank 1: parts rows; FLAT of higher rank: dims[0] rows. */
int64_t lnspi_weight_rows(const lnspi_weight *weight);
int64_t lnspi_weight_columns(const lnspi_weight *weight);

/* The weight in an array of floats laid out like a float32 state (moments,
 * averages): as a weight of such a state. */
lnspi_weight lnspi_weight_in_array(const lnspi_weight *weight);

#endif

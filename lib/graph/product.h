/* The one place that multiplies by a matrix of the state, whatever its type. */
#ifndef LNSPI_GRAPH_PRODUCT_H
#define LNSPI_GRAPH_PRODUCT_H

#include "graph/layer.h"

/* y = x W^T + bias for rows rows, W being a part (0 .. parts-1) of the node's matrix
 * in slot; as the kernel linear says. bias may be NULL. */
void lnspi_product(const lnspi_call *call, int32_t slot, int32_t part, const float *bias,
                   const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows);

/* Floats of call->product for a node that runs rows rows. */
int64_t lnspi_product_floats(const lnsp_graph *graph, const lnspi_node *node, int64_t rows);

/* dx = d W, of a matrix in float32 or bfloat16 (the other types are never trained), as the
 * kernel linear_dx says. */
void lnspi_product_dx(const lnspi_call *call, int32_t slot, int32_t part, const float *d,
                      int64_t ldd, float *dx, int64_t lddx, int64_t rows, int pad);

#endif

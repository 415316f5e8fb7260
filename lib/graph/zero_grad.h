/* What only the whole graph tells its layers. */
#ifndef LNSPI_GRAPH_ZERO_GRAD_H
#define LNSPI_GRAPH_ZERO_GRAD_H

#include "graph/graph.h"

void lnspi_zero_grad_mark(lnsp_graph *graph);

#endif

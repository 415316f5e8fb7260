/* Which values may move by a constant without any output changing: see zero_grad.c. */
#ifndef LNSPI_GRAPH_ZERO_GRAD_H
#define LNSPI_GRAPH_ZERO_GRAD_H

#include "graph/graph.h"

/* Sets constant_lost of all nodes of a finished graph. */
void lnspi_zero_grad_mark(lnsp_graph *graph);

#endif

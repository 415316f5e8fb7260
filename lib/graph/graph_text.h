/* A graph written out as text, which the parser reads back to an equal graph. */
#ifndef LNSPI_GRAPH_GRAPH_TEXT_H
#define LNSPI_GRAPH_GRAPH_TEXT_H

#include "graph/graph.h"

/* Appends " w=NAME", NAME being the name of the weight in slot without suffix. */
size_t lnspi_graph_text_weight(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                               const char *suffix, char *to, size_t capacity, size_t used);
size_t lnspi_graph_text_tensor(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                               const char *key, const char *suffix, char *to, size_t capacity,
                               size_t used);

/* The written-out text; returns its length without terminator. */
size_t lnspi_graph_text_write(const lnsp_graph *graph, char *buffer, size_t capacity);

/* 1 if two architecture texts of graphs are of one network: they are equal but for old and
 * new words for the same layer. Takes no memory, as building both would. */
int lnspi_graph_text_same(const char *a, const char *b);

#endif

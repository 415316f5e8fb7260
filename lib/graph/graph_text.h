/* A graph written out as text, which the parser reads back to an equal graph. */
#ifndef LNSPI_GRAPH_GRAPH_TEXT_H
#define LNSPI_GRAPH_GRAPH_TEXT_H

#include <math.h>

#include "base/text.h"
#include "graph/graph.h"

/* For a layer's write: appends " w=NAME", NAME being the name of the tensor in slot without
 * suffix; or another key for w. */
void lnspi_graph_text_weight(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                             const char *suffix, lnspi_text *text);
void lnspi_graph_text_tensor(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                             const char *key, const char *suffix, lnspi_text *text);

/* ... " key=value" in the shortest form that reads back to the same bits, unless these are
 * those of usual. */
#define LNSPI_GRAPH_TEXT_ALWAYS ((double)NAN) /* as usual: no argument is NaN */
void lnspi_graph_text_real(lnspi_text *text, const char *key, float value, double usual);

/* The written-out text, cut to capacity bytes with the terminator; returns its whole length. */
size_t lnspi_graph_text_write(const lnsp_graph *graph, char *buffer, size_t capacity);

/* 1 if two architecture texts of graphs are of one network: they are equal but for old and
 * new words for the same layer. Takes no memory, as building both would. */
int lnspi_graph_text_same(const char *a, const char *b);

/* Sets the error for two texts that are not: "WHAT is for another network, with 'd=384': give
 * one with 'd=768'", which is the first difference. Returns code. */
int32_t lnspi_graph_text_refuse(int32_t code, const char *name, const char *what,
                                const char *its, const char *needed, lnsp_error *error);

#endif

/* What a layer declares about itself through the builder */
#ifndef LNSPI_GRAPH_DECLARE_H
#define LNSPI_GRAPH_DECLARE_H

#include <stdint.h>

#include "graph/layer.h"

/* Refuses inputs of which a sequence has different numbers of rows. */
void lnspi_declare_same_length(lnspi_builder *builder, const lnspi_node *node);

/* The define of layers of two values, number by number: the same length and width. */
void lnspi_declare_pairwise(lnspi_builder *builder, lnspi_node *node);

/* The network takes only low to high (0: any) concepts a row, in multiples of step:
 * narrows what earlier layers said, and refuses what contradicts them. */
void lnspi_declare_concepts(lnspi_builder *builder, int64_t low, int64_t high, int64_t step);

/* Declares the tensor NAME followed by suffix, where the line has w=NAME. shape
 * gives kind, parts, init, amount, rank, dims. A tensor declared before is shared
 * if all of that agrees. Sets node->slot[slot]. */
void lnspi_declare_weight(lnspi_builder *builder, lnspi_node *node, int32_t slot,
                          const char *suffix, const lnspi_weight *shape);

/* The same of a tensor named by another key than w. */
void lnspi_declare_tensor(lnspi_builder *builder, lnspi_node *node, int32_t slot,
                          const char *key, const char *suffix, const lnspi_weight *shape);

#endif

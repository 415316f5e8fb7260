/* Declarations of a layer, through the builder. */
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

/* Shapes for the functions below, which a layer may still change: a FLAT tensor, of rank 1 if
 * columns is 0; and parts matrices [out, in] one below the other, uniform in
 * [-amount, amount). */
lnspi_weight lnspi_declare_flat_shape(int64_t rows, int64_t columns, int32_t init,
                                      float amount);
lnspi_weight lnspi_declare_matrix_shape(int32_t parts, int64_t out, int64_t in, float amount);

/* Declares the tensor NAME followed by suffix, where the line has w=NAME. shape gives kind,
 * parts, init, amount, rank, dims and so on. A tensor declared before is shared if its
 * shape and use agree. Sets node->slot[slot]. */
void lnspi_declare_weight(lnspi_builder *builder, lnspi_node *node, int32_t slot,
                          const char *suffix, const lnspi_weight *shape);

/* A matrix [out, in] in slot and its bias [out] in the next one, with the distribution of a
 * fresh torch.nn.Linear. */
void lnspi_declare_linear(lnspi_builder *builder, lnspi_node *node, int32_t slot,
                          const char *const suffix[2], int64_t out, int64_t in);

/* The same of a tensor named by another key than w. */
void lnspi_declare_tensor(lnspi_builder *builder, lnspi_node *node, int32_t slot,
                          const char *key, const char *suffix, const lnspi_weight *shape);

#endif

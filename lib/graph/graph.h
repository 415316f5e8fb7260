/* The network as typed layers: nodes, the widths of their values, and the tensors of the
 * state.
 *
 * A graph says everything about a network but the numbers in its tensors. It is built from a
 * text (builder.c) and then only read, except that a handle may choose in its own copy how
 * matrices are stored. It is one piece of memory without pointers to outside: the struct, then
 * the nodes, the weights and the text, in this order, so that a model or a trainer carries its
 * copy in its own block, and moving it is a memmove and three new pointers.
 *
 * Nodes are in the order of the text, each input an earlier node, so that one loop up runs the
 * network and one loop down its gradients. Weights are in the order in which the lines declare
 * them. That order is the canonical one: hashes, deltas, saved files and the state follow it.
 */
#ifndef LNSPI_GRAPH_GRAPH_H
#define LNSPI_GRAPH_GRAPH_H

#include "base/block.h"
#include "graph/layer_args.h"

#define LNSPI_MAX_NODES 1024
#define LNSPI_MAX_WEIGHTS 2048
#define LNSPI_MAX_OUTPUTS 8
#define LNSPI_NAME_BYTES 96 /* tensor names, with the terminator */
#define LNSPI_VALUE_BYTES 32 /* value and output names */
#define LNSPI_MAX_INPUTS 4
#define LNSPI_MAX_SLOTS 12
#define LNSPI_MAX_WIDTH 65536
#define LNSPI_MAX_KERNEL 32 /* of a convolution, in concepts */
#define LNSPI_MAX_CONCEPTS 65536 /* a row */

/* how a tensor is laid out in the state */
#define LNSPI_MATRIX \
  1 /* [out, in], packed in panels; parts: rows are split into
                          that many equal matrices, each packed by itself */
#define LNSPI_FLAT \
  2 /* as it is; parts: each padded to 16 floats; rank over 1
                          has one part */

/* initial distribution */
#define LNSPI_INIT_ZERO 0
#define LNSPI_INIT_ONE 1
#define LNSPI_INIT_UNIFORM 2 /* in [-amount, amount) */
#define LNSPI_INIT_NORMAL 3 /* centre, standard deviation amount */
#define LNSPI_INIT_LIST 4 /* the values of start */
#define LNSPI_INIT_WAVES 5 /* the table of sinusoidal positions: layers/position.c */
#define LNSPI_START 8 /* most values of start */

typedef struct lnspi_weight {
  char name[LNSPI_NAME_BYTES];
  int32_t kind, parts, init, rank;
  float amount, centre;
  float start[LNSPI_START];
  int32_t fixed; /* 1: part of the state, but never trained: no parameter */
  int32_t optional; /* 1: a file may lack it; it then has its initial values */
  int32_t reserved;
  int32_t type; /* in a state; only MATRIX weights have another than LNSP_F32 */
  int64_t dims[4];
  int64_t count; /* elements */
  /* In a state, by its type: */
  int64_t at; /* bytes from the start, a multiple of 64 */
  int64_t bytes; /* with padding, a multiple of 64; parts of equal size */
  /* In an array of floats laid out like a float32 state: moments, averages. */
  int64_t offset; /* floats from its start, a multiple of 16 */
  int64_t floats; /* with padding, a multiple of 16 */
} lnspi_weight;

/* What a value does when one constant is added to all rows of an input (zero_grad.c). */
#define LNSPI_SHIFT_KEYS 1 /* input 1 are keys: all rows of the value move alike */
#define LNSPI_SHIFT_PASSES 2 /* input 0: all rows of the value move alike */
#define LNSPI_SHIFT_LOST 3 /* input 0: the value stays as it is */

typedef struct lnspi_node {
  char name[LNSPI_VALUE_BYTES];
  int32_t layer; /* index into lnspi_layer_at */
  int32_t input_count;
  int32_t input[LNSPI_MAX_INPUTS]; /* earlier nodes */
  int32_t slot[LNSPI_MAX_SLOTS]; /* weights, -1: absent */
  lnspi_layer_args args; /* the member of the layer */
  int32_t shift; /* LNSPI_SHIFT_..., set by define */
  int32_t constant_lost; /* 1: no output changes if all rows of the value do alike */
  /* Rows: 1: one a concept; n: one every n concepts; 0: one a sequence. */
  int64_t every;
  int64_t width;
} lnspi_node;

typedef struct lnspi_output {
  char name[LNSPI_VALUE_BYTES];
  int32_t node;
  int32_t reserved;
} lnspi_output;

struct lnsp_graph {
  lnspi_block block; /* of a graph that is its own handle */
  uint64_t bytes; /* of this struct and all that follows it */
  int32_t node_count, weight_count, output_count;
  int32_t id_count; /* the input is ids from 0 to id_count - 1; 0: it is vectors */
  int64_t parameter_count; /* of what may be trained */
  int64_t state_bytes; /* of a state, by the types of its weights */
  int64_t state_floats; /* of an array laid out like a float32 state */
  /* Concepts a row that the network takes: low to high (0: any), multiples of step. */
  int64_t concepts_low, concepts_high, concepts_step;
  lnspi_output outputs[LNSPI_MAX_OUTPUTS]; /* 0 is "output" */
  lnspi_node *nodes; /* node 0 is the input */
  lnspi_weight *weights; /* canonical order: that of declaration */
  char *architecture; /* see lnsp_graph_architecture */
};

/* Shapes of a file's tensors, for what a text leaves open. NULL: no file. */
typedef struct lnspi_shapes {
  void *user;
  /* 1 and *rank, dims if the file has the tensor, else 0 */
  int (*find)(void *user, const char *name, int32_t *rank, int64_t dims[4]);
} lnspi_shapes;

/* Bytes that suffice to build the text's graph. */
int32_t lnspi_graph_measure(const char *text, const lnspi_shapes *shapes, uint64_t *bytes,
                            lnsp_error *error);

/* Builds in memory (aligned to LNSPI_ALIGN, at least as measured); the graph's
 * own bytes field says what it took. */
int32_t lnspi_graph_build(const char *text, const lnspi_shapes *shapes, void *memory,
                          uint64_t bytes, lnsp_graph **out, lnsp_error *error);

/* A copy in other memory of from->bytes bytes (may overlap). block is zeroed. */
lnsp_graph *lnspi_graph_move(const lnsp_graph *from, void *memory);
int32_t lnspi_graph_find_weight(const lnsp_graph *graph, const char *name); /* or -1 */
int32_t lnspi_graph_find_output(const lnsp_graph *graph, const char *name); /* or -1 */

/* How matrices are stored from now on, which changes the layout of the state. The graph is
 * the layout of a state: each handle changes only its own copy. */
void lnspi_graph_set_storage(lnsp_graph *graph, int32_t type); /* LNSP_F32, F16, BF16 or I8 */
int64_t lnspi_graph_storage_bytes(const lnsp_graph *graph, int32_t type); /* of a state then */

/* The type of the matrices; LNSP_F32 if there is no matrix. */
int32_t lnspi_graph_storage(const lnsp_graph *graph);

/* Same nodes, widths and tensors (names and shapes), stored in any type. */
int lnspi_graph_equal(const lnsp_graph *a, const lnsp_graph *b);

/* Rows that a value has for a sequence of so many concepts. */
static inline int64_t lnspi_graph_rows(const lnsp_graph *graph, int32_t node,
                                       int64_t concepts) {
  const int64_t every = graph->nodes[node].every;
  return every == 0 ? 1 : concepts / every;
}

/* Refuses a number of concepts that the network does not take. */
int32_t lnspi_graph_check_concepts(const lnsp_graph *graph, int64_t concepts,
                                   lnsp_error *error);
int64_t lnspi_graph_flops(const lnsp_graph *graph, int64_t concepts);

/* Another name under which files of the origin carry a tensor, number index; 0
 * when there are no more. to[LNSPI_NAME_BYTES]. */
int lnspi_graph_tensor_alias(const char *name, int32_t index, char *to);

/* 1 for a tensor that files of text models carry, though what they are loaded for does not
 * depend on it: a count of positions, and BERT's head for pairs of sentences. */
int lnspi_graph_ignores(const lnsp_graph *graph, const char *name);

#endif

/* One layer: a const table of functions and facts. A new layer is one file in layers/ and one
 * line in layers/list.h; docs/adding_a_layer.md walks through one.
 *
 * The life of a layer's line. The builder reads the line and calls `define`, which takes its
 * sizes and keys (arg.h), declares tensors (declare.h) and sets the node's width and rows. A
 * handle that will run the network asks `need` what the layer keeps and needs as scratch for
 * the largest batch, and reserves it in its block. Then, for each pass, `forward` is called
 * for the nodes in order; in a trainer `backward` follows in the opposite order. Neither
 * allocates, fails or knows about losses and optimizers.
 *
 * Gradients of tensors take two ways. Those of small (FLAT) tensors are added to dweight at
 * once. The gradient of a matrix is a sum of outer products over rows, and the whole of it
 * would be as large as the matrix; so backward only tells through `use` where the two factors
 * are, and the update forms the sum tile by tile, in registers. The price is that the factors
 * must stay as they are until the update: a value, dout, or something in saved.
 *
 * What a layer may rely on, and must keep to: row r of a value is at value + r * ld, ld is the
 * width rounded up to 16, and the numbers between width and ld (the pads) are +0 before and
 * after. Results may depend on nothing but the inputs: not on the batch size, the kernel set,
 * how many tasks run, or how padding is laid out. So all arithmetic goes through the kernels
 * or is single IEEE operations in a fixed order. */
#ifndef LNSPI_GRAPH_LAYER_H
#define LNSPI_GRAPH_LAYER_H

#include "base/tasks.h"
#include "base/text.h"
#include "base/unknown.h"
#include "graph/graph.h"
#include "kernels/kernels.h"

/* How much a node does: concepts of its value and of its inputs, for each of batch
 * sequences. rows = batch * concepts. */
typedef struct lnspi_extent {
  const lnsp_graph *graph;
  const lnspi_node *node;
  int64_t batch, concepts, rows;
  int64_t in_concepts[LNSPI_MAX_INPUTS];
  int64_t most_rows; /* of its value or an input */
} lnspi_extent;

/* concepts: of the network's input. */
lnspi_extent lnspi_layer_extent(const lnsp_graph *graph, const lnspi_node *node, int64_t batch,
                                int64_t concepts);

/* What forward and backward get. Row r of a value is at value + r * ld; its pad
 * lanes (width to ld) are +0 on entry and must be +0 on return. rows = batch *
 * concepts; row b * concepts + c is concept c of sequence b. Values that a sequence has
 * one row of, or one every few concepts (lnspi_node.every), have fewer: concepts is of
 * the node's own value, in_concepts of its inputs'. */
typedef struct lnspi_call {
  const lnspi_kernels *k;
  const lnsp_graph *graph;
  const lnspi_node *node;
  int64_t batch, concepts, rows;
  int64_t in_concepts[LNSPI_MAX_INPUTS], in_rows[LNSPI_MAX_INPUTS];
  int64_t first, all_batch; /* these are sequences first.. of all_batch */
  int64_t row0, all_rows; /* rows are a part, from row0 on, of the all_rows rows that
                             saved is for; only where need() says rows_apart */
  /* NULL, or for each concept of the network's input, of the same sequences, 1 or 0
   * for padding, which layers with .masks skip as if it were not there; the first
   * sequence's row. Only for inputs with one row a concept. */
  const uint8_t *mask;
  int64_t mask_ld; /* concepts of the network's input */
  /* 1 in a trainer's pass, where dropout is at work: element e of the
   * value (over the whole batch, from row0 on) takes lnspi_random(seed, pass,
   * number of the node, e). */
  int32_t training, number;
  uint64_t seed, pass;
  const lnspi_tasks *tasks; /* for product.h; NULL in what is a task itself */
  int32_t split, unused;    /* 1: product.h gives outputs to tasks even where it would
                               not for the sake of the matrix alone */
  const float *in[LNSPI_MAX_INPUTS];
  int64_t in_ld[LNSPI_MAX_INPUTS];
  int64_t in_width[LNSPI_MAX_INPUTS];
  float *out;            /* forward writes it; backward reads it */
  int64_t out_ld;
  const void *weight[LNSPI_MAX_SLOTS]; /* in the state; NULL where absent. FLAT: floats;
                                          MATRIX: only product.h reads them */
  float *saved;          /* from forward to backward, as need() asked */
  float *scratch;        /* for the call only */
  float *product;        /* scratch of product.h */
  /* backward only */
  const float *dout;     /* same ld as out */
  float *din[LNSPI_MAX_INPUTS];   /* same ld as in; written whole, pads too; NULL:
                                     not wanted */
  float *dweight[LNSPI_MAX_SLOTS]; /* FLAT weights: added to; NULL: not wanted */
  /* MATRIX weights: the gradient is sum over rows of d[r] x[r]^T; x and d must
   * stay as they are until the update (a value, dout, or in saved). */
  void (*use)(const struct lnspi_call *call, int32_t slot, int32_t part, const float *x,
              int64_t ldx, const float *d, int64_t ldd, int64_t rows);
  void *use_data;
  /* 1: backward was called for these rows before, and dout and what use was given may have
   * been scaled since: only add to dweight once more. din and use are NULL. */
  int32_t dweight_only;
} lnspi_call;

typedef struct lnspi_need {
  int64_t saved_floats;   /* kept from forward to the update */
  int64_t scratch_floats; /* during one call */
  int64_t uses;           /* calls of use() in one backward */
  int64_t rows_apart;     /* 1: saved is laid out so that forward and backward may be
                             called for parts of the batch. Layers that save nothing,
                             and forward without a backward, may always */
} lnspi_need;

typedef struct lnspi_builder lnspi_builder;

#define LNSPI_MASKS 1
#define LNSPI_NO_MASK 2

typedef struct lnspi_layer {
  const char *name;
  const char *help;       /* "y = linear x OUT w=NAME [bias=0|1]: ..." */
  const char *old_name;   /* NULL, or the word that texts had before 0.2; still read */
  int32_t inputs_low, inputs_high;
  int32_t weights_high;   /* most tensors one node declares */
  /* Most that the builder's line declares, by its keys alone; NULL: weights_high. */
  int32_t (*weights)(const lnspi_builder *builder);
  /* Reads the sizes and keys, sets width, every, its args, and declares weights
   * through the builder (builder.h), which remembers the first failure. */
  void (*define)(lnspi_builder *builder, lnspi_node *node);
  void (*need)(const lnspi_extent *extent,
               lnspi_need *need); /* need is zeroed; NULL: nothing */
  void (*forward)(const lnspi_call *call);
  void (*backward)(const lnspi_call *call);
  int64_t (*flops)(const lnspi_extent *extent); /* NULL: no products */
  /* Appends the sizes and keys to the written-out text (graph_text.h); NULL: there are none. */
  void (*write)(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text);
  /* Layers that look at several concepts: LNSPI_MASKS skips those that the mask leaves
   * out, LNSPI_NO_MASK cannot, so that a mask is refused. 0: each row by itself. */
  int32_t masks;
  int32_t takes_ids; /* 1: its input may be ids; every other layer refuses them */
  int32_t no_dweight_only; /* 1: backward cannot be called again: trainers refuse clip_each */
  uint32_t untrained; /* bits of slots that get no gradient: neither decay nor moments */
  /* NULL, or what each update of a trainer does to the fixed tensor in slot 0, from the
   * values of the last pass; returns the largest magnitude that goes into it. tensor NULL:
   * only that. */
  float (*update)(const lnspi_call *call, float *tensor);
} lnspi_layer;

/* Zeros the lanes between width and ld of rows rows. */
static inline void lnspi_layer_zero_pads(float *x, int64_t ld, int64_t rows, int64_t width) {
  if (ld <= width) return;
  for (int64_t r = 0; r < rows; r++)
    memset(x + r * ld + width, 0, (size_t)(ld - width) * sizeof *x);
}

/* width numbers of each row; pads of `to` stay as they are. */
static inline void lnspi_layer_copy(float *to, int64_t ld_to, const float *from,
                                    int64_t ld_from, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++)
    memcpy(to + r * ld_to, from + r * ld_from, (size_t)width * sizeof *to);
}

/* 1: row r of the value is padding. Rows that are not one a concept have no mask. */
static inline int lnspi_layer_masked(const lnspi_call *c, int64_t r) {
  return c->mask && c->node->every == 1 &&
         !c->mask[r / c->concepts * c->mask_ld + r % c->concepts];
}

lnspi_need lnspi_layer_need(const lnspi_extent *extent);
int64_t lnspi_layer_flops(const lnspi_extent *extent);
const lnspi_layer *lnspi_layer_at(int32_t index); /* NULL past the end */
int32_t lnspi_layer_find(lnspi_unknown *name); /* by either name; or -1, after offering all */

#endif

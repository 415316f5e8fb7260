/* The arguments of each layer's line: one struct a layer, together in one union of a node.
 *
 * define (layer.h) fills in the layer's own member; need, forward, backward and write read it
 * as node->args.conv.kernel and so on. Nobody else looks into it, except the tests' reference
 * of the layer. What follows from the line but is no argument (widths, tensors, rows) is in
 * the node itself.
 *
 * A graph is moved and compared as plain memory, so that members are int32_t and float alone:
 * no pointer, no padding. A node starts as zeros, and zero should be the usual value. */
#ifndef LNSPI_GRAPH_LAYER_ARGS_H
#define LNSPI_GRAPH_LAYER_ARGS_H

#include <stdint.h>

/* Which keys a query sees (layers/sdpa.h): key j of query i if j <= i where causal, and
 * |i - j| <= window where that is not -1. */
typedef struct lnspi_sdpa_pattern {
  int32_t causal, window;
  int32_t added; /* queries and keys of the tensor that is added to the scores, or 0 */
} lnspi_sdpa_pattern;

typedef union lnspi_layer_args {
  struct lnspi_attention_args {
    int32_t heads, bias;
    int32_t names; /* index into the table of tensor names: attention.c */
    lnspi_sdpa_pattern pattern;
  } attention;
  struct lnspi_conv_args {
    int32_t kernel; /* taps */
  } conv;
  struct lnspi_dot_args {
    float scale;
  } dot;
  struct lnspi_dropout_args {
    float p;
  } dropout;
  struct lnspi_embedding_args {
    int32_t ids; /* rows of the table */
    int32_t pad; /* the id whose row gets no gradient, or -1 */
  } embedding;
  struct lnspi_l2norm_args {
    float eps;
    int32_t add; /* 1: x / (|x| + eps); 0: x / max(|x|, eps) */
  } l2norm;
  struct lnspi_last_args {
    int32_t first; /* 1: the layer first */
  } last;
  struct lnspi_layernorm_args {
    int32_t affine;
    float eps;
  } layernorm;
  struct lnspi_linear_args {
    int32_t bias;
    int32_t init;        /* 0: uniform, 1: zero */
    int32_t bias_init;   /* 0: uniform, 1: zero, 2: one */
    int32_t parts, part; /* part is the line's own of so many matrices in the tensor */
  } linear;
  struct lnspi_mean_args {
    int32_t skip_last;
  } mean;
  struct lnspi_memory_read_args {
    int32_t slots;
    int32_t zero; /* the query is so many zeros, and not the input; 0: the input */
  } memory_read;
  struct lnspi_memory_write_args {
    int32_t slots;
  } memory_write;
  struct lnspi_position_args {
    int32_t rows; /* of the table */
    int32_t kind; /* index into learned, sinusoid, fixed: position.c */
    int32_t rank; /* of the tensor */
    int32_t row;  /* the row that all concepts get, or -1: each its own */
  } position;
  struct lnspi_rmsnorm_args {
    float eps;
  } rmsnorm;
  struct lnspi_rnn_args { /* of gru and lstm */
    int32_t layer;                /* the number in the names of the tensors */
    int32_t chunk;                /* rows after which the state is zero again; 0: never */
    int32_t bias;
  } rnn;
  struct lnspi_scale_args {
    float by;
  } scale;
  struct lnspi_sdpa_args {
    int32_t heads;
    lnspi_sdpa_pattern pattern;
  } sdpa;
  struct lnspi_slice_args {
    int32_t from; /* the first column */
  } slice;
  struct lnspi_softmax_args {
    int32_t over_concepts; /* 0: over the width */
  } softmax;
  int32_t room[10]; /* so that a few more arguments do not change the bytes of any handle */
} lnspi_layer_args;

/* Every host lays it out alike, since a handle takes the same number of bytes on all. */
_Static_assert(sizeof(lnspi_layer_args) == 40 && _Alignof(lnspi_layer_args) == 4,
               "arguments of a layer are int32_t and float alone, at most 10 of them");

#endif
